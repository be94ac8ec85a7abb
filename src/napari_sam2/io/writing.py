"""Write labels, in the format of the path's suffix."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_sam2.core.arguments import checked_names
from napari_sam2.core.paths import checked_path, is_folder, is_same_file
from napari_sam2.core.volume import check_volume
from napari_sam2.errors import WriteError
from napari_sam2.io.formats import DICOM, is_inside_zarr, label_format, label_suffixes
from napari_sam2.io.label_stack import LabelStack, as_stack, object_paths

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike
    from pathlib import Path

    from napari_sam2.core.volume import ImageVolume, VolumeSource
    from napari_sam2.io.dicom.terminology import SegmentCode
    from napari_sam2.io.formats import Format

DicomKind = Literal["seg", "rtstruct"]
OverlapRule = Literal["layers", "keep", "overwrite"]

_log = logging.getLogger(__name__)


def write_labels(
    path: str | PathLike[str],
    labels: Any,
    volume: ImageVolume,
    names: Mapping[int, str] | None = None,
    codes: Mapping[int, SegmentCode] | None = None,
    *,
    kind: DicomKind | None = None,
    objects: Sequence[int] | None = None,
    overlap: OverlapRule = "layers",
    colors: Mapping[int, Sequence[float]] | None = None,
) -> list[Path]:
    """Write labels in the format of the suffix, whole or not at all.

    Parameters
    ----------
    path
        Ends in ``.nii``, ``.nii.gz``, ``.nrrd``, ``.mha``, ``.tif``, ``.tiff``, ``.dcm`` (DICOM) or ``.zarr``
        (OME-Zarr; also ``IMAGE.zarr/labels/NAME``); what is there is replaced.
    labels
        Whole numbers on the volume's grid without channels; 0 is the background. Or ``(n_objects, …)`` bool, one mask
        for each object, where objects may overlap.
    volume
        The volume that the labels belong to. Labels of a volume read from NIfTI, NRRD or MetaImage go back on that
        file's own grid and orientation. A DICOM file of labels needs a volume read from DICOM, and repeats its
        patient and study data, as the standard requires; the other formats hold nothing of them.
    names
        Names of the labels; kept in the file where the format has a place for them.
    codes
        The meaning of the labels, for a DICOM file; see `napari_sam2.io.dicom.terminology`. Names in its table need
        none.
    kind
        For ``.dcm``: ``"seg"`` writes a DICOM-SEG, which holds the voxels, ``"rtstruct"`` an RT-STRUCT, which holds
        contours. The default is a DICOM-SEG.
    objects
        The label of each mask of a stack; 1, 2, 3 and so on by default. A label image has none.
    overlap
        How a stack of masks is written: ``"layers"`` keeps every mask whole, as a segment of a DICOM-SEG, a structure
        of an RT-STRUCT, and a file for each object in the other formats (``case_1_liver.nii.gz``); ``"keep"`` writes
        one label image in which the first of several objects keeps a voxel, ``"overwrite"`` one in which the last has
        it.
    colors
        Red, green and blue, each from 0 to 1, of the labels in an RT-STRUCT.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    WriteError
        If the suffix is unknown, the labels do not fit, or the disk refuses.

    Examples
    --------
    >>> import napari_sam2 as ns
    >>> volume = ns.read_volume("ct_folder/")  # doctest: +SKIP
    >>> ns.write_labels("liver.dcm", labels, volume, {1: "liver"}, kind="rtstruct")  # doctest: +SKIP
    """
    path = check_label_target(path, volume, kind)
    names = checked_names(names)
    _check_codes(codes)
    found = label_format(path)
    assert found is not None
    if kind not in (None, "seg", "rtstruct") or (kind is not None and found is not DICOM):
        why = "it must be 'seg' or 'rtstruct'" if found is DICOM else f"{found.name} has no kinds"
        raise WriteError(f"{path} was not written: kind={kind!r}, but {why}.\nIt is for the suffix .dcm.")
    if overlap not in ("layers", "keep", "overwrite"):
        raise WriteError(f"{path} was not written: overlap={overlap!r} must be 'layers', 'keep' or 'overwrite'.")
    stack = as_stack(path, labels, objects, volume)
    if stack is not None and overlap != "layers":
        labels, several = stack.flattened(overlap)
        stack = None
        if several:
            winner = "first" if overlap == "keep" else "last"
            _log.warning("%s: %d voxels belong to several objects; the %s was taken", path, several, winner)
    if found is not DICOM:
        return _write_plain(found, path, labels if stack is None else stack, volume, names)
    masks_or_labels = labels if stack is None else stack
    if kind == "rtstruct":
        from napari_sam2.io.dicom.rtstruct_writer import write_rtstruct

        write_rtstruct(path, masks_or_labels, volume, names, codes, colors)
    else:
        found.write_labels(path, masks_or_labels, volume, names, codes)
    return [path]


def _write_plain(
    found: Format, path: Path, labels: Any | LabelStack, volume: ImageVolume, names: dict[int, str]
) -> list[Path]:
    """Write labels in a format that has one label for each voxel; of a stack a file for each object."""
    if not isinstance(labels, LabelStack):
        found.write_labels(path, labels, volume, names)
        return [path]
    suffix = next((s for s in found.writes if path.name.lower().endswith(s)), "")
    targets = [check_label_target(p, volume) for p in object_paths(path, suffix, labels, names)]
    for target, obj_id, mask in zip(targets, labels.objects, labels.masks, strict=True):
        image = mask.astype(np.min_scalar_type(obj_id)) * np.min_scalar_type(obj_id).type(obj_id)
        found.write_labels(target, image, volume, {obj_id: names[obj_id]} if obj_id in names else {})
    return targets


def check_label_target(path: str | PathLike[str], volume: ImageVolume, kind: DicomKind | None = None) -> Path:
    """Return the path of labels to be written, or say why they cannot be; for use before long work.

    Parameters
    ----------
    path
        Its suffix must be known, and its folder must be there.
    volume
        The volume of the labels; the path must be none of the files that it came from, nor hold one of them. A
        DICOM file needs one that was read from DICOM, with identifiers to refer to.
    kind
        Of a DICOM file, as :func:`write_labels` takes it.

    Returns
    -------
    Path
        With the home folder in place of ``~``.

    Raises
    ------
    WriteError
        If labels cannot be written there.
    """
    path = checked_path(path, WriteError)
    check_volume(volume)
    if label_format(path) is None:
        raise WriteError(
            f"{path} was not written: labels cannot be written as {path.suffix or 'a file without a suffix'!r}.\n"
            f"Use one of the suffixes {', '.join(label_suffixes())}."
        )
    # The groups inside an OME-Zarr are made as they are needed.
    if not is_inside_zarr(path) and not is_folder(path.parent):
        raise WriteError(f"{path} cannot be written: the folder {path.parent} does not exist.\nCreate it first.")
    if os.path.exists(path) and volume.source is not None:
        _check_keeps_image(path, volume.source)
    if label_format(path) is DICOM:
        from napari_sam2.io.dicom.source_series import checked_header

        checked_header(path, volume, "RT-STRUCT" if kind == "rtstruct" else "DICOM-SEG")
    return path


def _check_keeps_image(path: Path, source: VolumeSource) -> None:
    """Refuse a target that is the image, or a store or folder that the image lies in: it would be replaced whole."""
    if any(is_same_file(path, p) for p in source.paths):
        raise WriteError(f"{path} was not written: it is the image itself.\nGive the labels another name.")
    # Labels that were opened as labels have no paths: they may be saved over themselves, but not over what holds them.
    opened = () if source.opened is None else (source.opened,)
    target = path.resolve()
    for part in (*source.paths, *opened):
        place = part.resolve()
        if target in place.parents or (target == place and source.paths):
            raise WriteError(f"{path} was not written: it holds the image {part}.\nGive the labels another name.")


def _check_codes(codes: Any) -> None:
    from napari_sam2.io.dicom.terminology import SegmentCode

    if codes is not None and not (
        isinstance(codes, Mapping) and all(isinstance(code, SegmentCode) for code in codes.values())
    ):
        raise WriteError(
            f"codes={codes!r} must give a SegmentCode for each label; see napari_sam2.io.dicom.terminology."
        )
