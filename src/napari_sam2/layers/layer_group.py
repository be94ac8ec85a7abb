"""The layers that belong to one image while it is being segmented: prompts, labels, the model's window."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_sam2.layers import labels as labels_io
from napari_sam2.layers import marker_cleanup
from napari_sam2.layers import prompts as prompts_io
from napari_sam2.layers.axis_names import VOLUME_KEY, layer_axes
from napari_sam2.layers.geometry import move_to, on_geometry_change
from napari_sam2.layers.image import channel_place, grid_shape, place_on, volume_from_layer
from napari_sam2.layers.layer_order import add_layer, raise_above, topmost
from napari_sam2.layers.marker_style import POSITIVE, style_marks, style_next
from napari_sam2.layers.mask_target import claim
from napari_sam2.layers.stroke_recorder import StrokeRecorder
from napari_sam2.layers.window_outline import draw_window, make_outline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer, Points, Shapes
    from numpy.typing import NDArray

    from napari_sam2.core.drawings import Drawing
    from napari_sam2.core.frames import FrameGrid
    from napari_sam2.core.prompts import PromptKey, PromptSet, PromptTable

_FINISHED = ("added", "removed", "changed")


class LayerCallbacks(NamedTuple):
    """The functions that a layer group calls.

    ``markers`` whenever the user added, moved, changed or removed a marker, ``tool`` whenever the mode of a layer of
    ours changed, ``stroke`` when something was painted, ``picked`` with a label that was chosen on the labels layer.
    """

    markers: Callable[[], None]
    tool: Callable[[], None]
    stroke: Callable[[], None]
    picked: Callable[[int], None]


class LayerGroup:
    """Makes, watches and removes the layers around one image.

    Parameters
    ----------
    viewer
        The viewer that shows the image.
    image
        The image layer.
    callbacks
        What to call when the user did something.
    """

    def __init__(self, viewer: ViewerModel, image: Image, callbacks: LayerCallbacks) -> None:
        self.viewer, self.image = viewer, image
        self.ndim, self.letters = image.ndim, layer_axes(image)
        # The layers that the labels lie above: the image, and those that are channels beside it.
        self.over: tuple[Image, ...] = (image,)
        self.points: Points | None = None
        self.boxes: Shapes | None = None
        self.outline: Shapes | None = None
        self.labels: Labels | None = None
        self.stroke_recorder: StrokeRecorder | None = None
        self.colors, self.label_place = labels_io.ObjectColors(), labels_io.LabelPlace()
        self.next_obj_id, self.next_polarity, self.along = 1, POSITIVE, ""
        self._object_colors: dict[int, tuple[float, float, float]] = {}
        self._callbacks = callbacks
        # A shape that is being drawn is in the layer already; it is complete when napari says "added".
        self._has_contrast, self._quiet, self._fresh_points, self._drawn = False, 0, 0, False
        self._is_aside = False
        on_geometry_change(image, self._follow_image)

    # ------------------------------------------------------------------ layers

    def owned(self) -> list[Layer]:
        """List the layers of this layer group that are in the viewer."""
        layers = (self.labels, self.outline, self.boxes, self.points)
        return [layer for layer in layers if layer is not None and layer in self.viewer.layers]

    def ensure_points(self) -> Points:
        """Return the layer of points, made (again) where it is missing."""
        if self.points is None or self.points not in self.viewer.layers:
            self.points = prompts_io.make_points(self.image, self.next_obj_id, self.next_polarity, self.along)
            self._listen(self.points)
            add_layer(self.viewer, self.points)
        return self.points

    def ensure_prompt_layers(self) -> tuple[Points, Shapes]:
        """Return the two prompt layers, made (again) where they are missing."""
        points = self.ensure_points()
        if self.boxes is None or self.boxes not in self.viewer.layers:
            self.boxes = prompts_io.make_boxes(self.image, self.next_obj_id, self.along)
            self._listen(self.boxes)
            add_layer(self.viewer, self.boxes, below=points)
        return points, self.boxes

    def ensure_labels(self) -> Labels:
        """Return the labels layer, made (again) where it is missing, just above the image."""
        if self.labels is None or self.labels not in self.viewer.layers:
            self.labels = labels_io.make_labels(self.image, self.label_place, self.along or None)
            self.labels.events.mode.connect(self._tool_event)
            self.labels.events.selected_label.connect(self._label_event)
            self.stroke_recorder = StrokeRecorder(self.labels, self._callbacks.stroke, channel_place(self.image))
            self.stroke_recorder.allow(not self._is_aside)
            self.colors.forget()
            add_layer(self.viewer, self.labels, above=topmost(self.viewer, self.over))
        return self.labels

    def show_over(self, layers: tuple[Image, ...]) -> None:
        """Show the labels above these layers from now on, and always above the image."""
        self.over = (self.image, *layers)
        if (labels := self._live(self.labels)) is not None:
            raise_above(self.viewer, labels, self.over)

    def write_frames(self, frames: Iterable[tuple[tuple[int | slice, ...], NDArray[np.uint16]]]) -> None:
        """Put finished frames into the labels layer, and draw it."""
        labels = self.ensure_labels()
        assert self.stroke_recorder is not None
        self.stroke_recorder.write(frames)
        labels.refresh()

    def remove_prompt_layers(self) -> None:
        """Take prompts and outline out of the viewer; the labels layer is the user's and stays."""
        on_geometry_change(self.image, self._follow_image, connect=False)
        self._let_labels_go()
        with self.quiet():
            for layer in (self.points, self.boxes, self.outline):
                if layer is not None and layer in self.viewer.layers:
                    self.viewer.layers.remove(layer)
        self.points = self.boxes = self.outline = None

    def fits(self) -> bool:
        """Return whether the labels layer, where there is one, has the shape of the image as it is now."""
        return self.labels is None or tuple(self.labels.data.shape) == grid_shape(self.image)

    def leave_labels(self) -> str:
        """Make no more use of the labels layer, which stays in the viewer under the name returned."""
        labels = self.labels
        assert labels is not None
        self._let_labels_go()
        self.labels = None
        # Whoever had the brush in hand would go on in a layer that no session has.
        labels.mode = "pan_zoom"
        labels.name = f"{labels.name} (other data)"
        return str(labels.name)

    def redraw(self, fill: Callable[[NDArray[Any]], Any]) -> None:
        """Empty the labels layer and let ``fill`` put into its array what it should show."""
        labels, stroke_recorder = self._live(self.labels), self.stroke_recorder
        if labels is not None and stroke_recorder is not None:
            stroke_recorder.redraw(fill)
            labels.refresh()

    def claim_contrast(self) -> bool:
        """Return True the first time: the contrast limits are still napari's guess. Later they are the user's."""
        claimed, self._has_contrast = not self._has_contrast, True
        return claimed

    def put_aside(self) -> None:
        """Hide the markers and put the tool down: another image is worked on, and no session would get a stroke."""
        for layer in self.owned():
            layer.mode = "pan_zoom"
        self._set_aside(True)

    def take_up(self) -> None:
        """Show the markers, and let the user draw, when the image is worked on again."""
        self._set_aside(False)

    def _set_aside(self, aside: bool) -> None:
        self._is_aside = aside
        for layer in (self.points, self.boxes, self.outline):
            if layer is not None:
                layer.visible = not aside
        if self.stroke_recorder is not None:
            self.stroke_recorder.allow(not aside)

    # ------------------------------------------------------------------ markers

    def set_next(self, obj_id: int, polarity: str) -> None:
        """Say for which object, and inside or outside of it, the next marker is."""
        self.next_obj_id, self.next_polarity = obj_id, polarity
        with self.quiet():
            prompts_io.set_next(self.points, self.boxes, obj_id, polarity, self.along)
            style_next(self._live(self.points), self._live(self.boxes), obj_id, polarity, self._object_colors)

    def follow(self, axis: str | None) -> bool:
        """Say along which axis frames are followed now; the marks of other axes wait. Returns whether it changed."""
        changed, self.along = self.along != (axis or ""), axis or ""
        self.set_next(self.next_obj_id, self.next_polarity)
        with self.quiet():
            prompts_io.show_along(self._live(self.points), self.along)
        return changed

    def read(self, grid: FrameGrid) -> dict[PromptKey, PromptSet]:
        """Read all markers that stand on the grid."""
        return prompts_io.read_prompts(self._live(self.points), self._live(self.boxes), grid)

    def write(self, grid: FrameGrid, table: PromptTable) -> dict[PromptKey, PromptSet]:
        """Make the markers on the grid exactly these, without reporting it as the user's doing.

        Returns
        -------
        dict
            The prompts as :meth:`read` would read them now.
        """
        if not table and self._live(self.points) is None and self._live(self.boxes) is None:
            return {}
        points, boxes = self.ensure_prompt_layers()
        with self.quiet():
            shown = prompts_io.write_prompts(points, boxes, grid, table)
            prompts_io.show_along(points, self.along)
        self.set_next(self.next_obj_id, self.next_polarity)
        self.style()
        return shown

    def style(self, colors: Mapping[int, tuple[float, float, float]] | None = None) -> None:
        """Let each mark look like one of its object and polarity; ``colors`` are those of the objects, by number."""
        if colors is not None:
            self._object_colors = dict(colors)
        with self.quiet():
            style_marks(self._live(self.points), self._live(self.boxes), self._object_colors)

    def tidy_boxes(self, grid: FrameGrid) -> bool:
        """Remove rectangles that hold no voxel of a frame, and all but the newest of an object on a frame.

        Returns
        -------
        bool
            Whether a rectangle was removed because it cannot serve as a box.
        """
        boxes = self._live(self.boxes)
        if boxes is None:
            return False
        doomed, is_bad = marker_cleanup.boxes_to_remove(boxes, grid, self._drawn)
        if doomed:
            with self.quiet():
                boxes.remove(doomed)
        return is_bad

    def tidy_points(self, grid: FrameGrid) -> bool:
        """Remove points beside the picture, and one just placed outside the image; return whether one was removed.

        Older points on frames that the image has no more stay: it may have them again.
        """
        points, fresh = self._live(self.points), self._fresh_points
        self._fresh_points = 0
        doomed = [] if points is None else marker_cleanup.points_to_remove(points, grid, fresh)
        if doomed:
            with self.quiet():
                points.selected_data = doomed
                points.remove_selected()
        return bool(doomed)

    def take_drawings(self, grid: FrameGrid) -> list[Drawing]:
        """Take the outlines and scribbles that are complete out of the layer; scribbles stay as points."""
        boxes = self._live(self.boxes)
        if boxes is None or not self._drawn:
            return []
        self._drawn = False
        found = prompts_io.drawings(boxes, grid)
        spacing = 2 * prompts_io.marker_size(self.image)
        with self.quiet():
            if found:
                boxes.remove([d.place for d in found])
            for drawing in (each for each in found if not each.is_outline):
                clicks = [grid.from_frame(drawing.frame, y, x) for y, x in drawing.clicks(spacing)]
                points = self.ensure_prompt_layers()[0]
                prompts_io.add_points(points, clicks, drawing.obj_id, self.next_polarity, self.along)
        self.style()
        return found

    def flip(self) -> bool:
        """Flip the selected points; False where none is selected for editing."""
        points = self._live(self.points)
        if points is None or points.mode != "select" or not points.selected_data:
            return False
        prompts_io.flip_polarity(points, sorted(int(i) for i in points.selected_data))
        self.style()
        return True

    def show_outline(self, grid: FrameGrid, frame: int, window: tuple[float, float, float, float] | None) -> None:
        """Outline the part of a frame that the model sees, see :func:`draw_window`; None takes the outline away."""
        outline = self._live(self.outline)
        if outline is None and window is not None:
            outline = self.outline = make_outline(self.image)
            add_layer(self.viewer, outline, above=self._live(self.labels) or self.image)
            self._callbacks.tool()
        if outline is not None:
            draw_window(outline, grid, frame, window)

    # ------------------------------------------------------------------ events

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Take changes of the layers inside for ours, not the user's."""
        self._quiet += 1
        try:
            yield
        finally:
            self._quiet -= 1

    def _listen(self, layer: Points | Shapes) -> None:
        layer.events.data.connect(self._marker_event)
        layer.events.features.connect(self._feature_event)
        layer.events.mode.connect(self._tool_event)

    def _marker_event(self, event: Any) -> None:
        action = str(getattr(event.action, "value", event.action))
        if self._quiet or action not in _FINISHED:
            return
        if action == "added":
            self._own_new_point(event.source)
            self._fresh_points += event.source is self.points
            self._drawn = self._drawn or event.source is self.boxes
            self.style()
        self._callbacks.markers()

    def _feature_event(self, event: Any = None) -> None:
        if not self._quiet:
            self._callbacks.markers()

    def _tool_event(self, event: Any = None) -> None:
        # Selecting a marker makes its features the next one's; taking up a tool gives them back.
        self.set_next(self.next_obj_id, self.next_polarity)
        self._callbacks.tool()

    def _label_event(self, event: Any = None) -> None:
        if self.labels is not None and self.labels.selected_label > 0:
            self._callbacks.picked(int(self.labels.selected_label))

    def _own_new_point(self, layer: Layer) -> None:
        points = self.points
        if layer is points and points is not None and points.mode == "add" and len(points.data):
            with self.quiet():
                wanted = {"obj": self.next_obj_id, "polarity": self.next_polarity, "along": self.along}
                marker_cleanup.set_newest_features(points, wanted)

    def _follow_image(self, event: Any = None) -> None:
        if layer_axes(self.image) != self.letters:
            return  # Of other axes now: these layers are about to go.
        place = place_on(self.image)
        for layer in self.owned():
            move_to(layer, place)
        if self.labels is not None and self.fits():
            self.labels.metadata[VOLUME_KEY] = volume_from_layer(self.image)

    def _let_labels_go(self) -> None:
        if self.labels is not None and self.stroke_recorder is not None:
            claim(self.labels, None)
            self.stroke_recorder.close()
            self.labels.events.mode.disconnect(self._tool_event)
            self.labels.events.selected_label.disconnect(self._label_event)
            self.stroke_recorder = None

    def _live(self, layer: Any) -> Any:
        return layer if layer is not None and layer in self.viewer.layers else None
