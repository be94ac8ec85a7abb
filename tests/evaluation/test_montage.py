"""Pictures of results."""

from __future__ import annotations

import numpy as np
from PIL import Image

from napari_sam2.evaluation.montage import montage_frames, overlay, save_montage


def test_a_mask_is_outlined_and_filled_lightly():
    frame = np.full((100, 100, 1), 0.5, np.float32)
    mask = np.zeros((100, 100), bool)
    mask[40:60, 40:60] = True
    tile = np.asarray(overlay(frame, [(mask, (1.0, 0.0, 0.0))], ""))
    assert tile.shape == (300, 300, 3)
    assert tile[120, 150].tolist() == [255, 0, 0], "the rim"
    assert tile[150, 150].tolist() == [153, 102, 102], "a fifth of the colour inside"
    assert tile[250, 250].tolist() == [127, 127, 127]


def test_tiles_stand_in_rows(tmp_path):
    tiles = [Image.new("RGB", (10, 8), color) for color in ("red", "lime", "blue")]
    save_montage(tmp_path / "new" / "m.png", tiles, columns=2)
    with Image.open(tmp_path / "new" / "m.png") as sheet:
        assert sheet.size == (24, 20)
        assert [sheet.getpixel(at) for at in ((5, 4), (19, 4), (5, 16), (19, 16))] == [
            (255, 0, 0),
            (0, 255, 0),
            (0, 0, 255),
            (0, 0, 0),
        ]


def test_frames_are_spread_over_those_with_a_mask():
    found = {frame: np.full((2, 2), 3 <= frame <= 13) for frame in range(20)}
    assert montage_frames(found, 3) == [3, 8, 13]
    assert montage_frames(found, 100) == list(range(3, 14))
    assert montage_frames({0: np.zeros((2, 2), bool)}, 3) == []
