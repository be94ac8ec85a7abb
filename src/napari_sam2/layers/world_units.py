"""Where a viewer stands in a layer, also where layers of other units are shown beside it.

The sliders of a viewer count in one unit for all layers, the smallest of them, and napari converts for each layer that
it slices; :meth:`world_to_data` of a layer counts in the layer's own unit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari.components import Dims
    from napari.layers import Layer
    from numpy.typing import ArrayLike, NDArray


def data_point(dims: Dims, layer: Layer) -> NDArray[np.float64]:
    """Return where a viewer stands, in data coordinates of a layer."""
    # A viewer that layers are taken out of may have fewer axes than one of them.
    point = (0.0,) * (layer.ndim - dims.ndim) + tuple(dims.point)[-layer.ndim :]
    return np.array(layer.world_to_data(np.array(point, float) * _steps(dims, layer)), float)


def world_point(dims: Dims, layer: Layer, data: ArrayLike) -> NDArray[np.float64]:
    """Return where data coordinates of a layer lie on the sliders of a viewer, those of the layer's axes."""
    return np.array(layer.data_to_world(data), float) / _steps(dims, layer)


def counts_alike(dims: Dims, layer: Layer) -> bool:
    """Return whether a viewer counts in the units of a layer; napari's tools take it for granted."""
    return bool(np.allclose(_steps(dims, layer), 1.0))


def _steps(dims: Dims, layer: Layer) -> NDArray[np.float64]:
    """Return how much one unit of the viewer is in the units of a layer, for each axis of it."""
    # None where the units do not go together, such as pixels beside millimetres: nothing is converted then.
    units = getattr(dims, "units", None)
    if units is None or len(units) < layer.ndim:
        return np.ones(layer.ndim)
    shown = units[-layer.ndim :]
    return np.array([(1.0 * unit).to(own).magnitude for unit, own in zip(shown, layer.units, strict=True)])
