"""Labels as an RT structure set (RT-STRUCT): the contours of each object on the slices of its series.

The contours lie half-way between the centres of the voxels inside and outside, in the planes of the slices that were
acquired, whatever their orientation. A part with holes is one contour with a channel of no width to each hole (a
keyhole), which is how the standard writes an inner contour of the type CLOSED_PLANAR (PS3.3, C.8.8.6.3). The patient
and study data of the series are repeated, as the standard requires; nothing else about the patient is added.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.atomic_write import replacing
from napari_sam2.core.colors import object_color
from napari_sam2.core.masks import box_around
from napari_sam2.errors import WriteError
from napari_sam2.io.dicom.opening import damage, first_line, quiet
from napari_sam2.io.dicom.outlines import outlines
from napari_sam2.io.dicom.source_series import PATIENT, STUDY, checked_header, read_headers
from napari_sam2.io.dicom.terminology import code_for
from napari_sam2.io.label_grid import checked_labels, to_planes
from napari_sam2.io.label_stack import LabelStack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from pydicom.dataset import Dataset, FileDataset

    from napari_sam2.core.volume import ImageVolume
    from napari_sam2.io.dicom.terminology import SegmentCode

_MAKER = "napari-sam2"
_ANATOMY = "91723000"
# Radiotherapy's own words that a name may begin with.
_TARGETS = ("GTV", "CTV", "PTV")
_MOST_ROI = 2**31 - 1
# How finely points are written, in pixels.
_FINE = 1e-3
# Of a number that is stored as text.
_MOST_LETTERS = 16
# The retired class to which a study is referred to here by all who write structure sets; the element is required.
_STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"


def write_rtstruct(
    path: Path,
    labels: Any,
    volume: ImageVolume,
    names: Mapping[int, str] | None = None,
    codes: Mapping[int, SegmentCode] | None = None,
    colors: Mapping[int, Sequence[float]] | None = None,
) -> None:
    """Write labels of a DICOM series as one RT-STRUCT file.

    Parameters
    ----------
    path
        Ends in ``.dcm``; replaced if it is there.
    labels
        Whole numbers on the volume's grid without channels; 0 is the background. Or a `LabelStack`, of objects that
        may overlap. The labels are the ROI numbers.
    volume
        Read from DICOM by `read_volume`; its first file must still be where it was.
    names
        Names of the labels, the names of the structures.
    codes
        Codes of the labels, over those found by name; see `terminology.search_codes`.
    colors
        Red, green and blue, from 0 to 1, of the labels; those of a new session by default.

    Raises
    ------
    WriteError
        If the volume is not a DICOM series of slices, has no unique identifiers or positions, or the labels are empty.
    """
    header = checked_header(path, volume, "RT-STRUCT")
    stack = labels.filled() if isinstance(labels, LabelStack) else None
    array = checked_labels(labels, volume, path) if stack is None else stack.masks
    present = [int(v) for v in np.unique(array) if v] if stack is None else list(stack.objects)
    if not present:
        raise WriteError(
            f"{path} was not written: there is no object in the labels.\nAn RT-STRUCT needs at least one structure."
        )
    if present[-1] > _MOST_ROI:
        raise WriteError(f"{path} was not written: the label {present[-1]} is no ROI number.\nRenumber the labels.")
    assert volume.source is not None
    if volume.source.series_uid is None or None in header["positions"] or header["orientation"] is None:
        raise WriteError(
            f"{path} was not written: the series has no unique identifier, or its slices no position, to which an "
            "RT-STRUCT must refer.\nWrite NIfTI or NRRD instead."
        )
    (first,) = read_headers(path, volume.source.paths[:1])
    planes = to_planes(array, volume)
    slices = _labels_of(planes) if stack is None else _masks_of(planes, present)
    try:
        with quiet():
            images = _image_references(volume, header, first)
            contours = _contours(slices, present, volume, header, images)
            dataset = _structure_set(first, header, volume, images)
            _add_structures(dataset, present, contours, names or {}, codes or {}, colors or {})
            with replacing(path) as temporary:
                dataset.save_as(temporary, enforce_file_format=True)
    except damage() as error:
        if isinstance(error, MemoryError):
            raise WriteError(
                f"{path} was not written: there is not enough memory for it.\nClose other images first."
            ) from error
        raise WriteError(
            f"{path} was not written: the headers of the series do not allow an RT-STRUCT: {first_line(error)}.\n"
            "Write NIfTI or NRRD instead."
        ) from error


def _item(**elements: Any) -> Dataset:
    from pydicom.dataset import Dataset

    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def _image_references(volume: ImageVolume, header: Mapping[str, Any], first: Dataset) -> list[Dataset]:
    """Return a reference to the image of each slice; to a frame of it where a file has several."""
    assert volume.source is not None
    planes = Counter(volume.source.paths)
    several = int(first.get("NumberOfFrames") or 1) > 1
    references = []
    for path, sop_class, uid, frame in zip(
        volume.source.paths, header["sop_class_uids"], header["sop_instance_uids"], header["frames"], strict=True
    ):
        item = _item(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=uid)
        if several or planes[path] > 1:
            item.ReferencedFrameNumber = frame + 1
        references.append(item)
    return references


def _contours(
    slices: Iterator[dict[int, NDArray[np.bool_]]],
    present: list[int],
    volume: ImageVolume,
    header: Mapping[str, Any],
    images: list[Dataset],
) -> dict[int, list[Dataset]]:
    """Return the items of the contours of each label, slice by slice."""
    in_plane = volume.affine[:3, 1:3]
    # More digits than anyone measures make a file large.
    digits = int(np.clip(-np.floor(np.log10(_FINE * np.linalg.norm(in_plane, axis=0).min())), 2, 9))
    found: dict[int, list[Dataset]] = {label: [] for label in present}
    for masks, position, image in zip(slices, header["positions"], images, strict=True):
        for label, outline in ((label, o) for label, mask in masks.items() for o in _traced(mask)):
            points = np.array(position) + outline @ in_plane.T
            item = _item(
                ContourImageSequence=[image],
                ContourGeometricType="CLOSED_PLANAR",
                NumberOfContourPoints=len(points),
                ContourNumber=len(found[label]) + 1,
            )
            _set_points(item, points, digits)
            found[label].append(item)
    return found


def _set_points(item: Dataset, points: NDArray[np.float64], digits: int) -> None:
    """Give a contour its points, as the text in which they are stored: pydicom takes long to check each number."""
    from pydicom.dataelem import RawDataElement
    from pydicom.tag import Tag

    # Minus zero would be written as such.
    values = [f"{v:.{digits}f}" for v in (np.round(points, digits) + 0.0).ravel().tolist()]
    if max(map(len, values)) > _MOST_LETTERS:
        raise ValueError("a position is too far from the origin to be written")
    text = "\\".join(values).encode("ascii")
    text += b" " * (len(text) % 2)
    tag = Tag("ContourData")
    item[tag] = RawDataElement(tag, "DS", len(text), text, 0, True, True)


def _labels_of(planes: NDArray[Any]) -> Iterator[dict[int, NDArray[np.bool_]]]:
    """Yield the masks of the labels in each slice of ``(Z, Y, X)``."""
    for plane in planes:
        yield {int(label): plane == label for label in np.unique(plane) if label}


def _masks_of(planes: NDArray[np.bool_], present: list[int]) -> Iterator[dict[int, NDArray[np.bool_]]]:
    """Yield the masks of the objects in each slice of ``(n_objects, Z, Y, X)``."""
    for z in range(planes.shape[1]):
        yield {label: planes[i, z] for i, label in enumerate(present) if planes[i, z].any()}


def _traced(mask: NDArray[np.bool_]) -> Iterator[NDArray[np.float64]]:
    """Yield the outline of each part of a mask, from the box around them."""
    box = box_around(mask)
    if box is not None:
        for outline in outlines(mask[box]):
            yield outline + np.array([part.start for part in box])


def _structure_set(
    first: Dataset, header: Mapping[str, Any], volume: ImageVolume, images: list[Dataset]
) -> FileDataset:
    """Return the file without its structures."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ImplicitVRLittleEndian, RTStructureSetStorage, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = RTStructureSetStorage, generate_uid()
    # The other encodings leave 64 KiB for the points of a contour, which large ones outgrow.
    meta.TransferSyntaxUID = ImplicitVRLittleEndian
    ds = FileDataset("", _item(), file_meta=meta, preamble=b"\0" * 128)
    now = datetime.now()
    date, time = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.InstanceCreationDate, ds.InstanceCreationTime = date, time
    for keyword in (*PATIENT, *STUDY):
        setattr(ds, keyword, first.get(keyword))
    ds.StudyInstanceUID = header["study_uid"]
    ds.Modality, ds.SeriesInstanceUID, ds.InstanceNumber = "RTSTRUCT", generate_uid(), 1
    ds.SeriesNumber = max(1, int(first.get("SeriesNumber") or 0) * 100 + 2) % 2**31
    ds.SeriesDescription, ds.OperatorsName = "Structures", None
    ds.Manufacturer = ds.ManufacturerModelName = _MAKER
    ds.SoftwareVersions = _version()
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = header["frame_of_reference_uid"], None
    ds.StructureSetLabel, ds.StructureSetDate, ds.StructureSetTime = "Segmentation", date, time
    ds.ApprovalStatus = "UNAPPROVED"
    assert volume.source is not None
    series = _item(SeriesInstanceUID=volume.source.series_uid, ContourImageSequence=images)
    study = _item(
        ReferencedSOPClassUID=_STUDY_CLASS,
        ReferencedSOPInstanceUID=header["study_uid"],
        RTReferencedSeriesSequence=[series],
    )
    ds.ReferencedFrameOfReferenceSequence = [
        _item(FrameOfReferenceUID=header["frame_of_reference_uid"], RTReferencedStudySequence=[study])
    ]
    return ds


def _add_structures(
    ds: FileDataset,
    present: list[int],
    contours: Mapping[int, list[Dataset]],
    names: Mapping[int, str],
    codes: Mapping[int, SegmentCode],
    colors: Mapping[int, Sequence[float]],
) -> None:
    structures, outlined, observations = [], [], []
    for number, label in enumerate(present, start=1):
        # One line: a name there has no line breaks.
        name = " ".join(names.get(label, "").split()) or f"object {label}"
        structures.append(
            _item(
                ROINumber=label,
                ReferencedFrameOfReferenceUID=ds.FrameOfReferenceUID,
                # A name has 64 letters, and a backslash would part it.
                ROIName=name.replace("\\", "/")[:64],
                # A person places the prompts, corrects and accepts.
                ROIGenerationAlgorithm="SEMIAUTOMATIC",
                ROIGenerationDescription=f"Segmented with {_MAKER}",
            )
        )
        color = [round(255 * float(c)) for c in colors.get(label, object_color(label))[:3]]
        outlined.append(
            _item(ROIDisplayColor=color, ContourSequence=contours[label], ReferencedROINumber=label),
        )
        observations.append(_observation(number, label, name, codes.get(label) or code_for(name)))
    ds.StructureSetROISequence, ds.ROIContourSequence = structures, outlined
    ds.RTROIObservationsSequence = observations


def _observation(number: int, label: int, name: str, code: SegmentCode | None) -> Dataset:
    target = next((t for t in _TARGETS if name.upper().startswith(t)), None)
    is_organ = code is not None and code.category[0] == _ANATOMY
    item = _item(
        ObservationNumber=number,
        ReferencedROINumber=label,
        # Empty where it is neither: the standard has no word for what is none of its own.
        RTROIInterpretedType=target or ("ORGAN" if is_organ else None),
        ROIInterpreter=None,
    )
    if code is not None:
        kind = _code(code.value, code.meaning)
        if code.side is not None:
            kind.SegmentedPropertyTypeModifierCodeSequence = [_code(*code.side)]
        item.SegmentedPropertyCategoryCodeSequence = [_code(*code.category)]
        item.RTROIIdentificationCodeSequence = [kind]
    return item


def _code(value: str, meaning: str) -> Dataset:
    return _item(CodeValue=value, CodingSchemeDesignator="SCT", CodeMeaning=meaning)


def _version() -> str:
    from importlib.metadata import version

    return version("napari-sam2")
