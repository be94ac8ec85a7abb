"""The series that a DICOM object of labels belongs to: whether it can be referred to, and its headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam2.errors import WriteError
from napari_sam2.io.dicom.opening import damage, quiet
from napari_sam2.io.dicom.pixels import undecodable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pydicom.dataset import Dataset

    from napari_sam2.core.volume import ImageVolume

PATIENT = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
STUDY = ("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName")
"""Elements that the standard wants in every file but allows to be empty; de-identification often removes them."""


def checked_header(path: Path, volume: ImageVolume, kind: str) -> Mapping[str, Any]:
    """Return what is known of the series of a volume, or say why no object of labels can refer to it.

    Parameters
    ----------
    path
        Of the file to be written, for texts.
    volume
        The volume.
    kind
        What is to be written, ``"DICOM-SEG"`` or ``"RT-STRUCT"``.

    Returns
    -------
    Mapping
        The header of the volume's source, see `VolumeSource`.

    Raises
    ------
    WriteError
        If the volume is not from DICOM, is no stack of slices, or lacks unique identifiers.
    """
    source = volume.source
    article = "an" if kind.startswith("RT") else "a"
    if source is None or source.format != "dicom":
        raise WriteError(
            f"{path} was not written: {article} {kind} refers to the DICOM series that was segmented, and this volume "
            "was not read from one.\nWrite NIfTI or NRRD instead."
        )
    header = source.header
    if set(volume.label_axes) - set("zyx") or header["is_mosaic"]:
        what = "mosaics" if header["is_mosaic"] else f"an image with the axes {volume.label_axes}"
        raise WriteError(f"{path} was not written: {kind} of {what} is not supported.\nWrite NIfTI instead.")
    if not all(header["sop_instance_uids"]) or not header["frame_of_reference_uid"] or not header["study_uid"]:
        raise WriteError(
            f"{path} was not written: the series lacks unique identifiers (SOPInstanceUID, StudyInstanceUID or "
            f"FrameOfReferenceUID), to which {article} {kind} must refer.\nWrite NIfTI or NRRD instead."
        )
    return header


def read_headers(path: Path, files: Iterable[Path]) -> list[Dataset]:
    """Read the headers of files of the series, in UTF-8 and with all elements of patient and study.

    Parameters
    ----------
    path
        Of the file to be written, for texts.
    files
        Of the series.

    Returns
    -------
    list of Dataset
        Without pixels, in the order of the files.

    Raises
    ------
    WriteError
        If a file is missing or damaged; the text names `path`, which is to be written.
    """
    import pydicom

    try:
        with quiet():
            headers = [pydicom.dcmread(file, stop_before_pixels=True, force=True) for file in files]
            for dataset in headers:
                # Empty and mixed character sets are common, and one that holds all letters suits every file.
                dataset.decode()
                dataset.SpecificCharacterSet = "ISO_IR 192"
                for keyword in (*PATIENT, *STUDY):
                    if keyword not in dataset:
                        setattr(dataset, keyword, None)
    except damage() as error:
        cause = undecodable(error)
        raise WriteError(
            f"{path} was not written: a file of the image is needed for it, and {cause}.\n{cause.remedy}"
        ) from error
    return headers
