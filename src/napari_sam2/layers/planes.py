"""The planes of a volume, and a viewer that shows the layers of another one in a plane of its own."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes

from napari_sam2.layers.axis_names import layer_axes
from napari_sam2.layers.geometry import GEOMETRY_EVENTS, geometry_of
from napari_sam2.layers.layer_order import add_layer
from napari_sam2.layers.world_units import data_point, world_point

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.components import Dims, ViewerModel

CROSS_NAME = "SAM 2 position"
# In voxels.
_NEAR = 1e-3
# In pixels of the screen: a line below one pixel is not drawn in some places.
_THIN = 1.2
_LOOK: dict[type[Layer], tuple[str, ...]] = {
    Image: ("visible", "opacity", "blending", "contrast_limits", "gamma", "colormap", "interpolation2d"),
    Labels: ("visible", "opacity", "blending", "colormap", "contour", "show_selected_label", "selected_label"),
}
# Emitted when a layer shows something else: after a run or a stroke wrote into its array, for instance.
_REDRAWN = ("set_data", "paint", "labels_update")


def other_planes(letters: str, shown: Sequence[int]) -> list[tuple[int, int]]:
    """List the two further planes of a volume or a time-lapse beside the one that is shown.

    Parameters
    ----------
    letters
        One of ``"tzcyx"`` for each axis.
    shown
        The two axes that are shown, as places in `letters`.

    Returns
    -------
    list of tuple
        Pairs of places in `letters`, the vertical axis first; none for a single picture.

    Examples
    --------
    >>> other_planes("zyx", (1, 2)), other_planes("tzyx", (2, 3)), other_planes("tyx", (1, 2))
    ([(0, 1), (0, 2)], [(1, 2), (1, 3)], [(0, 1), (0, 2)])
    """
    axes = [letters.index(a) for a in ("zyx" if "z" in letters else "tyx") if a in letters]
    return [pair for pair in combinations(axes, 2) if set(pair) != set(shown)][:2] if len(axes) == 3 else []


def place_of_axes(dims: Dims, layer: Layer) -> int:
    """Return the place of the first axis of a layer among the axes of its viewer, of which it has the last."""
    return int(dims.ndim - layer.ndim)


def planes_beside(dims: Dims, image: Layer) -> list[tuple[int, int]]:
    """Return :func:`other_planes` of an image as axes of the viewer that shows it."""
    offset = place_of_axes(dims, image)
    shown = [axis - offset for axis in dims.order[-2:]]
    return [(a + offset, b + offset) for a, b in other_planes(layer_axes(image), shown)]


def turn_to(dims: Dims, plane: tuple[int, int]) -> None:
    """Order the axes of a viewer so that it shows a plane."""
    dims.order = (*(i for i in range(dims.ndim) if i not in plane), *plane)


def camera_of(viewer: ViewerModel) -> Any:
    """Return the camera of a viewer."""
    return getattr(viewer, "scene", viewer).camera  # Before napari 0.9 the viewer had it.


def on_a_voxel(dims: Dims, image: Layer) -> None:
    """Move a viewer that stands just between two voxels of an image onto one of them.

    There napari brings it where shapes reach half a voxel farther than the image. It is where one rounds to this slice
    and another to the next, so that a mark would be of another slice than the one that is shown.
    """
    here = data_point(dims, image)
    between = np.abs(here - np.floor(here) - 0.5) < _NEAR
    if between.any():
        here[between] = np.rint(here[between])
        dims.point = (*dims.point[: -image.ndim], *world_point(dims, image, here))


class Mirror:
    """Keeps the images and labels of one viewer in another, which shares their arrays.

    Parameters
    ----------
    source
        The viewer that is followed.
    target
        The viewer whose layers are made, changed and removed.
    redraw_soon
        Called when what the arrays hold may be another; the owner then calls :meth:`redraw`, not too often.
    """

    def __init__(self, source: ViewerModel, target: ViewerModel, redraw_soon: Callable[[], None]) -> None:
        self._source, self._target, self._redraw_soon = source, target, redraw_soon
        self._copies: dict[Layer, Layer] = {}
        for name in ("inserted", "removed", "reordered", "moved"):
            getattr(source.layers.events, name).connect(self._follow_layers)
        self._follow_layers()

    def redraw(self) -> None:
        """Draw the labels as their arrays are now."""
        for copy in self._copies.values():
            if isinstance(copy, Labels) and copy.visible:
                copy.refresh()

    def close(self) -> None:
        """Stop following, and empty the other viewer."""
        for name in ("inserted", "removed", "reordered", "moved"):
            getattr(self._source.layers.events, name).disconnect(self._follow_layers)
        for layer in list(self._copies):
            self._leave(layer)

    def _follow_layers(self, event: Any = None) -> None:
        wanted = [layer for layer in self._source.layers if type(layer) in _LOOK]
        for layer in [layer for layer in self._copies if layer not in wanted]:
            self._leave(layer)
        for layer in wanted:
            if layer not in self._copies:
                self._copies[layer] = _copy(layer)
                # A tool of the plane stays active.
                add_layer(self._target, self._copies[layer])
                self._listen(layer, connect=True)
        for place, layer in enumerate(wanted):
            now = self._target.layers.index(self._copies[layer])
            if now != place:
                self._target.layers.move(now, place)

    def _leave(self, layer: Layer) -> None:
        self._listen(layer, connect=False)
        copy = self._copies.pop(layer)
        if copy in self._target.layers:
            self._target.layers.remove(copy)

    def _listen(self, layer: Layer, connect: bool) -> None:
        def each(name: str, callback: Any) -> None:
            emitter = getattr(layer.events, name, None)
            if emitter is not None:
                (emitter.connect if connect else emitter.disconnect)(callback)

        for name in (*_LOOK[type(layer)], *GEOMETRY_EVENTS):
            each(name, self._on_look)
        each("data", self._on_data)
        for name in _REDRAWN if isinstance(layer, Labels) else ():
            each(name, self._on_redrawn)

    def _on_look(self, event: Any) -> None:
        copy, name = self._copies.get(event.source), event.type
        if copy is not None:
            setattr(copy, name, getattr(event.source, name))

    def _on_data(self, event: Any) -> None:
        copy = self._copies.get(event.source)
        if copy is not None and event.source.data is not copy.data:
            copy.data = event.source.data

    def _on_redrawn(self, event: Any = None) -> None:
        self._redraw_soon()


class Cross:
    """Two thin lines through the position of a viewer, in a layer that holds nothing else.

    Parameters
    ----------
    viewer
        The viewer that gets the layer.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self.layer: Shapes | None = None

    def draw(self, image: Layer) -> None:
        """Put the lines where the viewer stands now, across an image."""
        dims, offset = self._viewer.dims, place_of_axes(self._viewer.dims, image)
        here = data_point(dims, image)
        # Within the image, on its grid: neither the scene nor the steps of the sliders may change by it.
        sizes = [image.extent.data[1][i] - image.extent.data[0][i] for i in range(image.ndim)]
        shown = [axis - offset for axis in dims.order[-2:]]
        longest = max(sizes[i] * abs(image.scale[i]) for i in shown)
        width = max(longest / 400, _THIN / camera_of(self._viewer).zoom)
        lines, widths = [], []
        for axis, across in (shown, shown[::-1]):
            ends = np.array([here, here])
            ends[:, axis] = 0, sizes[axis]
            lines.append(ends)
            widths.append(width / (abs(image.scale[across]) or 1.0))
        if self.layer is None or self.layer not in self._viewer.layers:
            self.layer = Shapes(ndim=image.ndim, name=CROSS_NAME, opacity=0.8, **geometry_of(image))
            add_layer(self._viewer, self.layer)
        self.layer.data = []
        self.layer.add(lines, shape_type="line", edge_color="#f9c22b", edge_width=widths)
        self.layer.editable = False

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        if self.layer is not None and self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)
        self.layer = None


def _copy(layer: Layer) -> Layer:
    """Return a layer that looks like another one and has the same arrays."""
    data, state, kind = layer.as_layer_data_tuple()
    copy = Layer.create(data, state, kind)
    if isinstance(copy, Labels):
        copy.editable = False
    return copy
