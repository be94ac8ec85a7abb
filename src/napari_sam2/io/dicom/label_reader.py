"""DICOM-SEG and RT-STRUCT as labels on a volume's grid.

Every frame, and every contour, goes where its own position says, in patient millimetres; numbers of frames
and slices are not used.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import ReadError
from napari_sam2.io.dicom.frame import Frame
from napari_sam2.io.dicom.multiframe import frame_count, frames_of
from napari_sam2.io.dicom.opening import damage, first_line, looks_like_dicom, quiet
from napari_sam2.io.dicom.pixels import register_decoders, undecodable
from napari_sam2.io.dicom.rtstruct import roi_labels, structures
from napari_sam2.io.dicom.seg_writer import LABEL_TEXT
from napari_sam2.io.label_grid import other_grid

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from napari_sam2.core.volume import ImageVolume

_log = logging.getLogger(__name__)
# How far a voxel of a segment may lie beside the volume's, in voxels.
_OFF_GRID = 0.1


def read_dicom_labels(path: Path, volume: ImageVolume, notes: list[str] | None = None) -> NDArray[Any]:
    """Read a DICOM-SEG or RT-STRUCT file onto a volume's grid.

    Parameters
    ----------
    path
        The file.
    volume
        Of the axes ``zyx`` or ``yx``; any source, as long as its affine is the patient's.
    notes
        Gets a sentence about everything that was left out or decided.

    Returns
    -------
    ndarray
        uint8 or uint16, on the volume's grid. A DICOM-SEG's segments have their segment numbers, or the labels from
        which they were written by us; fractional ones are cut at one half. Structures of an RT-STRUCT have their
        ROI numbers. Where segments overlap, the higher number wins, and a note and the log say so.

    Raises
    ------
    ReadError
        If the file is neither, is damaged, has another frame of reference, or lies beside the volume's grid.
    """
    objects = read_dicom_masks(path, volume, notes)
    labels = np.zeros(volume.label_shape, np.min_scalar_type(max(objects, default=0)))
    overlap = 0
    for value, mask in objects.items():
        overlap += int(np.count_nonzero(labels[mask]))
        labels[mask] = value
    if overlap:
        text = f"{overlap} voxels belong to several segments; the higher number was taken"
        _log.warning("%s: %s", path, text)
        if notes is not None:
            notes.append(text)
    return labels


def read_dicom_masks(path: Path, volume: ImageVolume, notes: list[str] | None = None) -> dict[int, NDArray[np.bool_]]:
    """Read the objects of a DICOM-SEG or RT-STRUCT file onto a volume's grid, each whole where they overlap.

    Parameters
    ----------
    path, volume, notes
        As in `read_dicom_labels`.

    Returns
    -------
    dict
        The mask of each label, ascending, on the volume's grid.

    Raises
    ------
    ReadError
        As `read_dicom_labels`.
    """
    import pydicom

    if set(volume.label_axes) - set("zyx"):
        raise ReadError(
            f"{path} cannot be read onto an image with the axes {volume.axes}.\nOpen one time point of the image."
        )
    try:
        if not looks_like_dicom(path):
            raise ReadError(
                f"{path} is no DICOM file, though its name says so.\n"
                "Check what it is, and give it the suffix of its format."
            )
        with quiet():
            dataset = pydicom.dcmread(path, force=True)
            if "SegmentSequence" in dataset:
                register_decoders()
                objects = _segments(path, dataset, volume)
            elif "StructureSetROISequence" in dataset or "ROIContourSequence" in dataset:
                _same_frame_of_reference(path, _references(dataset), volume)
                objects = structures(path, dataset, volume, notes)
            else:
                raise _no_labels(path, dataset)
    except damage() as error:
        cause = undecodable(error)
        raise ReadError(f"{path} cannot be read: {cause}.\n{cause.remedy}") from error
    present = [a for a in "zyx" if a in volume.label_axes]
    order = [present.index(a) for a in volume.label_axes]
    sizes = [volume.size_of(a) for a in present]
    return {value: np.ascontiguousarray(objects[value].reshape(sizes).transpose(order)) for value in sorted(objects)}


def read_dicom_names(path: Path) -> dict[int, str]:
    """Names of the labels that `read_dicom_labels` gives for a DICOM-SEG or RT-STRUCT; empty for other DICOM files.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    dict
        The name of each label; empty where it has none.

    Raises
    ------
    ReadError
        If the file is damaged.
    """
    import pydicom

    try:
        with quiet():
            ds = pydicom.dcmread(path, stop_before_pixels=True, force=True)
            values = _label_values(ds)
            names = {
                values[int(s.SegmentNumber)]: str(s.get("SegmentLabel", "")) for s in ds.get("SegmentSequence", [])
            }
            labels = roi_labels(ds)
            for roi in ds.get("StructureSetROISequence") or []:
                names[labels[int(roi.ROINumber)]] = str(roi.get("ROIName", ""))
            return names
    except damage() as error:
        raise ReadError(f"{path} cannot be read: {first_line(error)}.\nGet a whole copy of it.") from error


def _no_labels(path: Path, ds: Dataset) -> ReadError:
    """Return the error for a DICOM file that is neither a segmentation nor a structure set."""
    kind = str(ds.get("Modality") or "unknown modality")
    if "Rows" in ds:
        return ReadError(
            f"{path} holds no labels but {kind}, an image.\nOpen it with ns.read_volume, or give a DICOM-SEG or "
            "RT-STRUCT file."
        )
    return ReadError(
        f"{path} holds no labels: there are neither segments nor structures in it ({kind}).\n"
        "Give a DICOM-SEG or RT-STRUCT file."
    )


# ---------------------------------------------------------------------- DICOM-SEG


def _segments(path: Path, ds: Dataset, volume: ImageVolume) -> dict[int, NDArray[np.bool_]]:
    from pydicom.pixels import pixel_array

    _same_frame_of_reference(path, {str(ds.get("FrameOfReferenceUID", ""))}, volume)
    pixels = np.asarray(pixel_array(ds))
    pixels = pixels[None] if frame_count(ds) == 1 else pixels
    kind = str(ds.get("SegmentationType", "BINARY"))
    threshold = int(ds.get("MaximumFractionalValue", 255)) / 2 if kind == "FRACTIONAL" else 0.5
    values = _label_values(ds)
    shape = tuple(volume.size_of(a) if a in volume.axes else 1 for a in "zyx")
    masks: dict[int, NDArray[np.bool_]] = {}
    for frame, picture in zip(frames_of(ds, lay_out=False), pixels, strict=True):
        if kind == "LABELMAP":
            found = {int(v): picture == v for v in np.unique(picture) if v}
        else:
            found = {int(_referenced_segment(ds, frame.number)): picture >= threshold}
        for number, mask in found.items():
            if mask.any():
                target = masks.setdefault(values.get(number, number), np.zeros(shape, bool))
                target[_indices(path, frame, mask, volume, shape)] = True
    return masks


def _referenced_segment(ds: Dataset, number: int) -> int:
    for groups, index in ((ds.get("PerFrameFunctionalGroupsSequence"), number), (ds.SharedFunctionalGroupsSequence, 0)):
        if groups and "SegmentIdentificationSequence" in groups[index]:
            return int(groups[index].SegmentIdentificationSequence[0].ReferencedSegmentNumber)
    raise ValueError(f"frame {number + 1} does not say to which segment it belongs")


def _label_values(ds: Dataset) -> dict[int, int]:
    """Map segment numbers to labels; our segments carry the label in their description."""
    values = {}
    for segment in ds.get("SegmentSequence", []):
        number = int(segment.SegmentNumber)
        own = re.fullmatch(LABEL_TEXT + r"(\d{1,9})", str(segment.get("SegmentDescription", "")))
        values[number] = int(own[1]) if own else number
    # Descriptions of others could say the same twice.
    return values if len(set(values.values())) == len(values) else {n: n for n in values}


def _indices(
    path: Path, frame: Frame, mask: NDArray[np.bool_], volume: ImageVolume, shape: tuple[int, ...]
) -> tuple[NDArray[np.intp], ...]:
    """Return the indices (z, y, x) in the volume of the voxels of one frame."""
    for keyword in ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing"):
        if frame.get(keyword) is None:
            raise ReadError(
                f"{path} cannot be placed: its frame {frame.number + 1} has no {keyword}.\n"
                "Export it again with the program that it came from."
            )
    right, down = np.array(frame.get("ImageOrientationPatient"), dtype=float).reshape(2, 3)
    between_rows, between_columns = (float(s) for s in frame.get("PixelSpacing"))
    in_patient = np.zeros((4, 3))
    in_patient[:3, 0] = down / np.linalg.norm(down) * between_rows
    in_patient[:3, 1] = right / np.linalg.norm(right) * between_columns
    in_patient[:, 2] = *(float(v) for v in frame.get("ImagePositionPatient")), 1.0
    exact = (np.linalg.inv(volume.affine) @ in_patient)[:3]  # (row, column, 1) → (z, y, x)
    steps = np.rint(exact)
    rows, columns = np.nonzero(mask)
    corners = np.array([[r, c, 1] for r in (0, mask.shape[0] - 1) for c in (0, mask.shape[1] - 1)]).T
    beside = float(np.abs((exact - steps) @ corners).max())
    if beside > _OFF_GRID:
        raise other_grid(
            path, f"the voxels of frame {frame.number + 1} lie up to {beside:.2f} voxels beside the volume's"
        )
    index = (steps @ np.array([rows, columns, np.ones_like(rows)])).astype(np.intp)
    if (index < 0).any() or (index >= np.array(shape)[:, None]).any():
        raise other_grid(path, f"frame {frame.number + 1} lies outside the volume")
    return index[0], index[1], index[2]


def _references(ds: Dataset) -> set[str]:
    """Return the frames of reference of the structures of an RT-STRUCT."""
    return {str(r.get("ReferencedFrameOfReferenceUID") or "") for r in ds.get("StructureSetROISequence") or []}


def _same_frame_of_reference(path: Path, theirs: set[str], volume: ImageVolume) -> None:
    ours = volume.source.header.get("frame_of_reference_uid", "") if volume.source is not None else ""
    theirs = theirs - {""}
    if ours and theirs and ours not in theirs:
        raise ReadError(
            f"{path} belongs to another image: its frame of reference is not the volume's.\n"
            "Open the series that it was drawn on."
        )
