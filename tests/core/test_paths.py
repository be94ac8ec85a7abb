"""Paths that are no files: each call says so at once, and opens nothing."""

from __future__ import annotations

import os
import signal
import socket
from types import SimpleNamespace

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.cli import main
from napari_sam2.core.paths import advice_for, check_file, checked_path, why_no_file
from napari_sam2.engine.catalog.user_models import add_model, load_settings
from napari_sam2.engine.sam2.checkpoint import read_checkpoint
from napari_sam2.errors import NapariSam2Error, ReadError, SessionFileError, SettingsError, WriteError
from napari_sam2.evaluation import load_set
from napari_sam2.io import read_label_names
from napari_sam2.layers.volume_layers import is_ours, read_layers
from napari_sam2.session.storage.locations import peek
from support.predictors import FakePredictor

VOLUME = ns.ImageVolume(np.zeros((3, 4, 5), np.int16), units="mm")
LABELS = np.zeros((3, 4, 5), np.uint8)
LABELS[1, 1:3, 1:3] = 1
TIME_LAPSE = SimpleNamespace(labels=lambda: LABELS, volume=ns.ImageVolume(LABELS, "tyx"))

OPENED = {
    "read_volume": (ns.read_volume, "nii nii.gz hdr img nrrd mha mhd nhdr tif mgz zip dcm zarr x"),
    "list_series": (ns.list_series, "dcm zip"),
    "read_labels": (lambda path: ns.read_labels(path, VOLUME), "nii nrrd mha tif dcm zarr x"),
    "read_label_masks": (lambda path: ns.read_label_masks(path, VOLUME), "nii dcm"),
    "read_label_names": (read_label_names, "dcm nii"),
    "load_predictor": (lambda path: ns.load_predictor(path, device="cpu"), "pt safetensors"),
    "read_checkpoint": (read_checkpoint, "pt safetensors"),
    "VideoSession.open": (ns.VideoSession.open, "sam2"),
    "peek": (peek, "sam2"),
    "load_set": (load_set, "npz"),
    "read_layers": (lambda path: read_layers(str(path)), "nii dcm zip"),
    "check_file": (check_file, "x"),
}
PUBLIC = [name for name in OPENED if name not in ("peek", "load_set", "read_layers", "check_file")]
WRITTEN = {
    "write_labels": (lambda path: ns.write_labels(path, LABELS, VOLUME), "nii.gz tif nrrd zarr"),
    "write_mesh": (lambda path: ns.write_mesh(path, LABELS, VOLUME), "stl"),
    "write_table": (lambda path: ns.write_table(path, ns.measure_objects(LABELS, VOLUME)), "csv"),
    "write_tracks": (lambda path: ns.write_tracks(path, TIME_LAPSE), "csv"),
    "save": (lambda path: _session().save(path), "sam2"),
    "export_prompts": (lambda path: _session().export_prompts(path), "json"),
}


def _session():
    session = ns.VideoSession(FakePredictor(), VOLUME, window=(0, 1))
    session.add_box(1, 1, (0, 0, 2, 2))
    return session


def _cases(calls):
    return [pytest.param(call, suffix, id=f"{n}-{suffix}") for n, (call, s) in calls.items() for suffix in s.split()]


@pytest.fixture(autouse=True)
def _no_waiting():
    """Opening a pipe waits for ever; the test ends after a while instead."""
    if not hasattr(signal, "SIGALRM") or not hasattr(os, "mkfifo"):
        pytest.skip("needs named pipes")

    def stop(*_):
        raise TimeoutError("it waits for a writer")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(20)
    yield
    signal.alarm(0)


def _no_file(folder, kind, name):
    path = folder / name
    if kind == "a named pipe":
        os.mkfifo(path)
    elif kind == "a socket":
        server = socket.socket(socket.AF_UNIX)
        where = os.getcwd()
        os.chdir(folder)  # Names of sockets are short.
        try:
            server.bind(name)
        finally:
            os.chdir(where)
            server.close()
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    elif kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to(folder / "gone")
    return path


@pytest.mark.parametrize("kind", ["a named pipe", "a socket", "a device", "a link"])
@pytest.mark.parametrize(("call", "suffix"), _cases(OPENED))
def test_what_is_no_file_is_refused_by_its_kind(tmp_path, call, suffix, kind) -> None:
    path = _no_file(tmp_path, kind, f"a.{suffix}")
    with pytest.raises(NapariSam2Error, match=kind) as caught:
        call(path)
    assert str(path) in caught.value.headline


@pytest.mark.parametrize("kind", ["a named pipe", "a socket", "a device", "a folder"])
@pytest.mark.parametrize(("call", "suffix"), [c for c in _cases(WRITTEN) if c.values[1] != "zarr"])
def test_nothing_is_written_over_what_is_no_file(tmp_path, call, suffix, kind) -> None:
    path = _no_file(tmp_path, kind, f"a.{suffix}")
    with pytest.raises((WriteError, SessionFileError), match=kind):
        call(path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("path", [None, 5, 1.5, b"a.nii", ["a.nii"], "", "  ", "a\0b"])
@pytest.mark.parametrize("name", [*WRITTEN, *PUBLIC])
def test_what_is_no_path_is_refused(name, path) -> None:
    call, _ = {**OPENED, **WRITTEN}[name]
    with pytest.raises(NapariSam2Error, match=r"must be text or a Path|is empty|NUL"):
        call(path)


@pytest.mark.parametrize(
    ("given", "half"), [("a.hdr", "a.img"), ("a.img", "a.hdr"), ("a.mhd", "a.raw"), ("a.nhdr", "a.raw")]
)
def test_the_other_half_of_an_image_is_looked_at_too(tmp_path, given, half) -> None:
    import nibabel as nib
    import SimpleITK as sitk

    if half == "a.raw":
        sitk.WriteImage(sitk.GetImageFromArray(np.ones((3, 4, 5), np.int16)), str(tmp_path / given))
    else:
        nib.Nifti1Pair(np.ones((3, 4, 5), np.int16), np.eye(4)).to_filename(tmp_path / given)
    assert ns.read_volume(tmp_path / given).array.all()
    (tmp_path / half).unlink()
    _no_file(tmp_path, "a named pipe", half)
    with pytest.raises(ReadError, match="a named pipe"):
        ns.read_volume(tmp_path / given)


def test_settings_and_archives_are_looked_at_before_they_are_opened(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("NAPARI_SAM2_SETTINGS", str(_no_file(tmp_path, "a named pipe", "settings.json")))
    with pytest.raises(SettingsError, match="a named pipe"):
        load_settings()
    assert not is_ours(str(_no_file(tmp_path, "a named pipe", "a.zip")))
    with pytest.raises(SettingsError, match="is empty"):
        add_model("mine", "")


def test_the_command_line_does_not_take_an_empty_path_for_this_folder(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (
        ["segment", "", "--box", "0,0,0,2,2", "--out", "o.tif"],
        ["evaluate", "", "--out", "out"],
        ["demo", "--out", ""],
    ):
        assert main(words) == 2
        assert "is empty" in capsys.readouterr().err


def test_reasons_and_advice(tmp_path) -> None:
    assert why_no_file(tmp_path / "gone") == "it does not exist"
    assert why_no_file(tmp_path / "gone" / "below") == "it does not exist"
    assert "name too long" in why_no_file(tmp_path / ("n" * 400)).lower()
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert "links" in why_no_file(loop)
    assert checked_path("~") == checked_path(os.path.expanduser("~"))
    with pytest.raises(ReadError, match="names no home folder"):
        checked_path("~nobody-of-this-name/a")
    with pytest.raises(WriteError, match="shorter name"):
        ns.write_labels(tmp_path / ("n" * 400 + ".nii"), LABELS, VOLUME)
    assert "space" in advice_for(OSError(28, ""))
    assert "permission" in advice_for(OSError(13, ""))
