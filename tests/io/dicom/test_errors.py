"""What refused DICOM files say: the cause, and advice that fits this cause."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from napari_sam2.errors import ReadError, WriteError
from napari_sam2.io import read_volume, write_labels
from support.dicom import dataset, refusal, write_series

if TYPE_CHECKING:
    from pathlib import Path

STORED = np.random.default_rng(0).integers(0, 3000, (3, 6, 7)).astype(np.uint16)


def _save(folder: Path, **elements: Any) -> Path:
    dataset(STORED[0], **elements).save_as(folder / "a.dcm")
    return folder / "a.dcm"


@pytest.mark.parametrize("modality", ["SEG", "RTSTRUCT"])
def test_an_object_that_holds_labels_points_to_how_labels_are_opened(tmp_path, modality) -> None:
    path = _save(tmp_path, Modality=modality, PixelData=None)
    for place in (path, tmp_path):
        with pytest.raises(ReadError) as caught:
            read_volume(place)
        assert "ns.read_labels(path, volume)" in str(caught.value)
        assert "File ▸ Open labels" in str(caught.value)


@pytest.mark.parametrize(
    ("modality", "words"), [("RTDOSE", "dose distribution"), ("RTPLAN", "treatment plan"), ("SR", "describes other")]
)
def test_other_objects_say_what_they_are(tmp_path, modality, words) -> None:
    headline, advice = refusal(_save(tmp_path, Modality=modality))
    assert f"{modality}, not an image" in headline
    assert words in advice


def test_a_file_of_another_kind_names_all_formats_that_are_read(tmp_path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"something else " * 20)
    headline, advice = refusal(tmp_path / "a.dcm")
    assert "not DICOM" in headline
    for name in ("NIfTI", "NRRD", "MetaImage", "TIFF", "OME-Zarr"):
        assert name in advice
    (tmp_path / "a.dcm").write_bytes(b"")
    assert "it is empty" in refusal(tmp_path / "a.dcm")[0]


@pytest.mark.parametrize("lazy", [False, True])
def test_missing_pixels_are_no_matter_of_decoders(tmp_path, lazy) -> None:
    headline, advice = refusal(_save(tmp_path, PixelData=None), lazy)
    assert "holds no pixel data" in headline
    assert "Install" not in advice


@pytest.mark.parametrize("lazy", [False, True])
def test_pixels_that_are_cut_off_want_a_whole_copy(tmp_path, lazy) -> None:
    path = _save(tmp_path)
    path.write_bytes(path.read_bytes()[:-10])
    headline, advice = refusal(path, lazy)
    assert "less than expected" in headline or "ends before its last pixel" in headline
    assert advice == "Get a whole copy of it."


def test_compressed_pixels_without_a_transfer_syntax_say_so(tmp_path) -> None:
    from pydicom.encaps import encapsulate

    ds = dataset(STORED[0])
    ds.PixelData = encapsulate([b"\xff\xd8" + bytes(98)])
    ds["PixelData"].is_undefined_length = True
    del ds.file_meta.TransferSyntaxUID
    ds.save_as(tmp_path / "a.dcm", implicit_vr=False, little_endian=True)
    headline, advice = refusal(tmp_path / "a.dcm")
    assert "does not say how" in headline
    assert "Install" not in advice


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.102", "1.2.3.4"])
def test_an_unknown_compression_is_not_called_damage(tmp_path, syntax) -> None:
    from pydicom.encaps import encapsulate

    ds = dataset(STORED[0])
    ds.file_meta.TransferSyntaxUID = syntax
    ds.PixelData = encapsulate([bytes(100)])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    ds.save_as(tmp_path / "a.dcm", implicit_vr=False, little_endian=True)
    _, advice = refusal(tmp_path / "a.dcm")
    assert "Export it" in advice
    assert "Install" not in advice
    assert "whole copy" not in advice


def test_a_missing_decoder_is_named_with_what_to_install(tmp_path, monkeypatch) -> None:
    from napari_sam2.io.dicom import pixels

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("Unable to decompress because all plugins are missing dependencies:\n\tx - requires y")

    path = _save(tmp_path)
    monkeypatch.setattr(pixels, "_stored", fail)
    assert "pip install" in refusal(path)[1]


def test_a_slice_that_went_away_is_not_called_damaged(tmp_path) -> None:
    paths = write_series(tmp_path, STORED)
    stack = read_volume(tmp_path, lazy=True).array
    paths[1].unlink()
    with pytest.raises(ReadError, match=r"001\.dcm") as caught:
        stack[1]
    assert "whole copy" not in str(caught.value)


def test_a_slice_without_pixels_explains_the_gap_that_it_leaves(tmp_path) -> None:
    paths = write_series(tmp_path, STORED)
    write_series(tmp_path, STORED[:1], heights=[6.0], names=["003.dcm"], InstanceNumber=4)
    dataset(STORED[1], (-10.0, -20.0, 2.0), PixelData=None, InstanceNumber=2).save_as(paths[1])
    with pytest.raises(ReadError, match="missing") as caught:
        read_volume(tmp_path)
    assert "001.dcm was left out: it holds no pixel data" in str(caught.value)


def test_a_segmentation_of_frames_without_positions_says_why_it_cannot_be_written(tmp_path) -> None:
    ds = dataset(STORED[0], NumberOfFrames=3, SpacingBetweenSlices=2)
    ds.PixelData = STORED.tobytes()
    ds.save_as(tmp_path / "a.dcm")
    volume = read_volume(tmp_path / "a.dcm")
    with pytest.raises(WriteError, match="no position of their own"):
        write_labels(tmp_path / "seg.dcm", np.ones(volume.shape, np.uint8), volume)


# ---------------------------------------------------------------------- several series


def test_a_dataset_can_be_anything(tmp_path) -> None:
    Dataset().save_as(tmp_path / "a.dcm", implicit_vr=False, little_endian=True)
    (tmp_path / "a.dcm").write_bytes(bytes(128) + b"DICM")
    assert "not an image" in refusal(tmp_path / "a.dcm")[0]
