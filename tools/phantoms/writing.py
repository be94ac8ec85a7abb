"""Write the phantoms as DICOM, NIfTI and TIFF, the same bytes every time."""

from __future__ import annotations

import gzip
import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.phantoms.cells import CELLS_FRAME_INTERVAL, CELLS_PIXEL, make_cells
from tools.phantoms.ct import CT_NAMES, CT_SPACING, make_ct
from tools.phantoms.mr import MR_NAMES, MR_SPACING, make_mr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from pydicom.dataset import FileMetaDataset

__all__ = ["write_samples"]

_CT_LOWEST = -120.0
"""Patient z of the lowest CT slice, mm."""
_MR_LOWEST = -42.0
_DAY, _TIME = "20240101", "120000"
_HU_OFFSET = 1024


def write_samples(folder: str | Path) -> list[Path]:
    """Write the three samples with their ground truths.

    Parameters
    ----------
    folder : str or Path
        Where the files go; made if it is not there. Files of the same names are overwritten, others
        stay.

    Returns
    -------
    list of Path
        The files written: ``ct_abdomen/slice_*.dcm``, ``brain_mr.nii.gz``, ``dividing_cells.tif``, and
        for each ``*_labels.nii.gz`` or ``*_labels.tif`` and ``*_names.json``.

    Examples
    --------
    >>> files = write_samples("sample_data")  # doctest: +SKIP
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return [*_write_ct(folder), *_write_mr(folder), *_write_cells(folder)]


def _write_ct(folder: Path) -> list[Path]:
    image, labels = make_ct()
    step, row, column = CT_SPACING
    corner = (-column * (image.shape[2] - 1) / 2, -row * (image.shape[1] - 1) / 2, _CT_LOWEST)
    series = folder / "ct_abdomen"
    series.mkdir(exist_ok=True)
    paths = []
    for index, pixels in enumerate(image):
        paths.append(series / f"slice_{index:03d}.dcm")
        _write_slice(paths[-1], pixels, index, (corner[0], corner[1], corner[2] + index * step))
    # NIfTI counts x to the right and y to the front, DICOM to the left and to the back.
    affine = np.diag([-column, -row, step, 1.0])
    affine[:3, 3] = (-corner[0], -corner[1], corner[2])
    truth = folder / "ct_abdomen_labels.nii.gz"
    _write_nifti(truth, labels.transpose(2, 1, 0), affine)
    return [*paths, truth, _write_names(folder / "ct_abdomen_names.json", CT_NAMES)]


def _uid(*parts: object) -> str:
    """Make a UID below 2.25 (the branch for UUIDs) that depends on nothing but the parts."""
    text = "/".join(["napari-sam2", "phantom", *map(str, parts)])
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, text).int}"


def _write_slice(path: Path, pixels: NDArray[np.int16], index: int, position: tuple[float, float, float]) -> None:
    from pydicom.dataset import Dataset

    dataset = Dataset()
    dataset.file_meta = _file_meta(_uid("ct", "slice", index))
    for tags in (_patient_tags(), _series_tags(), _slice_tags(index, position), _pixel_tags(pixels)):
        for keyword, value in tags.items():
            setattr(dataset, keyword, value)
    dataset.save_as(path, enforce_file_format=True)


def _file_meta(instance: str) -> FileMetaDataset:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = UID(instance)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    # Without these two pydicom writes its own version number, which would change the bytes.
    meta.ImplementationClassUID = UID(_uid("implementation"))
    meta.ImplementationVersionName = "NAPARI_SAM2"
    return meta


def _patient_tags() -> dict[str, Any]:
    return {
        "SpecificCharacterSet": "ISO_IR 100",
        "PatientName": "Phantom",
        "PatientID": "PHANTOM-CT",
        "PatientBirthDate": "",
        "PatientSex": "O",
        "PatientPosition": "HFS",
        "StudyInstanceUID": _uid("ct", "study"),
        "StudyID": "1",
        "StudyDate": _DAY,
        "StudyTime": _TIME,
        "AccessionNumber": "",
        "ReferringPhysicianName": "",
        "StudyDescription": "Computed phantom, no patient",
    }


def _series_tags() -> dict[str, Any]:
    return {
        "Modality": "CT",
        "Manufacturer": "napari-sam2",
        "ManufacturerModelName": "phantom",
        "SeriesInstanceUID": _uid("ct", "series"),
        "SeriesNumber": 1,
        "SeriesDate": _DAY,
        "SeriesTime": _TIME,
        "SeriesDescription": "Abdomen, portal venous phase (phantom)",
        "BodyPartExamined": "ABDOMEN",
        "FrameOfReferenceUID": _uid("ct", "frame of reference"),
        "PositionReferenceIndicator": "",
        "KVP": 120,
        "ConvolutionKernel": "SOFT",
        "SliceThickness": CT_SPACING[0],
        "SpacingBetweenSlices": CT_SPACING[0],
    }


def _slice_tags(index: int, position: tuple[float, float, float]) -> dict[str, Any]:
    from pydicom.uid import CTImageStorage

    return {
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": _uid("ct", "slice", index),
        "ImageType": ["DERIVED", "SECONDARY", "AXIAL"],
        "InstanceNumber": index + 1,
        "AcquisitionNumber": 1,
        "ContentDate": _DAY,
        "ContentTime": _TIME,
        "ImagePositionPatient": [round(value, 4) for value in position],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "SliceLocation": round(position[2], 4),
    }


def _pixel_tags(pixels: NDArray[np.int16]) -> dict[str, Any]:
    stored = (pixels.astype(np.int32) + _HU_OFFSET).astype("<u2")
    return {
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "PixelSpacing": [CT_SPACING[1], CT_SPACING[2]],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "RescaleIntercept": -_HU_OFFSET,
        "RescaleSlope": 1,
        "RescaleType": "HU",
        "WindowCenter": 40,
        "WindowWidth": 400,
        "PixelData": stored.tobytes(),
    }


def _write_mr(folder: Path) -> list[Path]:
    image, labels = make_mr()
    step, row, column = MR_SPACING
    # The file runs to the right and to the front, as most NIfTI files do.
    affine = np.diag([column, row, step, 1.0])
    affine[:3, 3] = (-column * (image.shape[2] - 1) / 2, -row * (image.shape[1] - 1) / 2, _MR_LOWEST)
    paths = [folder / "brain_mr.nii.gz", folder / "brain_mr_labels.nii.gz"]
    arrays: tuple[NDArray[Any], ...] = (image, labels)
    for path, array in zip(paths, arrays, strict=True):
        _write_nifti(path, array.transpose(2, 1, 0)[::-1, ::-1], affine)
    return [*paths, _write_names(folder / "brain_mr_names.json", MR_NAMES)]


def _write_nifti(path: Path, array: NDArray[Any], affine: NDArray[np.float64]) -> None:
    import nibabel

    # nibabel is only half typed.
    nifti: Any = nibabel.Nifti1Image(np.ascontiguousarray(array), affine)
    nifti.header.set_xyzt_units("mm")
    nifti.set_sform(affine, code=1)
    nifti.set_qform(affine, code=1)
    # nibabel would put the time of day into the gzip header.
    path.write_bytes(gzip.compress(nifti.to_bytes(), compresslevel=9, mtime=0))


def _write_cells(folder: Path) -> list[Path]:
    import tifffile

    movie = make_cells()
    paths = [folder / "dividing_cells.tif", folder / "dividing_cells_labels.tif"]
    arrays: tuple[NDArray[Any], ...] = (movie.image, movie.labels)
    for path, array in zip(paths, arrays, strict=True):
        tifffile.imwrite(
            path,
            array,
            imagej=True,
            compression="zlib",
            resolution=(1 / CELLS_PIXEL, 1 / CELLS_PIXEL),
            metadata={"axes": "TYX", "unit": "um", "finterval": CELLS_FRAME_INTERVAL, "tunit": "sec"},
        )
    return [*paths, _write_names(folder / "dividing_cells_names.json", movie.names, movie.parents)]


def _write_names(path: Path, names: Mapping[int, str], parents: Mapping[int, int] | None = None) -> Path:
    content: dict[str, dict[str, str | int]] = {"names": {str(k): v for k, v in names.items()}}
    if parents:
        content["parents"] = {str(k): v for k, v in parents.items()}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8", newline="\n")
    return path
