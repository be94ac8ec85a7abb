"""An image that cannot be read any more while it is worked on: the image is blamed, and what was done stays."""

from __future__ import annotations

import contextlib

import dask.array as da
import numpy as np
import pytest

FRAMES, SIDE, BAD = 6, 40, 4


@pytest.fixture
def drive():
    """``(image, broken)``: an image of one chunk a slice, and the set of slices that cannot be read now."""
    values = np.random.default_rng(0).integers(0, 1000, (FRAMES, SIDE, SIDE)).astype(np.int16)
    broken = {BAD}

    def block(block_id=None):
        if block_id[0] in broken:
            raise OSError("the network drive went away")
        return values[block_id[0]][None]

    chunks = ((1,) * FRAMES, (SIDE,), (SIDE,))
    image = da.map_blocks(block, chunks=chunks, dtype=values.dtype, meta=np.zeros((0, 0, 0), values.dtype))
    return image, broken


def test_the_image_is_blamed_and_the_session_goes_on(desk, drive, warned, tmp_path):
    image, broken = drive
    d = desk(image, contrast_limits=(0, 900))
    d.settle()
    warned.clear()
    d.click(2, 20, 20)
    assert d.labels[2, 20, 20] == 1
    assert d.session.path is None
    assert [text.splitlines()[0] for text in warned] == [
        "The session is kept in memory only: The image 'picture' cannot be read at z = 4: the network drive went away."
    ]
    broken.clear()
    target = tmp_path / "mine.sam2"
    d.widget.session.save_chosen.emit(str(target))
    d.settle()
    assert d.session.path == target


def test_an_answer_that_cannot_be_computed_leaves_the_mark(desk, drive, warned):
    image, broken = drive
    d = desk(image, contrast_limits=(0, 900))
    d.click(BAD, 20, 20)
    assert not d.labels.any()
    assert any("cannot be read at z = 4" in text for text in warned)
    assert d.session.prompted_frames(1) == [BAD]
    broken.clear()
    d.click(BAD, 22, 22)
    assert d.labels[BAD, 20, 20] == d.labels[BAD, 22, 22] == 1
    assert len(d.session.prompts(1, BAD).points) == 2


def test_a_slice_that_napari_cannot_show_stops_nothing(desk, drive):
    image, _ = drive
    d = desk(image, contrast_limits=(0, 900))
    # A frame along y holds a row of every slice.
    with pytest.raises(OSError, match="network drive"):
        d.controller.choices.choose_axis("y")
    assert d.controller.choices.worker.grid.frame_axis == "y"
    with contextlib.suppress(OSError):
        d.controller.choices.choose_axis("z")
    d.click(2, 20, 20)
    assert d.labels[2, 20, 20] == 1
