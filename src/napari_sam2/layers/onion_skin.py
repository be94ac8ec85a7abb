"""Outlines of the nearest accepted slices, shown on the slice between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import VolumeError
from napari_sam2.layers.image import grid_for_layers, place_on
from napari_sam2.layers.world_units import data_point

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari.components import ViewerModel
    from napari.layers import Image, Shapes
    from numpy.typing import NDArray

    from napari_sam2.core.frames import FrameGrid

NAME = "onion skin"
# Seen on grey values, and told apart also by those who see red and green alike.
BEFORE, AFTER = "#56b4e9", "#e69f00"
# Outlines may be this far off, in pixels: a polygon of every pixel is slow to draw.
_TOLERANCE = 0.3


class OnionSkin:
    """Shows the outlines of the nearest accepted slices before and after the one that the viewer shows.

    The outlines lie in a layer of their own, which follows the viewer. The one before is blue, the one after orange.

    Parameters
    ----------
    viewer
        The viewer that shows the image.
    image
        The image layer.
    grid
        Its frames.

    Raises
    ------
    VolumeError
        If the image is a single frame.
    """

    def __init__(self, viewer: ViewerModel, image: Image, grid: FrameGrid) -> None:
        if grid.frame_axis is None:
            raise VolumeError(f"The image {image.name!r} is a single one: there are no slices before and after it.")
        self.viewer = viewer
        self.image = image
        self.grid = grid_for_layers(image, grid)
        self.layer: Shapes | None = None
        self._masks: dict[int, NDArray[np.bool_]] = {}
        self._outlines: dict[int, list[NDArray[np.float64]]] = {}
        self._drawn: tuple[int, ...] | None = None
        viewer.dims.events.current_step.connect(self._follow)
        viewer.dims.events.ndisplay.connect(self._follow)

    def show(self, masks: Mapping[int, NDArray[np.bool_]]) -> None:
        """Show these accepted slices, in place of those before.

        Parameters
        ----------
        masks
            ``(Y, X)`` bool of one object, by frame; without any, nothing is shown.

        Raises
        ------
        VolumeError
            If a mask does not fit the frames.
        """
        for frame, mask in masks.items():
            if mask.shape != self.grid.frame_shape or not 0 <= frame < self.grid.frame_count:
                raise VolumeError(
                    f"The mask of slice {frame} has the shape {mask.shape}, but the image has {self.grid.frame_count} "
                    f"slices of {self.grid.frame_shape}."
                )
        self._masks = {int(frame): np.asarray(mask, dtype=bool) for frame, mask in masks.items()}
        self._outlines, self._drawn = {}, None
        self._follow()

    def close(self) -> None:
        """Take the layer away, and follow the viewer no more."""
        self.viewer.dims.events.current_step.disconnect(self._follow)
        self.viewer.dims.events.ndisplay.disconnect(self._follow)
        layer, self.layer = self.layer, None
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)

    def _follow(self, *_: Any) -> None:
        """Draw the outlines that belong to the slice shown now."""
        if self.image not in self.viewer.layers:
            return
        shown = self._shown_frame()
        before, after = nearest_frames(self._masks, shown)
        wanted = (shown, self.viewer.dims.ndisplay, -1 if before is None else before, -1 if after is None else after)
        if wanted == self._drawn:
            return
        self._drawn = wanted
        shapes, colors, frames = [], [], []
        for frame, color in ((before, BEFORE), (after, AFTER)):
            if frame is not None and self.viewer.dims.ndisplay == 2:
                for outline in self._outline(frame):
                    shapes.append(np.array([self.grid.from_frame(shown, y, x) for y, x in outline]))
                    colors.append(color)
                    frames.append(frame)
        if not shapes and self.layer is None:
            return
        layer = self._ensure_layer()
        layer.data = []
        if shapes:
            layer.add(shapes, shape_type="polygon", edge_color=colors, face_color="transparent", edge_width=0.5)
            layer.features = {"frame": frames}
        layer.selected_data = set()

    def _shown_frame(self) -> int:
        point = data_point(self.viewer.dims, self.image).tolist()
        return int(np.clip(self.grid.to_frame(point)[0], 0, self.grid.frame_count - 1))

    def _outline(self, frame: int) -> list[NDArray[np.float64]]:
        if frame not in self._outlines:
            self._outlines[frame] = outlines_of(self._masks[frame])
        return self._outlines[frame]

    def _ensure_layer(self) -> Shapes:
        from napari.layers import Shapes

        if self.layer is None or self.layer not in self.viewer.layers:
            active = self.viewer.layers.selection.active
            self.layer = Shapes(ndim=self.image.ndim, name=NAME, opacity=0.8, **place_on(self.image))
            self.layer.editable = False
            self.viewer.add_layer(self.layer)
            # The tool in hand stays.
            self.viewer.layers.selection.active = active
        return self.layer


def nearest_frames(frames: Iterable[int], shown: int) -> tuple[int | None, int | None]:
    """Return the nearest frame before the shown one, and the nearest after it; None where there is none.

    Examples
    --------
    >>> nearest_frames([3, 7, 20], 7)
    (3, 20)
    """
    before = [frame for frame in frames if frame < shown]
    after = [frame for frame in frames if frame > shown]
    return max(before, default=None), min(after, default=None)


def outlines_of(mask: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """Return the outlines of a mask, holes included, as (n, 2) float (y, x) in pixels, centres at integers.

    Examples
    --------
    >>> import numpy as np
    >>> outlines_of(np.array([[True]]))[0].tolist()
    [[0.5, 0.0], [0.0, -0.5], [-0.5, 0.0], [0.0, 0.5]]
    """
    from skimage.measure import approximate_polygon, find_contours

    padded = np.pad(mask, 1).astype(np.float64)
    return [approximate_polygon(line, _TOLERANCE)[:-1] - 1.0 for line in find_contours(padded, 0.5)]
