"""The session file: what was acknowledged is there, damage is found, nothing else is touched."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial

import numpy as np
import pytest

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import SessionBusyError, SessionFileError
from napari_sam2.io.dicom.opening import looks_like_dicom
from napari_sam2.io.folders import holds_dicom
from napari_sam2.session import VideoSession
from napari_sam2.session.storage.database import check_session_file
from napari_sam2.session.storage.locations import peek
from napari_sam2.session.storage.session_file import FORMAT_VERSION
from support.predictors import SHAPE, FakePredictor, numbered_volume
from support.session_view import log_of


@pytest.fixture
def volume():
    return numbered_volume()


@pytest.fixture
def session(volume):
    session = VideoSession(FakePredictor(), volume, overlap="overwrite", window=(3, 5000))
    session.add_box(1, 10, (4, 5, 10, 12))
    session.add_points(1, 10, [(20.25, 20.1)], [1])
    session.predict_frame(10)
    session.add_mask(2, 5, np.eye(24, 32, dtype=bool))
    list(session.propagate(frames=range(3, 15)))
    session.edit_mask(1, 12, np.ones((24, 32), bool))
    session.rename_object(2, "Milz ä")
    session.cut(1, 13, "above")
    session.undo()
    return session


def state_of(session):
    return (
        log_of(session),
        list(session.objects.items()),
        session.window,
        session.overlap,
    )


def reopen(path, volume):
    return VideoSession.open(path, FakePredictor(), volume)


def test_reopened_equals_closed(session, volume, tmp_path):
    path = tmp_path / "case.sam2"
    session.save(path)
    before, labels = state_of(session), session.labels()
    session.close()
    assert not path.with_name("case.sam2-journal").exists()
    again = reopen(path, volume)
    assert state_of(again) == before
    assert np.array_equal(again.labels(), labels)
    assert again.redo()
    assert again.undo()
    while again.undo():
        pass
    assert not again.labels().any()
    assert not again.objects
    while again.redo():
        pass
    again.undo()
    assert np.array_equal(again.labels(), labels)


def test_every_call_is_on_disk_when_it_returns(session, volume, tmp_path):
    path = tmp_path / "case.sam2"
    session.save(path)

    def on_disk():
        # Copied as it stands, as after a crash: the open session keeps the original locked.
        for name in (path, path.with_name(path.name + "-journal")):
            copy = tmp_path / "copy" / name.name
            copy.parent.mkdir(exist_ok=True)
            copy.unlink(missing_ok=True)
            if name.exists():
                shutil.copy(name, copy)
        again = reopen(tmp_path / "copy" / "case.sam2", volume)
        found = state_of(again)
        again.close()
        return found

    def check():
        assert on_disk() == state_of(session)

    session.add_points(3, 2, [(3, 3)])
    check()
    session.predict_frame(2)
    check()
    for k, _ in enumerate(session.propagate()):
        if k < 4:
            check()
    for change in (
        session.undo,
        session.redo,
        lambda: session.lock(frame=11, obj_id=1),
        lambda: session.unlock(frame=11, obj_id=1),
        lambda: session.merge_objects(1, 3),
        lambda: session.move_object(2, 0),
        lambda: session.recolor_object(2, (0.25, 0.5, 1)),
        lambda: session.set_window(1, 77),
        lambda: setattr(session, "overlap", "score"),
        session.undo,
        session.undo,
        lambda: session.rename_object(1, "neu"),
        lambda: session.delete_object(2),
    ):
        change()
        check()


def test_save_as_moves_on_and_frees_the_old_file(session, volume, tmp_path):
    session.save(tmp_path / "a.sam2")
    session.rename_object(1, "in a")
    session.save(tmp_path / "b.sam2")
    session.rename_object(1, "in b")
    session.save(tmp_path / "b.sam2")
    assert reopen(tmp_path / "a.sam2", volume).objects[1].name == "in a"
    session.close()
    assert reopen(tmp_path / "b.sam2", volume).objects[1].name == "in b"


def test_open_file_is_locked(session, volume, tmp_path):
    session.save(tmp_path / "a.sam2")
    with pytest.raises(SessionFileError, match="open in another session"):
        reopen(tmp_path / "a.sam2", volume)
    other = VideoSession(FakePredictor(), volume)
    with pytest.raises(SessionFileError, match="open in another session"):
        other.save(tmp_path / "a.sam2")
    session.add_box(5, 1, (2, 2, 4, 4))
    session.close()
    assert 5 in reopen(tmp_path / "a.sam2", volume).objects


def is_locked_for_others(path):
    """Whether another process is refused."""
    ask = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN EXCLUSIVE')"
    done = subprocess.run([sys.executable, "-c", ask, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "database is locked" in done.stderr
    return done.returncode != 0


@pytest.mark.parametrize(
    "look",
    [
        lambda path: reopen(path, numbered_volume()),
        peek,
        lambda path: VideoSession(FakePredictor(), numbered_volume()).save(path),
        check_session_file,
        lambda path: holds_dicom(path.parent),
        looks_like_dicom,
    ],
)
def test_a_second_look_at_an_open_file_leaves_it_locked(session, tmp_path, look):
    path = tmp_path / "a.sam2"
    session.save(path)
    assert is_locked_for_others(path)
    with suppress(SessionFileError):
        look(path)
    assert is_locked_for_others(path)
    session.close()
    assert not is_locked_for_others(path)


def test_a_session_that_nobody_keeps_lets_its_file_go(tmp_path, volume):
    path = tmp_path / "a.sam2"
    other = VideoSession(FakePredictor(), volume)
    other.save(path)
    del other
    gc.collect()
    reopen(path, volume).close()


def test_no_save_during_a_run(session, tmp_path):
    run = session.propagate()
    next(run)
    with pytest.raises(SessionBusyError):
        session.save(tmp_path / "a.sam2")
    run.close()


def test_wrong_image_is_refused(session, volume, tmp_path):
    session.save(tmp_path / "a.sam2")
    session.close()
    values = volume.array.copy()
    values[3, 4, 5] += 1
    with pytest.raises(SessionFileError, match="another image"):
        reopen(tmp_path / "a.sam2", ImageVolume(values, axes="zyx"))
    with pytest.raises(SessionFileError, match="shape"):
        reopen(tmp_path / "a.sam2", ImageVolume(values[1:], axes="zyx"))
    with pytest.raises(SessionFileError, match="came from no file"):
        VideoSession.open(tmp_path / "a.sam2", FakePredictor())
    reopen(tmp_path / "a.sam2", volume)


def test_image_is_read_from_where_it_was_or_from_beside_the_file(tmp_path):
    import napari_sam2 as ns

    data, moved = tmp_path / "data", tmp_path / "moved"
    data.mkdir()
    moved.mkdir()
    labels = np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE)
    ns.write_labels(data / "scan.nii.gz", labels, ImageVolume(labels, axes="zyx", spacing=(3, 0.7, 0.7)))
    session = VideoSession(FakePredictor(), ns.read_volume(data / "scan.nii.gz"))
    session.add_box(1, 3, (2, 2, 6, 6))
    session.save(moved / "case.sam2")
    session.close()
    VideoSession.open(moved / "case.sam2", FakePredictor()).close()
    (data / "scan.nii.gz").rename(moved / "scan.nii.gz")
    VideoSession.open(moved / "case.sam2", FakePredictor()).close()
    (moved / "scan.nii.gz").unlink()
    with pytest.raises(SessionFileError, match=r"scan\.nii\.gz is not there"):
        VideoSession.open(moved / "case.sam2", FakePredictor())


def test_numbers_of_numpy_are_kept_like_those_of_python(volume, tmp_path):
    session = VideoSession(FakePredictor(), volume)
    session.save(tmp_path / "a.sam2")
    one, frame = np.int64(1), np.int32(7)
    session.add_box(one, frame, np.array([2, 2, 8, 8]))
    session.predict_frame(frame)
    list(session.propagate(frames=np.arange(3, 12), stop_when_gone=np.int64(3)))
    session.lock(frame=frame, obj_id=one)
    session.edit_mask(one, np.int64(9), np.eye(24, 32, dtype=bool))
    session.cut(one, np.int64(10), "above")
    session.move_object(one, np.int64(0))
    before, labels = state_of(session), session.labels()
    session.close()
    again = reopen(tmp_path / "a.sam2", volume)
    assert state_of(again) == before
    assert np.array_equal(again.labels(), labels)
    again.close()


def test_other_weights_are_said(session, volume, tmp_path, caplog):
    class Trained(FakePredictor):
        fingerprint = "abc"

    one = VideoSession(Trained(), volume)
    one.save(tmp_path / "a.sam2")
    one.close()
    VideoSession.open(tmp_path / "a.sam2", Trained(), volume).close()
    assert not caplog.records
    reopen(tmp_path / "a.sam2", volume).close()
    assert "other weights" in caplog.text


def test_series_in_an_archive_is_found_again(tmp_path):
    import napari_sam2 as ns
    from napari_sam2.samples import sample_folder

    folder = next(path.parent for path in sample_folder().rglob("*.dcm"))
    archive = shutil.make_archive(str(tmp_path / "scan"), "zip", folder)
    session = VideoSession(FakePredictor(), ns.read_volume(archive))
    session.add_box(1, 3, (2, 2, 6, 6))
    session.save(tmp_path / "case.sam2")
    session.close()
    again = VideoSession.open(tmp_path / "case.sam2", FakePredictor())
    assert again.prompted_frames(1) == [3]
    again.close()


def closed_file(session, tmp_path):
    path = tmp_path / "case.sam2"
    session.save(path)
    session.close()
    return path


@pytest.mark.parametrize("keep", [0, 50, 99, 100, 4096, 0.5, 0.99])
def test_truncated_file_is_refused_and_left_alone(session, volume, tmp_path, keep):
    path = closed_file(session, tmp_path)
    data = path.read_bytes()
    short = data[: int(keep * len(data)) if isinstance(keep, float) else keep]
    path.write_bytes(short)
    with pytest.raises(SessionFileError, match=r"case\.sam2"):
        reopen(path, volume)
    assert path.read_bytes() == short


def test_newer_and_foreign_files_are_refused_and_left_alone(session, volume, tmp_path):
    path = closed_file(session, tmp_path)
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {FORMAT_VERSION + 1}")
    db.close()
    data = path.read_bytes()
    with pytest.raises(SessionFileError, match="newer version"):
        reopen(path, volume)
    assert path.read_bytes() == data
    other = tmp_path / "other.sam2"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE something (x)")
    db.close()
    for foreign in (other, tmp_path / "absent.sam2", tmp_path):
        with pytest.raises(SessionFileError):
            reopen(foreign, volume)


def test_flipped_bits_are_found_or_harmless(session, volume, tmp_path):
    path = closed_file(session, tmp_path)
    good = path.read_bytes()
    before = state_of(reopen(path, volume))
    random = np.random.default_rng(0)
    refused = 0
    for position in random.integers(0, len(good), 250):
        data = bytearray(good)
        data[position] ^= 1 << int(random.integers(8))
        copy = tmp_path / f"flip{position}.sam2"
        copy.write_bytes(data)
        try:
            again = reopen(copy, volume)
        except SessionFileError:
            refused += 1
            continue
        assert state_of(again) == before
        again.close()
    assert refused > 100


def test_full_disk_keeps_the_work_and_catches_up(session, volume, tmp_path, monkeypatch):
    path = tmp_path / "case.sam2"
    is_full = False

    class Disk(sqlite3.Connection):
        def execute(self, sql, *args):
            if sql == "COMMIT" and is_full:
                raise sqlite3.OperationalError("database or disk is full")
            return super().execute(sql, *args)

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Disk))
    session.save(path)
    is_full = True
    with pytest.raises(SessionFileError, match="kept in memory"):
        session.rename_object(1, "kept")
    assert session.objects[1].name == "kept"
    is_full = False
    session.rename_object(2, "next")
    expected = state_of(session)
    session.close()
    assert state_of(reopen(path, volume)) == expected


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_unwritable_place(session, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(SessionFileError):
        session.save(tmp_path / "a.sam2")


def test_missing_folder(session, tmp_path):
    with pytest.raises(SessionFileError, match="does not exist"):
        session.save(tmp_path / "no" / "a.sam2")
    assert session.path is None


def test_large_frames_are_committed_quickly_enough_to_hold_the_lock(tmp_path):
    """The figure itself is a benchmark's; here only that a frame of 512² is no matter of seconds."""
    volume = ImageVolume(np.zeros((4, 512, 512), np.uint8), axes="zyx")
    session = VideoSession(FakePredictor(), volume, window=(0, 1))
    session.save(tmp_path / "a.sam2")
    yy, xx = np.mgrid[:512, :512]
    start = time.perf_counter()
    session.edit_mask(1, 2, (yy - 256) ** 2 + (xx - 256) ** 2 < 200**2)
    assert time.perf_counter() - start < 1


def test_a_detached_session_goes_on_and_leaves_its_file_as_it_was(session, volume, tmp_path):
    session.save(tmp_path / "case.sam2")
    before = state_of(session)
    session.detach()
    assert session.path is None
    session.add_points(3, 4, [(5, 5)])
    session.predict_frame(4)
    again = reopen(tmp_path / "case.sam2", volume)
    assert state_of(again) == before
    again.close()
    session.save(tmp_path / "other.sam2")
    now = state_of(session)
    session.close()
    again = reopen(tmp_path / "other.sam2", volume)
    assert state_of(again) == now
    again.close()
