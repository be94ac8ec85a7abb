"""Turning a file's array to the nearest patient axes, so that slices stand upright, and back again.

Only axes are swapped and reversed; no voxel is ever resampled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# RAS+ ⇄ LPS+: x and y change sign.
RAS_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
# (x, y, z, 1) ⇄ (z, y, x, 1)
REVERSED = np.eye(4)[[2, 1, 0, 3]]


def nibabel() -> Any:
    """Return the nibabel module, imported late and untyped: its orientation functions carry no annotations."""
    import nibabel as nib

    return nib


def upright(
    values: NDArray[Any], affine: NDArray[np.float64], notes: list[str]
) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[Any]]:
    """Turn an array to the nearest LPS orientation.

    Parameters
    ----------
    values
        ``(i, j)`` or ``(i, j, k, …)`` in the file's order; axes after the third stay where they are.
    affine
        4x4, file index (i, j, k, 1) → RAS mm.
    notes
        Gets a sentence where a single slice is not axial and is left as stored.

    Returns
    -------
    turned : ndarray
        With x to the left, y to the back, z up.
    affine : ndarray
        4x4, index of `turned` → RAS mm.
    turn : ndarray
        (3, 2), nibabel's description of the turn; for `turned_back`.
    """
    nib = nibabel()
    flat = values.ndim == 2
    spatial = (*values.shape, 1)[:3]
    turn = nib.orientations.ornt_transform(nib.io_orientation(affine), nib.orientations.axcodes2ornt("LPS"))
    if flat and not np.array_equal(turn[:, 0], [0, 1, 2]):
        # The single slice is sagittal or coronal: turning it would leave a volume one voxel wide.
        notes.append("the single slice is not axial; it is shown as stored")
        turn = np.array([[0, 1], [1, 1], [2, 1]], dtype=float)
    turned = nib.orientations.apply_orientation(values.reshape(spatial + values.shape[3:]), turn)
    return (
        turned[:, :, 0] if flat else turned,
        np.asarray(affine @ nib.orientations.inv_ornt_aff(turn, spatial), dtype=np.float64),
        np.asarray(turn),
    )


def turned_back(values: NDArray[Any], turn: NDArray[Any]) -> NDArray[Any]:
    """Undo `upright` for an array of the same spatial axes."""
    nib = nibabel()
    flat = values.ndim == 2
    inverse = np.empty_like(turn)
    for axis, (target, sign) in enumerate(turn):
        inverse[int(target)] = axis, sign
    back = nib.orientations.apply_orientation(values[:, :, None] if flat else values, inverse)
    return np.asarray(back[:, :, 0] if flat else back)
