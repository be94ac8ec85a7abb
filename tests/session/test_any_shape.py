"""Any image that an array can be goes through a session: mark, run, correct, labels, file, and open again."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.intensity import WindowedFrames
from napari_sam2.core.volume import ImageVolume
from napari_sam2.session import VideoSession
from support.predictors import FakePredictor

LARGE = {"float32": np.finfo(np.float32).max, "float64": sys.float_info.max, "int64": 2**63 - 1, "uint64": 2**64 - 1}
DTYPES = [bool, ">u2", *(np.dtype(c) for c in ("int8", "uint8", "int16", "uint16", "int32", "float16")), *LARGE]


@st.composite
def arrays(draw):
    """An array of any of the forms that an image has, small, with its axes."""
    axes = draw(st.sampled_from(["yx", "zyx", "tyx", "xyz", "cyx", "yxc", "tzyx", "zcyx", "tczyx"]))
    shape = tuple(draw(st.sampled_from([1, 1, 2, 3, 7])) for _ in axes)
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    values = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 100, shape).astype(dtype)
    if dtype.name in LARGE and draw(st.booleans()):
        top = np.array(LARGE[dtype.name], dtype)
        values.flat[0] = top
        if dtype.kind != "u":
            values.flat[-1] = -top
    if dtype.kind == "f" and draw(st.booleans()):
        values.flat[0] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    form = draw(st.sampled_from(["plain", "fortran", "reversed", "strided", "read-only"]))
    if form == "fortran":
        values = np.asfortranarray(values)
    elif form == "reversed":
        values = values[(slice(None, None, -1),) * values.ndim]
    elif form == "strided":
        values = np.repeat(values, 2, axis=-1)[..., ::2]
    values.setflags(write=form != "read-only")
    return values, axes


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_image_goes_through_a_session_and_its_file(data):
    values, axes = data.draw(arrays())
    before = values.copy()
    volume = ImageVolume(values, axes=axes)
    free = [a for a in axes if a != "c"]
    axis = None if len(free) == 2 else data.draw(st.sampled_from(free))
    rest = [a for a in free if a != axis]
    at = {a: volume.size_of(a) - 1 for a in rest[: len(rest) - 2]}
    with tempfile.TemporaryDirectory() as folder:
        work_on(volume, axis, at, Path(folder) / "case.sam2", data)
    assert np.array_equal(values, before, equal_nan=values.dtype.kind == "f")


def work_on(volume, axis, at, file, data):
    """Mark, run, correct, look at the labels, and open the file again."""
    session = VideoSession(FakePredictor(shift=0), volume, frame_axis=axis, at=at)
    session.save(file)
    shown = WindowedFrames(volume, session.grid, session.contrast_limits)[0]
    assert shown.min() >= 0
    assert shown.max() <= 1
    height, width = session.grid.frame_shape
    count = session.grid.frame_count
    frame = data.draw(st.integers(0, count - 1))
    session.add_box(1, frame, (0, 0, height, width))
    assert sorted(step.frame for step in session.propagate()) == list(range(count))
    corner = np.zeros((height, width), bool)
    corner[-1, -1] = True
    session.edit_mask(2, frame, corner)
    labels = session.labels()
    assert labels.shape == volume.label_shape
    worked_on = labels[tuple(at.get(a, slice(None)) for a in volume.label_axes)]
    assert np.count_nonzero(worked_on == 2) == 1
    assert np.count_nonzero(worked_on == 1) == worked_on.size - 1
    assert np.count_nonzero(labels) == worked_on.size, "other indices of a fixed axis stay empty"
    session.close()
    again = VideoSession.open(file, FakePredictor(shift=0), volume)
    assert np.array_equal(again.labels(), labels)
    again.close()


@pytest.mark.parametrize("frames", [1, 2])
def test_a_stack_of_one_or_two_frames_of_one_pixel(frames):
    session = VideoSession(FakePredictor(), ImageVolume(np.arange(frames, dtype=np.uint8).reshape(frames, 1, 1)))
    session.add_points(1, 0, [(0, 0)], [1])
    assert session.predict_frame(0)[1].tolist() == [[True]]
    assert [step.frame for step in session.propagate(direction="forward")] == list(range(1, frames)) or frames == 1
    assert session.labels().ravel().tolist() == [1] * frames


def test_planes_far_longer_than_wide_are_read_as_they_are():
    values = np.arange(3 * 5000, dtype=np.int32).reshape(3, 1, 5000)
    volume = ImageVolume(values)
    frames = WindowedFrames(volume, FrameGrid.of(volume, "z"), (0, 15_000))
    assert np.allclose(frames[2][0, :, 0], values[2, 0] / 15_000)
    assert frames.read_part(2, 0, 4000, 1, 4001)[0, 0, 0] == pytest.approx(14_000 / 15_000)
