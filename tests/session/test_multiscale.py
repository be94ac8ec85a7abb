"""Multiscale images: a model that sees a large plane squeezed reads a level of it; labels are on the finest."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine import load_predictor
from napari_sam2.engine.sam2.tracking import crop_window
from napari_sam2.session import VideoSession
from support.random_networks import random_predictor

SIDE = 512
CENTRE, RADIUS = (301.0, 187.0), 90.0


class Counting:
    """A level that counts the pixels that are read of it."""

    def __init__(self, values):
        self.values, self.shape, self.dtype, self.pixels = values, values.shape, values.dtype, 0

    def __getitem__(self, index):
        part = self.values[index]
        self.pixels += part.size
        return part


def disc(frames=1):
    rows, columns = np.ogrid[:SIDE, :SIDE]
    inside = np.hypot(rows - CENTRE[0], columns - CENTRE[1]) <= RADIUS
    return np.repeat(np.where(inside, 200, 20).astype(np.float32)[None], frames, axis=0)


def means(array, factor):
    n = SIDE // factor
    return array.reshape(-1, n, factor, n, factor).mean(axis=(2, 4))


@pytest.fixture(autouse=True)
def _small_planes_count_as_large(monkeypatch):
    monkeypatch.setattr(crop_window, "LARGE_PIXELS", 1000)


def pyramid(build=means, frames=1):
    array = disc(frames)
    levels = [Counting(build(array, f)) for f in (2, 4, 8)]
    return ImageVolume(Counting(array), levels=levels), levels


def picked(array, factor):
    return array[:, ::factor, ::factor]


def centre_of(picture):
    """The centre of what is bright, in pixel edges of the full grid."""
    weights = picture - picture.min()
    places = np.stack(np.indices(picture.shape), axis=-1) + 0.5
    return (weights[..., None] * places).sum(axis=(0, 1)) / weights.sum() * SIDE / len(picture)


@pytest.mark.parametrize(("build", "shift", "tolerance"), [(means, 0.0, 0.3), (picked, 3.5, 1.0)])
def test_the_picture_of_a_level_lies_where_the_plane_is(monkeypatch, build, shift, tolerance):
    predictor, seen = random_predictor(), []
    encode = predictor.model.encode_image
    monkeypatch.setattr(predictor.model, "encode_image", lambda p: seen.append(p[0, 0].numpy().copy()) or encode(p))
    volume, levels = pyramid(build)
    session = VideoSession(predictor, volume, contrast_limits=(0, 255), zoom=None)
    session.add_box(1, 0, (211, 97, 392, 278))
    session.predict_frame(0)
    # The network sees 64² of 512²: the level reduced by 8 has just these.
    assert volume.array.pixels == levels[0].pixels == levels[1].pixels == 0
    assert levels[2].pixels == 64 * 64
    offset = centre_of(seen[0]) - (np.array(CENTRE) + 0.5)
    # A pixel of the level is 8 of the plane; a picked one stands for a block whose centre is 3.5 pixels further.
    assert np.abs(offset - shift).max() < tolerance
    assert session.labels().shape == (1, SIDE, SIDE)


def test_through_a_small_window_the_finest_level_is_read():
    volume, levels = pyramid()
    session = VideoSession(random_predictor(), volume, contrast_limits=(0, 255), zoom=2.0)
    session.add_box(1, 0, (290, 170, 315, 195))
    session.predict_frame(0)
    assert 0 < volume.array.pixels < SIDE**2 / 4
    assert not any(level.pixels for level in levels)


@pytest.mark.parametrize("zoom", [None, "auto"])
def test_masks_land_on_the_full_grid_as_without_levels(zoom):
    starter = load_predictor("starter", device="cpu")
    found = []
    for volume in (pyramid()[0], ImageVolume(disc())):
        session = VideoSession(starter, volume, contrast_limits=(0, 255), zoom=zoom)
        session.add_box(1, 0, (211, 97, 392, 278))
        found.append(session.predict_frame(0)[1])
        session.close()
    reduced, full = found
    assert reduced.shape == (SIDE, SIDE)
    for mask in found:
        # Below one pixel of the level that is reduced by 2: the starter model sees 256² of 512².
        assert np.abs(np.argwhere(mask).mean(axis=0) - CENTRE).max() < 2
    truth = disc()[0] > 100
    iou = [np.count_nonzero(m & truth) / np.count_nonzero(m | truth) for m in found]
    assert min(iou) > 0.93
    assert abs(iou[0] - iou[1]) < 0.02
    assert np.count_nonzero(reduced != full) < 0.01 * np.count_nonzero(full) + 600
