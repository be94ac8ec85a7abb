"""Small errors of NIfTI headers, put right as the reference library nifti1_io does; nibabel refuses most of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.io.orientation import nibabel

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Of the squared length of a quaternion's vector part; more than rounding of float32 is another mistake.
_ROUNDING = 1e-4
HEAD = 544


def repaired(head: bytes) -> tuple[bytes, list[str]] | None:
    """Put small errors of a header right.

    Parameters
    ----------
    head
        The first `HEAD` bytes of the file that holds the header.

    Returns
    -------
    (bytes, list of str) or None
        The header that takes the place of as many bytes at the beginning, and a note for each change of which the user
        should know. None where there is nothing to mend, or it is no NIfTI header.

    Raises
    ------
    HeaderDataError
        If the header has an error that leaves the place of the image unknown.
    """
    from nibabel.spatialimages import HeaderDataError

    nib = nibabel()
    if head[344:348] in (b"n+1\0", b"ni1\0"):
        klass = nib.Nifti1Header
    elif head[4:8] in (b"n+2\0", b"ni2\0"):
        klass = nib.Nifti2Header
    else:
        return None
    header = klass(head[: klass.sizeof_hdr], check=False)
    ndim = int(header["dim"][0])
    if ndim == 0:
        raise HeaderDataError("its header says that it has no axes")
    if not 1 <= ndim <= 7:
        return None
    notes: list[str] = []
    before = header.binaryblock
    _mend_shape(header, ndim, notes)
    _mend_scaling(header, notes)
    _mend_offset(header, notes)
    if not header["sform_code"] > 0:
        _mend_spacing(header, ndim, notes)
        if header["qform_code"] > 0:
            _mend_quaternion(header)
    return None if header.binaryblock == before else (header.binaryblock, notes)


def _mend_shape(header: Any, ndim: int, notes: list[str]) -> None:
    dim = header["dim"]
    if (dim[2 : ndim + 1] < 1).any():
        dim[2 : ndim + 1] = np.maximum(dim[2 : ndim + 1], 1)
        notes.append("the header has an axis of no length; it was taken for one voxel")


def _mend_scaling(header: Any, notes: list[str]) -> None:
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if math.isinf(slope):
        header["scl_slope"] = np.nan  # which is how nibabel writes "as stored"
        notes.append("the slope of the header is infinite; the values are as stored")
    elif slope and not math.isnan(slope) and not math.isfinite(intercept):
        header["scl_inter"] = 0
        notes.append(f"the intercept of the header is {intercept}; 0 was taken")


def _mend_offset(header: Any, notes: list[str]) -> None:
    if not bytes(header["magic"]).startswith(b"n+"):
        return
    # The pixels of a single file begin after the header and four bytes that announce extensions.
    first, offset = header.sizeof_hdr + 4, float(header["vox_offset"])
    if not offset >= first:
        header["vox_offset"] = first
        notes.append(f"the header says that its voxels begin at byte {offset:g}; {first} was taken")


def _mend_spacing(header: Any, ndim: int, notes: list[str]) -> None:
    pixdim: NDArray[Any] = header["pixdim"]
    for axis in range(1, min(ndim, 3) + 1):
        if pixdim[axis] == 0:
            pixdim[axis] = 1
            notes.append(f"the header has the spacing 0 along {'xyz'[axis - 1]}; 1 was taken")


def _mend_quaternion(header: Any) -> None:
    from nibabel.spatialimages import HeaderDataError

    fields = ("quatern_b", "quatern_c", "quatern_d")
    squared = sum(float(header[field]) ** 2 for field in fields)
    if squared > 1 + _ROUNDING:
        raise HeaderDataError(f"the quaternion of its qform is longer than one ({math.sqrt(squared):.3g})")
    if squared > 1:
        for field in fields:
            header[field] = float(header[field]) / math.sqrt(squared)
