"""Images that fail when they are read later: one ReadError that names them and the place, wherever that happens."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from napari_sam2.analysis.measurements import measure_objects
from napari_sam2.analysis.metrics import compare_labels
from napari_sam2.core.arrays import Parts, as_array
from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.intensity import WindowedFrames, default_window
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import ReadError
from napari_sam2.io import write_labels
from napari_sam2.session import VideoSession
from napari_sam2.session.storage.image_identity import content_hash
from support.predictors import FakePredictor

BAD = 4


class Lazy:
    """An array of another library, whose index `BAD` of the first axis raises an error."""

    def __init__(self, values, error):
        self.values, self.error = values, error
        self.shape, self.dtype = values.shape, values.dtype

    def __getitem__(self, index):
        first = index[0] if isinstance(index, tuple) and index else slice(None)
        if self.error is not None and BAD in np.atleast_1d(np.arange(self.shape[0])[first]):
            raise self.error
        return self.values[index]

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[()], dtype)


@pytest.fixture
def values():
    return np.random.default_rng(0).integers(1, 200, (6, 20, 24)).astype(np.uint16)


@pytest.fixture
def volume(values):
    return ImageVolume(Lazy(values, OSError("the drive went away")), name="scan")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(5, "Input/output error", "/mnt/scan/4"), ["Input/output error (/mnt/scan/4)", "drive is there"]),
        (RuntimeError("error during blosc decompression: -1"), ["blosc decompression", "a whole copy"]),
        (zlib.error("Error -3 while decompressing"), ["Error -3", "a whole copy"]),
        (KeyError("c/4"), ["KeyError('c/4')"]),
        (ValueError(""), ["ValueError"]),
        (MemoryError(), ["MemoryError", "more memory"]),
    ],
)
def test_the_error_says_what_where_and_why(values, error, words) -> None:
    parts = Parts(Lazy(values, error), "zyx", "scan.zarr")
    with pytest.raises(ReadError) as raised:
        parts[BAD]
    assert str(raised.value).startswith("scan.zarr cannot be read at z = 4: ")
    assert all(word in str(raised.value) for word in words)
    assert raised.value.__cause__ is error
    assert np.array_equal(parts[3, :, 2:5], values[3, :, 2:5])


def test_an_index_out_of_range_is_not_blamed_on_the_image(values) -> None:
    with pytest.raises(IndexError):
        Parts(Lazy(values, None), "zyx", "scan")[6]


def test_an_array_that_contradicts_its_shape_is_an_error(values) -> None:
    lazy = Lazy(values, None)
    lazy.shape = (6, 20, 25)
    with pytest.raises(ReadError, match=r"\(20, 24\) instead of \(20, 25\)"):
        Parts(lazy, "zyx", "scan")[0]


@pytest.mark.parametrize(
    "call",
    [
        lambda v, at, _: WindowedFrames(v, FrameGrid.of(v), (0, 1))[BAD],
        lambda v, at, _: default_window(v, FrameGrid.of(v)),
        lambda v, at, _: content_hash(v),
        lambda v, at, _: measure_objects(np.ones(v.shape, np.uint8), v),
        lambda v, at, _: compare_labels(v.array, np.ones(v.shape, np.uint8), v),
        lambda v, at, _: write_labels(at / "l.nii.gz", v.array, v),
        lambda v, at, p: VideoSession(p, v),
        lambda v, at, p: VideoSession(p, v, window=(0, 9)).save(at / "s.sam2"),
        lambda v, at, p: VideoSession(p, v, window=(0, 9)).add_labels(v.array, [BAD]),
    ],
)
def test_every_reader_of_frames_says_so(volume, tmp_path, call) -> None:
    with pytest.raises(ReadError, match=r"(?s)cannot be read.*the drive went away"):
        call(volume, tmp_path, FakePredictor())
    assert list(tmp_path.glob("*")) == []


class ReadingPredictor(FakePredictor):
    """Looks at each frame, as a real one does."""

    def open(self, frames, **how):
        stream = super().open(frames, **how)
        predict, advance = stream.predict, stream.advance

        def look_and_predict(frame, *rest, **more):
            assert frames[frame].ndim == 3
            return predict(frame, *rest, **more)

        def look_and_advance(tracks, **more):
            for track in tracks:
                assert frames[track.frame + track.step].ndim == 3
            return advance(tracks, **more)

        stream.predict, stream.advance = look_and_predict, look_and_advance
        return stream


def test_what_was_finished_stays_and_the_run_goes_on_later(volume) -> None:
    session = VideoSession(ReadingPredictor(), volume, window=(0, 200))
    session.add_box(1, 0, (5, 5, 15, 15))
    done = []
    with pytest.raises(ReadError, match="z = 4"):
        done.extend(result.frame for result in session.propagate())
    assert all(session.mask(1, frame).sum() == 100 for frame in range(BAD))
    session.add_box(1, BAD, (5, 5, 15, 15))
    with pytest.raises(ReadError, match="z = 4"):
        session.predict_frame(BAD)
    volume.array.error = None
    assert {result.frame for result in session.propagate()} >= {BAD, 5}


def test_lists_and_lazy_labels_become_arrays(values) -> None:
    assert as_array([[1, 2]], "The labels").tolist() == [[1, 2]]
    assert as_array(Lazy(values, None), "The labels").sum() == values.sum()
    with pytest.raises(ReadError, match="The labels cannot be read"):
        as_array([[1], [1, 2]], "The labels")
