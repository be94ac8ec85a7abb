"""The position of the viewer in an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam2.layers.axis_names import letters_of
from napari_sam2.layers.image import channel_place, volume_from_layer
from napari_sam2.layers.world_units import counts_alike, data_point, world_point

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_sam2.core.frames import FrameGrid
    from napari_sam2.interaction.session_worker import SessionWorker


class ViewerPosition:
    """Reads and moves the sliders of a viewer in terms of an image.

    The viewer's axes are those of the layer with the most axes, so those of an image are the last ones; its sliders
    step through the world, whose steps are others than the image's where layers of another spacing are shown.

    Parameters
    ----------
    viewer
        The viewer that shows the image.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer

    def turn(self, image: Image, grid: FrameGrid) -> None:
        """Order the viewer's axes so that a frame is what is shown, and its index is on a slider."""
        dims, plane = self._viewer.dims, self._plane(image, grid)
        if list(dims.order[-2:]) != plane:
            others = [i for i in range(dims.ndim) if i not in plane]
            dims.order = (*others, *plane)

    def shows_frame(self, image: Image, grid: FrameGrid) -> bool:
        """Return whether a frame is what is shown: not a plane across the frames, and not the volume in 3-D."""
        dims = self._viewer.dims
        return dims.ndisplay == 2 and set(dims.order[-2:]) == set(self._plane(image, grid))

    def frame(self, image: Image, grid: FrameGrid) -> int:
        """Return the frame that is shown."""
        point = data_point(self._viewer.dims, image).tolist()
        return min(max(grid.to_frame(point)[0], 0), grid.frame_count - 1)

    def units_doubt(self, image: Image | None) -> str:
        """Return why a click marks another place than the one under the mouse; empty where it marks that one."""
        if image is None or counts_alike(self._viewer.dims, image):
            return ""
        return (
            "Layers in other units are shown, and napari takes a click for one in those: it marks another place. "
            "Give all layers the same unit, or remove the others."
        )

    def go_to(self, image: Image, axis: str, index: int) -> None:
        """Move a slider to an index of the image."""
        dims = self._viewer.dims
        place = letters_of(image, volume_from_layer(image)).index(axis)
        data = data_point(dims, image)
        data[place] = index
        dims.set_point(dims.ndim - image.ndim + place, world_point(dims, image, data)[place])

    def fixed(self, image: Image | None, frame_axis: str | None) -> tuple[tuple[str, int], ...]:
        """Return, of a 4-D image, the index of the axis that is neither followed nor in the frame."""
        if image is None or frame_axis is None:
            return ()
        volume = volume_from_layer(image)
        letters = letters_of(image, volume)
        fixed = [a for a in volume.label_axes if a != frame_axis][:-2]
        return tuple((a, self._index(image, letters.index(a), volume.size_of(a))) for a in fixed)

    def channel(self, image: Image | None) -> int | None:
        """Return the channel that is shown; None for an image without, and for colours."""
        if image is None or (place := channel_place(image)) is None:
            return None
        return self._index(image, place, volume_from_layer(image).size_of("c"))

    def shows_other_channel(self, image: Image | None, worker: SessionWorker | None) -> bool:
        """Return whether another channel is shown than the one that a session looks at."""
        channel = self.channel(image)
        return worker is not None and channel is not None and worker.grid.channels != (channel,)

    def _plane(self, image: Image, grid: FrameGrid) -> list[int]:
        """Return the viewer's axes that lie in a frame."""
        offset = self._viewer.dims.ndim - image.ndim
        return [offset + grid.label_axes.index(a) for a in grid.plane_axes]

    def _index(self, image: Image, place: int, count: int) -> int:
        """Return where the viewer stands along one axis of the image."""
        point = data_point(self._viewer.dims, image)
        return min(max(round(float(point[place])), 0), count - 1)
