"""The surface of an object as a mesh in patient millimetres, as STL, PLY or OBJ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.arrays import as_array
from napari_sam2.core.atomic_write import replacing
from napari_sam2.core.masks import box_around
from napari_sam2.core.paths import checked_path
from napari_sam2.core.volume import check_volume
from napari_sam2.errors import WriteError

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import NDArray

    from napari_sam2.core.volume import ImageVolume

MESH_SUFFIXES = (".stl", ".ply", ".obj")


def write_mesh(
    path: str | PathLike[str], labels: Any, volume: ImageVolume, obj_id: int = 1, at: Mapping[str, int] | None = None
) -> None:
    """Write the surface of one object as a mesh, whole or not at all.

    Parameters
    ----------
    path
        Ends in ``.stl`` (binary), ``.ply`` or ``.obj``; an existing file is replaced.
    labels
        Whole numbers on the volume's grid without channels.
    volume
        Gives the place: vertices are patient LPS millimetres, or voxels where the volume has no physical unit.
    obj_id
        The object's label.
    at
        The time point of a time series, ``{"t": 3}``.

    Raises
    ------
    WriteError
        If the suffix is unknown, the object is not there, the labels do not fit, or the disk refuses.

    Examples
    --------
    >>> import napari_sam2 as ns
    >>> volume = ns.ImageVolume(np.zeros((9, 9, 9)), spacing=(2, 1, 1), units="mm")
    >>> labels = np.zeros((9, 9, 9), np.uint8)
    >>> labels[3:6, 3:6, 3:6] = 1
    >>> ns.write_mesh("cube.stl", labels, volume, obj_id=1)  # doctest: +SKIP
    """
    import trimesh

    path = checked_path(path, WriteError)
    kind = path.suffix.lower()
    if kind not in MESH_SUFFIXES:
        raise WriteError(
            f"{path} was not written: a mesh cannot be written as {path.suffix or 'a file without a suffix'!r}.\n"
            f"Use one of the suffixes {', '.join(MESH_SUFFIXES)}."
        )
    try:
        vertices, faces = object_mesh(labels, volume, obj_id, at)
    except ValueError as error:
        raise WriteError(f"{path} was not written: {error}") from error
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    content = mesh.export(file_type=kind[1:])
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def object_mesh(
    labels: Any, volume: ImageVolume, obj_id: int = 1, at: Mapping[str, int] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the surface half-way between the object's voxel centres and their neighbours, by marching cubes.

    Parameters
    ----------
    labels
        Whole numbers on the volume's grid without channels; 0 is the background.
    volume
        Gives the place.
    obj_id
        The object's label.
    at
        The time point of a time series, ``{"t": 3}``.

    Returns
    -------
    vertices : ndarray
        (n, 3) float, patient LPS millimetres (x, y, z).
    faces : ndarray
        (m, 3) int, indices of vertices, counter-clockwise seen from outside. The mesh is closed.

    Raises
    ------
    ValueError
        If the labels do not fit the volume, have no depth, or lack the object.
    """
    from skimage.measure import marching_cubes

    check_volume(volume)
    if isinstance(obj_id, bool) or not isinstance(obj_id, int | np.integer) or obj_id < 1:
        raise ValueError(f"obj_id={obj_id!r} must be a whole number above zero.")
    values = as_array(labels, "The array of labels")
    if values.dtype.kind not in "biu":
        raise ValueError(f"labels are whole numbers, not {values.dtype}.")
    if values.shape != volume.label_shape:
        raise ValueError(f"labels of shape {values.shape} do not fit the volume's grid {volume.label_shape}.")
    fixed = _checked_at(at, volume)
    values = values[tuple(fixed.get(a, slice(None)) for a in volume.label_axes)]
    axes = [a for a in volume.label_axes if a not in fixed]
    if sorted(axes) != ["x", "y", "z"]:
        missing = "choose one time point with at={'t': …}" if "t" in axes else "a mesh needs z, y and x"
        raise ValueError(f"the axes are {''.join(axes)!r}; {missing}.")
    mask = values.transpose([axes.index(a) for a in "zyx"]) == obj_id
    box = box_around(mask)
    if box is None:
        raise ValueError(f"the labels hold no object {obj_id}.")
    # Only the object's box, with a voxel of background around it, so that the surface is closed at the border.
    index, faces, _, _ = marching_cubes(np.pad(mask[box], 1).astype(np.float32), 0.5)
    index = index.astype(np.float64) + [part.start - 1 for part in box]
    vertices = index @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    # scikit-image's triangles face inwards in (z, y, x); a mirroring affine, the usual one, turns them outwards.
    if np.linalg.det(volume.affine[:3, :3]) > 0:
        faces = faces[:, ::-1]
    return vertices, np.ascontiguousarray(faces, dtype=np.int64)


def _checked_at(at: Any, volume: ImageVolume) -> dict[str, int]:
    if at is not None and not isinstance(at, Mapping):
        raise ValueError(f"at={at!r} must give an index for an axis, such as {{'t': 3}}.")
    for axis, index in (at or {}).items():
        count = volume.size_of(axis) if axis in tuple(volume.label_axes) else 0
        if not isinstance(index, int | np.integer) or not -count <= index < count:
            raise ValueError(f"at={{{axis!r}: {index!r}}} is no index of the labels {volume.label_shape}.")
    return {axis: int(index) for axis, index in (at or {}).items()}
