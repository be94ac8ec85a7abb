"""What refused DICOM files say: the cause, and advice that fits this cause."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import ReadError, SeveralSeriesError, WriteError
from napari_sam2.io import list_series, read_labels, read_volume, write_labels
from napari_sam2.io.dicom.label_reader import read_dicom_labels
from support.dicom import AXIAL, SAGITTAL, dataset, write_series

if TYPE_CHECKING:
    from pathlib import Path

STORED = np.random.default_rng(0).integers(0, 3000, (3, 6, 7)).astype(np.uint16)
VOLUME = ImageVolume(np.zeros((3, 6, 7)), units="mm")


def _save(folder: Path, **elements: Any) -> Path:
    dataset(STORED[0], **elements).save_as(folder / "a.dcm")
    return folder / "a.dcm"


def _refusal(path: Path, lazy: bool = False) -> tuple[str, str]:
    """Headline and advice."""
    with pytest.raises(ReadError) as caught:
        np.asarray(read_volume(path, lazy=lazy).array)
    assert path.name in caught.value.headline
    return caught.value.headline, str(caught.value).partition("\n")[2]


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
    headline, advice = _refusal(_save(tmp_path, Modality=modality))
    assert f"{modality}, not an image" in headline
    assert words in advice


def test_a_file_of_another_kind_names_all_formats_that_are_read(tmp_path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"something else " * 20)
    headline, advice = _refusal(tmp_path / "a.dcm")
    assert "not DICOM" in headline
    for name in ("NIfTI", "NRRD", "MetaImage", "TIFF", "OME-Zarr"):
        assert name in advice
    (tmp_path / "a.dcm").write_bytes(b"")
    assert "it is empty" in _refusal(tmp_path / "a.dcm")[0]


@pytest.mark.parametrize("lazy", [False, True])
def test_missing_pixels_are_no_matter_of_decoders(tmp_path, lazy) -> None:
    headline, advice = _refusal(_save(tmp_path, PixelData=None), lazy)
    assert "holds no pixel data" in headline
    assert "Install" not in advice


@pytest.mark.parametrize("lazy", [False, True])
def test_pixels_that_are_cut_off_want_a_whole_copy(tmp_path, lazy) -> None:
    path = _save(tmp_path)
    path.write_bytes(path.read_bytes()[:-10])
    headline, advice = _refusal(path, lazy)
    assert "less than expected" in headline or "ends before its last pixel" in headline
    assert advice == "Get a whole copy of it."


def test_compressed_pixels_without_a_transfer_syntax_say_so(tmp_path) -> None:
    from pydicom.encaps import encapsulate

    ds = dataset(STORED[0])
    ds.PixelData = encapsulate([b"\xff\xd8" + bytes(98)])
    ds["PixelData"].is_undefined_length = True
    del ds.file_meta.TransferSyntaxUID
    ds.save_as(tmp_path / "a.dcm", implicit_vr=False, little_endian=True)
    headline, advice = _refusal(tmp_path / "a.dcm")
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
    _, advice = _refusal(tmp_path / "a.dcm")
    assert "Export it" in advice
    assert "Install" not in advice
    assert "whole copy" not in advice


def test_a_missing_decoder_is_named_with_what_to_install(tmp_path, monkeypatch) -> None:
    from napari_sam2.io.dicom import pixels

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("Unable to decompress because all plugins are missing dependencies:\n\tx - requires y")

    path = _save(tmp_path)
    monkeypatch.setattr(pixels, "_stored", fail)
    assert "pip install" in _refusal(path)[1]


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


def test_a_damaged_and_an_encrypted_archive_get_advice_of_their_own(tmp_path) -> None:
    path = write_series(tmp_path / "ct", STORED)[0]
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, "a.dcm")
    raw = bytearray((tmp_path / "a.zip").read_bytes())
    (tmp_path / "short.zip").write_bytes(raw[:-30])
    assert _refusal(tmp_path / "short.zip")[1] == "Get a whole copy of it."
    raw[60:120] = bytes(60)
    (tmp_path / "damaged.zip").write_bytes(raw)
    assert _refusal(tmp_path / "damaged.zip")[1] == "Get a whole copy of it."
    encrypted = bytearray((tmp_path / "a.zip").read_bytes())
    encrypted[6] |= 1
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "encrypted.zip").write_bytes(encrypted)
    headline, advice = _refusal(tmp_path / "encrypted.zip")
    assert "encrypted" in headline
    assert "another program" in advice


def test_an_image_given_for_labels_is_called_an_image(tmp_path) -> None:
    with pytest.raises(ReadError, match="holds no labels but CT, an image") as caught:
        read_labels(_save(tmp_path), VOLUME)
    assert "ns.read_volume" in str(caught.value)


def test_labels_that_are_no_dicom_are_not_sent_back_to_their_suffix(tmp_path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"no labels " * 50)
    with pytest.raises(ReadError, match="is no DICOM file"):
        read_dicom_labels(tmp_path / "a.dcm", VOLUME)


def test_a_segmentation_of_frames_without_positions_says_why_it_cannot_be_written(tmp_path) -> None:
    ds = dataset(STORED[0], NumberOfFrames=3, SpacingBetweenSlices=2)
    ds.PixelData = STORED.tobytes()
    ds.save_as(tmp_path / "a.dcm")
    volume = read_volume(tmp_path / "a.dcm")
    with pytest.raises(WriteError, match="no position of their own"):
        write_labels(tmp_path / "seg.dcm", np.ones(volume.shape, np.uint8), volume)


# ---------------------------------------------------------------------- several series

CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
TILTED = (1.0, 0.0, 0.0, 0.0, 0.8, 0.6)


def _stack(folder: Path, orientation: tuple[float, ...], count: int, **elements: Any) -> None:
    normal = np.cross(orientation[:3], orientation[3:])
    for n in range(count):
        ds = dataset(STORED[0], tuple(2.5 * n * normal), orientation, InstanceNumber=n + 1, **elements)
        ds.save_as(folder / f"{abs(hash(orientation)) % 10**6}_{n}.dcm")


def test_the_list_of_series_tells_them_apart_by_what_a_reader_looks_at(tmp_path) -> None:
    for orientation, count in ((AXIAL, 3), (CORONAL, 4), (SAGITTAL, 5), (TILTED, 6)):
        _stack(tmp_path, orientation, count, AcquisitionDate="20240131")
    with pytest.raises(SeveralSeriesError) as caught:
        read_volume(tmp_path)
    lines = {line.split(", ")[1]: line for line in str(caught.value).splitlines()[2:]}
    assert set(lines) == {"axial", "coronal", "sagittal", "oblique axial"}
    assert "4 slices of 6 × 7, 2.5 × 0.8 × 0.7 mm, 2024-01-31" in lines["coronal"]
    assert {s.plane: s.shape[0] for s in list_series(tmp_path)}["sagittal"] == 5


def test_the_list_of_series_counts_time_points_apart_from_slices(tmp_path) -> None:
    for t in range(2):
        names = [f"{t}{z}" for z in range(3)]
        write_series(tmp_path, STORED, names=names, TemporalPositionIdentifier=t + 1)
    (series,) = list_series(tmp_path)
    assert "3 slices of 6 × 7 × 2 time points" in str(series)
    assert series.date == ""


def test_a_series_without_a_place_has_no_plane(tmp_path) -> None:
    ds = dataset(STORED[0], None, NumberOfFrames=3, SpacingBetweenSlices=2)
    ds.PixelData = STORED.tobytes()
    ds.save_as(tmp_path / "a.dcm")
    assert list_series(tmp_path)[0].plane == ""


def test_a_dataset_can_be_anything(tmp_path) -> None:
    Dataset().save_as(tmp_path / "a.dcm", implicit_vr=False, little_endian=True)
    (tmp_path / "a.dcm").write_bytes(bytes(128) + b"DICM")
    assert "not an image" in _refusal(tmp_path / "a.dcm")[0]
