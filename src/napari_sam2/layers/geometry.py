"""The place of a layer in the world, copied from one layer to another.

Every layer that the package makes lies exactly on the image it belongs to: the same data-to-world
transform, the same units and axis names. Data coordinates of one are then data coordinates of the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari.layers import Layer
    from numpy.typing import NDArray

_PLACE = ("scale", "translate", "rotate", "shear", "affine")
GEOMETRY_EVENTS = (*_PLACE, "units", "axis_labels")


def geometry_of(layer: Layer) -> dict[str, Any]:
    """Return the keyword arguments that give a new layer the place of an existing one.

    Parameters
    ----------
    layer
        Any napari layer. The channel axis of an RGB image is no axis of the layer.

    Returns
    -------
    dict
        ``scale, translate, rotate, shear, affine, units, axis_labels``; arrays are copies.

    Examples
    --------
    >>> import numpy as np
    >>> from napari.layers import Image
    >>> image = Image(np.zeros((4, 8, 9)), scale=(3, 0.7, 0.7), translate=(10, 0, 0))
    >>> geometry_of(image)["scale"].tolist()
    [3.0, 0.7, 0.7]
    """
    place: dict[str, Any] = {
        "scale": np.array(layer.scale),
        "translate": np.array(layer.translate),
        "rotate": np.array(layer.rotate),
        "shear": np.array(layer.shear),
        "affine": np.array(layer.affine.affine_matrix),
    }
    return {**place, "units": tuple(layer.units), "axis_labels": tuple(layer.axis_labels)}


def copy_geometry(source: Layer, target: Layer) -> None:
    """Move a layer to the place of another one of the same number of axes."""
    move_to(target, geometry_of(source))


def move_to(layer: Layer, place: dict[str, Any]) -> None:
    """Move a layer to a place that :func:`geometry_of` found."""
    for name, value in place.items():
        setattr(layer, name, value)


def one_voxel_along(place: dict[str, Any], axis: int, count: int) -> dict[str, Any]:
    """Stretch a place so that one voxel takes the room of ``count`` along an axis.

    Parameters
    ----------
    place
        As :func:`geometry_of` gives it.
    """
    from napari.utils.transforms import Affine

    parts = {name: place[name] for name in ("scale", "rotate", "shear")}
    step = Affine(**parts).linear_matrix[:, axis]
    scale = np.array(place["scale"], float)
    scale[axis] *= count
    return {**place, "scale": scale, "translate": place["translate"] + step * (count - 1) / 2}


def moved_by(place: dict[str, Any], offset: Sequence[float]) -> dict[str, Any]:
    """Move a place by a way in data coordinates, so that a layer there begins with another voxel.

    Parameters
    ----------
    place
        As :func:`geometry_of` gives it.
    offset
        One number for each axis.
    """
    from napari.utils.transforms import Affine

    parts = {name: place[name] for name in ("scale", "rotate", "shear")}
    steps = Affine(**parts).linear_matrix
    return {**place, "translate": place["translate"] + steps @ np.asarray(offset, float)}


def same_place(first: Layer, second: Layer) -> bool:
    """Return whether a data coordinate means the same point of the world in both layers."""
    if first.ndim != second.ndim:
        return False
    corners = np.vstack([np.zeros(first.ndim), np.eye(first.ndim)])
    return all(np.allclose(first.data_to_world(c), second.data_to_world(c)) for c in corners)


def on_geometry_change(layer: Layer, callback: Callable[..., None], *, connect: bool = True) -> None:
    """Connect (or disconnect) a callback to everything that moves a layer in the world."""
    for name in GEOMETRY_EVENTS:
        emitter = getattr(layer.events, name, None)
        if emitter is not None:
            if connect:
                emitter.connect(callback)
            else:
                emitter.disconnect(callback)


def index_to_patient(layer: Layer, letters: str, factors: Mapping[str, float]) -> NDArray[np.float64]:
    """Return the matrix from index ``(z, y, x, 1)`` to LPS mm ``(x, y, z, 1)``, the world axes taken for the body's.

    Parameters
    ----------
    letters
        One per axis of the layer; time is left out.
    factors
        Millimetres in one unit of each axis of the world, by its letter.
    """
    matrix = np.diag([0.0, 0.0, 0.0, 1.0])
    origin = np.array(layer.data_to_world(np.zeros(layer.ndim)), float)
    spatial = {letter: letters.index(letter) for letter in "zyx" if letter in letters}
    for column, letter in enumerate("zyx"):
        if letter not in spatial:
            matrix[2 - column, column] = next(iter(factors.values()))
            continue
        step = np.array(layer.data_to_world(np.eye(layer.ndim)[spatial[letter]]), float) - origin
        for row, other in enumerate("zyx"):
            if other in spatial:
                matrix[2 - row, column] = step[spatial[other]] * factors[other]
        matrix[2 - column, 3] = origin[spatial[letter]] * factors[letter]
    return matrix
