"""Labels that live in a Zarr on disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import yaozarrs
import zarr

from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import WriteError
from napari_sam2.io import read_labels, read_volume
from napari_sam2.io.label_store import LabelStore, create_first, store_path
from napari_sam2.io.ome_zarr import read_levels
from napari_sam2.session import VideoSession
from support.predictors import FakePredictor, numbered_volume
from support.zarr import write_store

SIZES = {"t": 3, "z": 4, "y": 20, "x": 24}


def volume_of(axes):
    return ImageVolume(np.zeros(tuple(SIZES[a] for a in axes), np.uint8), axes=axes)


def stores(path, axes="zyx", **options):
    return LabelStore.create(path / "l.zarr", volume_of(axes), **options)


@pytest.mark.parametrize(
    ("axes", "frame_axis", "at"),
    [("yx", None, {}), ("zyx", "z", {}), ("xyz", "y", {}), ("tzyx", "z", {"t": 1}), ("zxty", "t", {"z": 2})],
)
def test_frames_come_back_and_other_programs_read_them(tmp_path, axes, frame_axis, at):
    volume = volume_of(axes)
    grid = FrameGrid.of(volume, frame_axis, at)
    labels = LabelStore.create(tmp_path / "l.zarr", volume, frame_axis)
    expected = np.zeros(volume.shape, np.uint16)
    random = np.random.default_rng(0)
    for frame in range(grid.frame_count):
        plane = random.integers(0, 60_000, grid.frame_shape).astype(np.uint16)
        labels[grid.label_index(frame)] = plane
        expected[grid.label_index(frame)] = plane
        assert np.array_equal(labels[grid.label_index(frame)], plane)
    assert labels.shape == expected.shape
    assert np.array_equal(labels, expected)
    assert np.array_equal(read_labels(tmp_path / "l.zarr", volume), expected)
    yaozarrs.validate_zarr_store(str(tmp_path / "l.zarr"))


@pytest.mark.parametrize(
    "index",
    [
        (2,), -1, (slice(None), 3), (1, slice(2, 9), slice(5, 6)), (Ellipsis, 4), (0, 0, 0), (slice(1, 3),),
        (np.int64(1), slice(None), slice(0, 0)),
        (np.array([0, 3, 3]), np.array([1, 1, 19]), np.array([2, -1, 4])), (2, np.array([1, 5]), np.array([7, 7])),
    ],
)  # fmt: skip
def test_it_is_indexed_like_an_array(tmp_path, index):
    labels, array = stores(tmp_path, frame_axis="z"), np.zeros((4, 20, 24), np.uint16)
    values = np.random.default_rng(0).integers(1, 900, array[index].shape).astype(np.uint16)
    labels[index] = values
    array[index] = values
    assert np.array_equal(labels, array)
    assert np.array_equal(labels[index], array[index])
    labels[index] = 5
    array[index] = 5
    assert np.array_equal(labels, array)


@pytest.mark.parametrize("index", [4, (0, 20), (0, 0, 0, 0), (slice(0, 4, 2),)])
def test_an_index_that_does_not_fit_is_refused(tmp_path, index):
    with pytest.raises(IndexError):
        stores(tmp_path)[index] = 1


def test_a_channel_of_one_voxel_is_an_axis_of_the_array_alone(tmp_path):
    labels = stores(tmp_path, axes="zyx", frame_axis="z")
    shown = LabelStore(labels.path, "zcyx", labels.levels, labels.stored, labels.picked)
    shown[1, 0, 3:5, 3:5] = 7
    shown[2] = np.full((1, 20, 24), 3)
    assert shown.shape == (4, 1, 20, 24)
    assert shown[1].shape == (1, 20, 24)
    assert shown.without_channel().shape == (4, 20, 24)
    assert (labels[1, 3:5, 3:5] == 7).all()
    assert (labels[2] == 3).all()


def test_the_levels_inside_an_image_follow_each_frame_and_each_pixel(tmp_path):
    path = write_store(tmp_path / "a.zarr")
    volume = read_volume(path)
    labels = LabelStore.create(path / "labels" / "case", volume, "z", session="case.sam2")
    assert len(labels.levels) == len(read_levels(volume)) == 2
    frame = np.random.default_rng(0).integers(1, 900, (20, 24)).astype(np.uint16)
    labels[1, 2] = frame
    labels[(np.array([2, 2]), np.array([3, 3]), np.array([4, 5]), np.array([6, 6]))] = 8
    coarse = np.asarray(read_levels(read_volume(path / "labels" / "case"))[1])
    assert np.array_equal(coarse[1, 2], frame[::2, ::2])
    assert coarse[2, 3, 2, 3] == 8
    assert np.count_nonzero(coarse[2]) == 1, "a pixel between those that are picked is not on the coarse level"
    yaozarrs.validate_zarr_store(str(path))
    # A chunk is one frame.
    assert zarr.open_array(str(path / "labels" / "case" / "0"), mode="r").chunks[:2] == (1, 1)


def test_the_same_session_finds_its_labels_and_no_other_overwrites_them(tmp_path):
    labels = stores(tmp_path, session="case.sam2")
    labels[2] = 4
    assert (stores(tmp_path, session="case.sam2")[2] == 4).all()
    for session in ("other.sam2", ""):
        with pytest.raises(WriteError, match="there already"):
            stores(tmp_path, session=session)
    beside = create_first([tmp_path / "l.zarr"], volume_of("zyx"), "z", "other.sam2")
    assert beside.path.name == "l-2.zarr"
    assert not beside[2].any()
    labels[...] = 0
    assert not np.asarray(labels).any()
    assert not any(p.is_dir() for p in (tmp_path / "l.zarr" / "0").iterdir())


def test_places_are_in_the_image_then_beside_the_session_or_where_the_user_says(tmp_path):
    path, file = write_store(tmp_path / "a.zarr"), tmp_path / "case.sam2"
    volume = read_volume(path)
    assert store_path(volume, file) == [path / "labels" / "case", tmp_path / "case_labels.zarr"]
    assert store_path(numbered_volume(), file) == [tmp_path / "case_labels.zarr"]
    assert store_path(volume, file, tmp_path / "mine") == [tmp_path / "mine" / "case_labels.zarr"]
    assert store_path(volume, None) == []
    # A part of an image is no image to put labels into: they go beside the session.
    part = ImageVolume(volume.array[:, :, 1:], axes="tczyx", source=volume.source)
    assert create_first(store_path(part, file), part, "z", "case.sam2").path == tmp_path / "case_labels.zarr"


def test_a_session_writes_into_it_frame_by_frame(tmp_path):
    volume = numbered_volume()
    session = VideoSession(FakePredictor(), volume)
    labels = LabelStore.create(tmp_path / "l.zarr", volume, "z")
    session.add_box(3, 10, (4, 5, 10, 12))
    for step in session.propagate():
        labels[session.frame_index(step.frame)] = session.frame_labels(step.frame)
    assert np.array_equal(labels, session.labels())
    again = LabelStore.create(tmp_path / "m.zarr", volume, "z")
    assert session.labels(out=again) is again
    assert np.array_equal(again, session.labels())


def test_what_was_written_is_there_after_the_process_was_killed(tmp_path):
    script = f"""
        import sys, numpy as np
        from pathlib import Path
        from napari_sam2.core.volume import ImageVolume
        from napari_sam2.io.label_store import LabelStore
        volume = ImageVolume(np.zeros((500, 64, 64), np.uint8))
        labels = LabelStore.create(Path({str(tmp_path)!r}) / "l.zarr", volume, "z")
        for frame in range(500):
            labels[frame] = frame + 1
            print(frame, flush=True)
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True)
    last = -1
    for line in child.stdout:
        last = int(line)
        if last == 40:
            os.kill(child.pid, signal.SIGKILL)
            break
    rest = child.stdout.read().split()
    child.wait()
    last = int(rest[-1]) if rest else last
    labels = read_labels(tmp_path / "l.zarr", ImageVolume(np.zeros((500, 64, 64), np.uint8)))
    assert last < 499
    for frame in range(last + 1):
        assert (labels[frame] == frame + 1).all()
    assert set(np.unique(labels[last + 1])) <= {0, last + 2}
