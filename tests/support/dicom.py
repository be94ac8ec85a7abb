"""Writes small DICOM series for the tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from napari_sam2.errors import ReadError
from napari_sam2.io import read_volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)


def dataset(
    pixels: NDArray[np.generic],
    position: tuple[float, float, float] | None = (0.0, 0.0, 0.0),
    orientation: tuple[float, ...] = AXIAL,
    series: str = "1.2.3.4",
    **elements: object,
) -> FileDataset:
    """One CT slice; keyword arguments set further elements, None removes one."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.SeriesInstanceUID, ds.StudyInstanceUID, ds.FrameOfReferenceUID = series, "1.2.3", "1.2.9"
    ds.Modality, ds.SeriesDescription = "CT", "phantom"
    ds.Rows, ds.Columns = pixels.shape
    ds.PixelSpacing, ds.SliceThickness = [0.8, 0.7], 5.0
    if position is not None:
        ds.ImagePositionPatient, ds.ImageOrientationPatient = list(position), list(orientation)
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = pixels.dtype.itemsize * 8
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
    ds.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    for keyword, value in elements.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def save(folder: Path, ds: FileDataset) -> Path:
    """Write a data set as the only file of a folder."""
    ds.save_as(folder / "a.dcm", enforce_file_format=True)
    return folder / "a.dcm"


def refusal(path: Path, lazy: bool = False) -> tuple[str, str]:
    """Read what cannot be read; return headline and advice of the error."""
    with pytest.raises(ReadError) as caught:
        np.asarray(read_volume(path, lazy=lazy).array)
    assert path.name in caught.value.headline
    return caught.value.headline, str(caught.value).partition("\n")[2]


def write_series(
    folder: Path,
    stored: NDArray[np.generic],
    heights: list[float] | None = None,
    names: list[str] | None = None,
    **elements: object,
) -> list[Path]:
    """An axial series of ``stored`` (Z, Y, X), 2 mm apart unless `heights` says otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    heights = [2.0 * i for i in range(len(stored))] if heights is None else heights
    paths = []
    for index, (plane, height) in enumerate(zip(stored, heights, strict=True)):
        path = folder / (names[index] if names else f"{index:03d}.dcm")
        own = {"InstanceNumber": index + 1, "position": (-10.0, -20.0, height), **elements}
        dataset(plane, **own).save_as(path)  # type: ignore[arg-type]
        paths.append(path)
    return paths


@cache
def pydicom_files() -> dict[str, Path]:
    """Return the test files that come with pydicom, by name."""
    folders = [Path(pydicom.data.data_manager.DATA_ROOT) / "test_files"]
    try:
        import data_store
    except ImportError:
        pass
    else:
        folders.append(Path(data_store.__file__).parent / "data")
    return {p.name: p for folder in folders for p in sorted(folder.iterdir()) if p.is_file()}
