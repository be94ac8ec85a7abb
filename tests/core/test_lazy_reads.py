"""Arrays that are not in memory: one frame is read at a time, and of a very large plane only the part that is asked."""

from __future__ import annotations

import tracemalloc

import dask.array as da
import numpy as np
import pytest
import zarr
from zarr.storage import MemoryStore

from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.intensity import WindowedFrames
from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine.protocols import ReadsParts
from napari_sam2.session import VideoSession
from support.predictors import FakePredictor

SHAPE = (12, 256, 256)
FRAME_BYTES = 2 * 256 * 256


class CountingStore(MemoryStore):
    """A store that notes which chunks are read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    async def get(self, key, prototype, byte_range=None):
        if "c/" in key:
            self.read.append(key)
        return await super().get(key, prototype, byte_range)


class Asked:
    """An array that notes how many bytes each reading asks for, whatever does the reading."""

    def __init__(self, array) -> None:
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.bytes: list[int] = []

    def __getitem__(self, index):
        part = np.asarray(self.array[index])
        self.bytes.append(part.nbytes)
        return part


@pytest.fixture
def values():
    return np.random.default_rng(0).integers(1, 200, SHAPE).astype(np.uint16)


@pytest.fixture(params=["zarr", "dask", "dask of zarr", "memmap"])
def lazy(request, values, tmp_path):
    """The values in one of the forms in which they come from a disk."""
    if request.param == "memmap":
        np.save(tmp_path / "values.npy", values)
        return np.load(tmp_path / "values.npy", mmap_mode="r")
    if request.param == "dask":
        return da.from_array(values, chunks=(1, 256, 256))
    stored = zarr.create_array(str(tmp_path / "v.zarr"), shape=SHAPE, chunks=(1, 64, 64), dtype=np.uint16)
    stored[...] = values
    return stored if request.param == "zarr" else da.from_zarr(stored)


def test_a_session_asks_a_lazy_image_for_one_frame_at_a_time(lazy, values):
    image = Asked(lazy)
    session = VideoSession(FakePredictor(shift=0), ImageVolume(image), contrast_limits=(0, 200))
    session.add_box(1, 5, (10, 10, 60, 60))
    steps = [step.frame for step in session.propagate()]
    assert sorted(steps) == list(range(12))
    assert image.bytes
    assert max(image.bytes) == FRAME_BYTES
    shown = WindowedFrames(session.volume, session.grid, (0, 200))
    assert np.array_equal(shown[3][..., 0], (values[3] / 200).astype(np.float32).clip(0, 1))


def test_the_default_contrast_of_a_lazy_image_asks_for_frames_one_by_one(lazy):
    image = Asked(lazy)
    VideoSession(FakePredictor(), ImageVolume(image))
    assert len(image.bytes) >= SHAPE[0]
    assert max(image.bytes) == FRAME_BYTES


def test_reading_all_frames_holds_one_of_them(values, tmp_path):
    stored = zarr.create_array(str(tmp_path / "v.zarr"), shape=(40, 256, 256), chunks=(1, 256, 256), dtype=np.uint16)
    for frame in range(40):
        stored[frame] = values[frame % 12]
    volume = ImageVolume(stored)
    frames = WindowedFrames(volume, FrameGrid.of(volume), (0, 200))
    assert frames[0].any()
    tracemalloc.start()
    total = sum(float(frames[i].sum()) for i in range(40))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total > 0
    # A frame in float32, its intermediate values and masks; all frames would take 80 times FRAME_BYTES in float32.
    assert peak < 20 * FRAME_BYTES


def test_of_a_plane_of_16384_pixels_only_the_chunks_of_the_part_are_read():
    store = CountingStore()
    stored = zarr.create_array(
        store, shape=(3, 16_384, 16_384), chunks=(1, 512, 512), dtype=np.uint8, config={"write_empty_chunks": True}
    )
    part = np.random.default_rng(0).integers(1, 255, (700, 600)).astype(np.uint8)
    stored[1, 9000:9700, 12_000:12_600] = part
    store.read.clear()
    volume = ImageVolume(stored)
    frames = WindowedFrames(volume, FrameGrid.of(volume), (0, 255))
    assert isinstance(frames, ReadsParts)
    assert frames.frame_shape == (16_384, 16_384)
    assert store.read == []
    found = frames.read_part(1, 9100, 12_100, 9600, 12_500)
    assert found.shape == (500, 400, 1)
    assert np.allclose(found[..., 0], part[100:600, 100:500] / np.float32(255))
    rows, columns = range(9100 // 512, 9599 // 512 + 1), range(12_100 // 512, 12_499 // 512 + 1)
    assert sorted(set(store.read)) == sorted(f"c/1/{y}/{x}" for y in rows for x in columns)


@pytest.mark.parametrize(
    ("axes", "options"),
    [
        ("zyx", {"frame_axis": "z"}),
        ("zyx", {"frame_axis": "x"}),
        ("xzy", {"frame_axis": "z"}),
        ("yx", {}),
        ("tczyx", {"frame_axis": "z", "at": {"t": 1}, "channel": (2, 0)}),
        ("yxc", {"channel": (0, 1, 2)}),
        ("zcyx", {"frame_axis": "y", "channel": 1}),
    ],
)
def test_a_part_is_what_the_frame_has_there_along_any_axis(axes, options):
    shape = tuple({"t": 2, "c": 3, "z": 5, "y": 6, "x": 7}[a] for a in axes)
    values = np.random.default_rng(1).normal(size=shape)
    volume = ImageVolume(values, axes=axes)
    frames = WindowedFrames(volume, FrameGrid.of(volume, **options), (-1, 1))
    frame = len(frames) - 1
    whole = frames[frame]
    assert whole.shape[:2] == frames.frame_shape
    assert np.array_equal(frames.read_part(frame, 1, 2, 4, 5), whole[1:4, 2:5])
    assert np.array_equal(frames.read_part(frame, 0, 0, *frames.frame_shape), whole)
