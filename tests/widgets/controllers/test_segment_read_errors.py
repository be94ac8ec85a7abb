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


def test_the_image_is_blamed_and_the_session_goes_on(make_driver, drive, warned, tmp_path):
    image, broken = drive
    driver = make_driver(image, contrast_limits=(0, 900))
    driver.settle()
    warned.clear()
    driver.click(2, 20, 20)
    assert driver.labels[2, 20, 20] == 1
    assert driver.session.path is None
    assert [text.splitlines()[0] for text in warned] == [
        "The session is kept in memory only: The image 'picture' cannot be read at z = 4: the network drive went away."
    ]
    broken.clear()
    target = tmp_path / "mine.sam2"
    driver.widget.session.save_chosen.emit(str(target))
    driver.settle()
    assert driver.session.path == target


def test_an_answer_that_cannot_be_computed_leaves_the_mark(make_driver, drive, warned):
    image, broken = drive
    driver = make_driver(image, contrast_limits=(0, 900))
    driver.click(BAD, 20, 20)
    assert not driver.labels.any()
    assert any("cannot be read at z = 4" in text for text in warned)
    assert driver.session.prompted_frames(1) == [BAD]
    broken.clear()
    driver.click(BAD, 22, 22)
    assert driver.labels[BAD, 20, 20] == driver.labels[BAD, 22, 22] == 1
    assert len(driver.session.prompts(1, BAD).points) == 2


def test_a_slice_that_napari_cannot_show_stops_nothing(make_driver, drive):
    image, _ = drive
    driver = make_driver(image, contrast_limits=(0, 900))
    # A frame along y holds a row of every slice.
    with pytest.raises(OSError, match="network drive"):
        driver.controller.selection.choose_axis("y")
    assert driver.controller.selection.worker.grid.frame_axis == "y"
    with contextlib.suppress(OSError):
        driver.controller.selection.choose_axis("z")
    driver.click(2, 20, 20)
    assert driver.labels[2, 20, 20] == 1
