"""Labels as NIfTI: written on the grid of the image's own file, read onto the volume's grid."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.atomic_write import replacing
from napari_sam2.core.units import millimetres_per_unit
from napari_sam2.errors import WriteError
from napari_sam2.io.label_grid import (
    LabelNote,
    as_labels,
    checked_labels,
    flat_axes,
    label_note_in,
    label_text,
    on_volume_grid,
    to_file_order,
)
from napari_sam2.io.nifti import file_affine, length_unit, open_nifti
from napari_sam2.io.orientation import RAS_LPS, REVERSED, nibabel, turned_back

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_sam2.core.volume import ImageVolume

_COMMENT = 6


def write_nifti_labels(path: Path, labels: Any, volume: ImageVolume, names: Mapping[int, str] | None = None) -> None:
    """Write labels as ``.nii`` or ``.nii.gz``.

    Labels of a volume that came from NIfTI get that file's grid, orientation and affines, bit for bit.
    Otherwise the volume's affine becomes the sform; the qform is marked unknown where it cannot hold it.

    Parameters
    ----------
    path
        Ends in ``.nii`` or ``.nii.gz``; what is there is replaced.
    labels
        Whole numbers on the volume's grid without channels; 0 is the background.
    volume
        The volume that the labels belong to.
    names
        Names of the labels.

    Raises
    ------
    WriteError
        If the labels do not fit the volume, or the file cannot be written.
    """
    nib = nibabel()
    array = checked_labels(labels, volume, path)
    source = volume.source
    if source is not None and source.format == "nifti":
        image = _on_files_grid(path, array, source.header)
    else:
        image = _on_volumes_grid(array, volume)
    image.header["cal_min"] = image.header["cal_max"] = 0
    image.header.set_intent("label")
    flat = flat_axes(volume)
    if names or flat:
        text = label_text(names, **flat).encode()
        image.header.extensions.append(nib.nifti1.Nifti1Extension(_COMMENT, text))
    with replacing(path) as temporary:
        image.to_filename(temporary)


def read_nifti_labels(path: Path, volume: ImageVolume) -> NDArray[Any]:
    """Read labels from NIfTI onto the volume's grid, whatever the file's orientation.

    Parameters
    ----------
    path
        The file.
    volume
        The volume that the labels belong to.

    Returns
    -------
    ndarray
        Unsigned integers, of the volume's shape without channels.

    Raises
    ------
    ReadError
        If the file holds no labels or lies on another grid.
    """
    file = open_nifti(path)
    values = as_labels(file.values, path)
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    factor = millimetres_per_unit(length_unit(file.image.header, [])) or 1.0
    affine = np.diag([factor] * 3 + [1.0]) @ RAS_LPS @ file_affine(path, file.image.header, [])
    return on_volume_grid(path, values, affine, volume)


def read_nifti_label_note(path: Path) -> LabelNote | None:
    """Return what a NIfTI file says about its labels; None where its header does not say that it holds any.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    LabelNote or None
        The names of a file of ours; of other ones none.
    """
    nib = nibabel()
    try:
        header = nib.load(path).header
        intent = str(header.get_intent()[0]) if "intent_code" in header else ""
        comments = [e.get_content() for e in getattr(header, "extensions", ()) if e.get_code() == _COMMENT]
    except (
        nib.filebasedimages.ImageFileError,
        nib.spatialimages.HeaderDataError,
        OSError,
        ValueError,
        KeyError,
        EOFError,
        zlib.error,
    ):
        # Whoever opens it as an image is told what is wrong with it.
        return None
    if intent != "label":
        return None
    texts = (c if isinstance(c, str) else bytes(c).decode("utf-8", "replace") for c in comments)
    return next((note for text in texts if (note := label_note_in(text.rstrip("\0 "))) is not None), LabelNote({}))


def _on_files_grid(path: Path, array: NDArray[Any], source: Mapping[str, Any]) -> Any:
    nib = nibabel()
    values = turned_back(array.transpose(), np.asarray(source["orientation"]))
    shape = tuple(source["shape"])
    spatial = (*shape, 1, 1)[:3]
    if (*values.shape, 1)[:3] != spatial:
        raise WriteError(
            f"{path} was not written: the labels do not fit the grid {spatial} of the image's file.\n"
            "Pass the volume as it was read."
        )
    header = source["header"].copy()
    header.extensions.clear()
    header.set_data_dtype(values.dtype)
    header["scl_slope"] = header["scl_inter"] = np.nan
    klass = nib.Nifti2Image if isinstance(header, nib.nifti2.Nifti2PairHeader) else nib.Nifti1Image
    # A .hdr/.img pair has the same fields as a single file, but another magic number.
    header = klass.header_class.from_header(header)
    image = klass(np.ascontiguousarray(values), None, header)
    # nibabel replaces the two forms where it is given an affine; None keeps the file's bytes.
    image.header["pixdim"] = _pixdim(source["header"], values.ndim)
    return image


def _pixdim(header: Any, ndim: int) -> NDArray[Any]:
    pixdim = np.array(header["pixdim"])
    pixdim[ndim + 1 :] = np.where(pixdim[ndim + 1 :] == 0, 1, pixdim[ndim + 1 :])
    return pixdim


def _on_volumes_grid(array: NDArray[Any], volume: ImageVolume) -> Any:
    nib = nibabel()
    values = np.ascontiguousarray(to_file_order(array, volume))
    affine = RAS_LPS @ volume.affine @ REVERSED
    klass = nib.Nifti1Image if max(values.shape) < 2**15 else nib.Nifti2Image
    image = klass(values, affine)
    # 1 = scanner coordinates; 2 = aligned to something, where the place in the body was never known.
    code = 1 if volume.source is not None and volume.source.format == "dicom" else 2
    image.header.set_sform(affine, code=code)
    image.header.set_qform(affine, code=code, strip_shears=True)
    # A hundredth of a voxel, which may be micrometres.
    if np.abs(image.header.get_qform() - affine).max() > 1e-2 * np.linalg.norm(affine[:3, :3], axis=0).min():
        image.header["qform_code"] = 0
    is_time = values.ndim == 4 and volume.is_time_declared
    image.header.set_xyzt_units("mm", "sec" if is_time else None)
    if is_time:
        # 0 is how NIfTI says that the interval is not known.
        image.header["pixdim"][4] = volume.spacing_of("t") if volume.has_frame_interval else 0
    return image
