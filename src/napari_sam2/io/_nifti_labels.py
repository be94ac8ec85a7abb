"""Labels as NIfTI: written on the grid of the image's own file, read onto the volume's grid."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import ReadError, WriteError
from napari_sam2.io._atomic import replacing
from napari_sam2.io._labels import as_labels, checked_labels
from napari_sam2.io.nifti import RAS_LPS, REVERSED, file_affine, length_unit, nibabel, open_nifti
from napari_sam2.volume import millimetres_per_unit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_sam2.volume import ImageVolume

# Two affines are the same grid if no corner of the volume moves by more than this share of a voxel.
_SAME_GRID = 0.1
_COMMENT = 6


def write_nifti_labels(path: Path, labels: Any, volume: ImageVolume, names: Mapping[int, str] | None = None) -> None:
    """Write labels as ``.nii`` or ``.nii.gz``.

    Labels of a volume that came from NIfTI get that file's grid, orientation and affines, bit for bit.
    Otherwise the volume's affine becomes the sform; the qform is marked unknown where it cannot hold it.

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
    if names:
        text = json.dumps({"labels": {str(k): v for k, v in names.items()}}).encode()
        image.header.extensions.append(nib.nifti1.Nifti1Extension(_COMMENT, text))
    with replacing(path) as temporary:
        image.to_filename(temporary)


def read_nifti_labels(path: Path, volume: ImageVolume) -> NDArray[Any]:
    """Read labels from NIfTI onto the volume's grid, whatever the file's orientation.

    Raises
    ------
    ReadError
        If the file holds no labels or lies on another grid.
    """
    nib = nibabel()
    file = open_nifti(path)
    values = as_labels(file.values, path)
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    values = values.reshape(values.shape + (1,) * (3 - values.ndim))
    factor = millimetres_per_unit(length_unit(file.image.header, [])) or 1.0
    in_file = np.diag([factor] * 3 + [1.0]) @ RAS_LPS @ file_affine(path, file.image.header, [])
    between = np.linalg.inv(volume.affine @ REVERSED) @ in_file  # file index → volume index (x, y, z)
    turn = nib.io_orientation(between)
    if np.isnan(turn).any():
        raise _other_grid(path, "its axes are not the volume's")
    rest = between @ nib.orientations.inv_ornt_aff(turn, values.shape[:3])
    turned = nib.orientations.apply_orientation(values, turn)
    sizes = [volume.size_of(a) if a in volume.axes else 1 for a in "xyz"]
    sizes += [volume.size_of("t")] if "t" in volume.axes else []
    if list(turned.shape) != sizes:
        raise _other_grid(path, f"its shape (x, y, z, …) is {turned.shape}, the volume's is {tuple(sizes)}")
    corners = np.array([[x, y, z, 1] for x in (0, sizes[0]) for y in (0, sizes[1]) for z in (0, sizes[2])]).T
    moved = float(np.abs((rest - np.eye(4)) @ corners).max())
    if moved > _SAME_GRID:
        raise _other_grid(path, f"its voxels lie up to {moved:.2f} voxels beside the volume's")
    return np.ascontiguousarray(_to_volume_order(turned, volume))


def _other_grid(path: Path, reason: str) -> ReadError:
    return ReadError(
        f"{path} lies on another grid than the volume: {reason}.\nResample the labels to the volume's grid first."
    )


def _to_volume_order(array: NDArray[Any], volume: ImageVolume) -> NDArray[Any]:
    """``(x, y, z[, t])`` → the order of the volume's label axes, without axes that it does not have."""
    letters = "xyzt"[: array.ndim]
    kept = [a for a in letters if a in volume.label_axes]
    array = array.reshape([n for n, a in zip(array.shape, letters, strict=True) if a in kept])
    return array.transpose([kept.index(a) for a in volume.label_axes])


def _from_volume_order(array: NDArray[Any], volume: ImageVolume) -> NDArray[Any]:
    """The volume's label axes → ``(x, y, z[, t])``; missing spatial axes get the length 1."""
    present = [a for a in "xyzt" if a in volume.label_axes]
    array = array.transpose([volume.label_axes.index(a) for a in present])
    sizes = dict(zip(present, array.shape, strict=True))
    return array.reshape([sizes.get(a, 1) for a in ("xyzt" if "t" in sizes else "xyz")])


def _on_files_grid(path: Path, array: NDArray[Any], source: Mapping[str, Any]) -> Any:
    nib = nibabel()
    turn = np.asarray(source["orientation"])
    turned = array.transpose()
    flat = turned.ndim == 2
    if flat:
        turned = turned[:, :, None]
    values = nib.orientations.apply_orientation(turned, _inverse(turn))
    shape = tuple(source["shape"])
    spatial = (*shape, 1, 1)[:3]
    if values.shape[:3] != spatial:
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
    if flat:
        values = values[:, :, 0]
    image = klass(np.ascontiguousarray(values), None, header)
    # nibabel replaces the two forms where it is given an affine; None keeps the file's bytes.
    image.header["pixdim"] = _pixdim(source["header"], values.ndim)
    return image


def _pixdim(header: Any, ndim: int) -> NDArray[Any]:
    pixdim = np.array(header["pixdim"])
    pixdim[ndim + 1 :] = np.where(pixdim[ndim + 1 :] == 0, 1, pixdim[ndim + 1 :])
    return pixdim


def _inverse(turn: NDArray[Any]) -> NDArray[Any]:
    inverse = np.empty_like(turn)
    for axis, (target, sign) in enumerate(turn):
        inverse[int(target)] = axis, sign
    return inverse


def _on_volumes_grid(array: NDArray[Any], volume: ImageVolume) -> Any:
    nib = nibabel()
    values = np.ascontiguousarray(_from_volume_order(array, volume))
    affine = RAS_LPS @ volume.affine @ REVERSED
    klass = nib.Nifti1Image if max(values.shape) < 2**15 else nib.Nifti2Image
    image = klass(values, affine)
    # 1 = scanner coordinates; 2 = aligned to something, where the place in the body was never known.
    code = 1 if volume.source is not None and volume.source.format == "dicom" else 2
    image.header.set_sform(affine, code=code)
    image.header.set_qform(affine, code=code, strip_shears=True)
    if np.abs(image.header.get_qform() - affine).max() > 1e-2:
        image.header["qform_code"] = 0
    seconds = "sec" if volume.has_frame_interval else None
    image.header.set_xyzt_units("mm", seconds)
    if values.ndim == 4 and volume.has_frame_interval:
        image.header["pixdim"][4] = volume.spacing_of("t")
    return image
