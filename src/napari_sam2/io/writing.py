"""Write labels, in the format of the path's suffix."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from napari_sam2.core.arguments import checked_names
from napari_sam2.core.paths import checked_path, is_folder
from napari_sam2.core.volume import check_volume
from napari_sam2.errors import WriteError
from napari_sam2.io.formats import DICOM, is_inside_zarr, label_format, label_suffixes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike
    from pathlib import Path

    from napari_sam2.core.volume import ImageVolume
    from napari_sam2.io.dicom.terminology import SegmentCode

DicomKind = Literal["seg", "rtstruct"]


def write_labels(
    path: str | PathLike[str],
    labels: Any,
    volume: ImageVolume,
    names: Mapping[int, str] | None = None,
    codes: Mapping[int, SegmentCode] | None = None,
    *,
    kind: DicomKind | None = None,
    colors: Mapping[int, Sequence[float]] | None = None,
) -> None:
    """Write labels in the format of the suffix, whole or not at all.

    Parameters
    ----------
    path
        Ends in ``.nii``, ``.nii.gz``, ``.nrrd``, ``.mha``, ``.tif``, ``.tiff``, ``.dcm`` (DICOM) or ``.zarr``
        (OME-Zarr; also ``IMAGE.zarr/labels/NAME``); what is there is replaced.
    labels
        Whole numbers on the volume's grid without channels; 0 is the background.
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
    colors
        Red, green and blue, each from 0 to 1, of the labels in an RT-STRUCT.

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
    path = check_label_target(path, volume)
    names = checked_names(names)
    _check_codes(codes)
    found = label_format(path)
    assert found is not None
    if kind not in (None, "seg", "rtstruct") or (kind is not None and found is not DICOM):
        why = "it must be 'seg' or 'rtstruct'" if found is DICOM else f"{found.name} has no kinds"
        raise WriteError(f"{path} was not written: kind={kind!r}, but {why}.\nIt is for the suffix .dcm.")
    if kind == "rtstruct":
        from napari_sam2.io.dicom.rtstruct_writer import write_rtstruct

        write_rtstruct(path, labels, volume, names, codes, colors)
    elif found is DICOM:
        found.write_labels(path, labels, volume, names, codes)
    else:
        found.write_labels(path, labels, volume, names)


def check_label_target(path: str | PathLike[str], volume: ImageVolume) -> Path:
    """Return the path of labels to be written, or say why they cannot be; for use before long work.

    Parameters
    ----------
    path
        Its suffix must be known, and its folder must be there.
    volume
        The volume of the labels; the path must be none of the files that it came from.

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
    sources = () if volume.source is None else volume.source.paths
    if os.path.exists(path) and any(os.path.exists(source) and path.samefile(source) for source in sources):
        raise WriteError(f"{path} was not written: it is the image itself.\nGive the labels another name.")
    return path


def _check_codes(codes: Any) -> None:
    from napari_sam2.io.dicom.terminology import SegmentCode

    if codes is not None and not (
        isinstance(codes, Mapping) and all(isinstance(code, SegmentCode) for code in codes.values())
    ):
        raise WriteError(
            f"codes={codes!r} must give a SegmentCode for each label; see napari_sam2.io.dicom.terminology."
        )
