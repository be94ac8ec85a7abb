"""One further plane of an image: its tools, its marks, and the mask that they give in this plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_sam2.layers.extra_layers import make_plane
from napari_sam2.layers.labels import set_object_colors
from napari_sam2.layers.layer_group import LayerCallbacks, LayerGroup
from napari_sam2.layers.layer_order import add_layer
from napari_sam2.widgets.controllers.viewer_position import ViewerPosition

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels

    from napari_sam2.interaction.session_worker import SessionWorker
    from napari_sam2.widgets.controllers.plane_marks import PlaneMarks

# The tools that serve in a further plane as well: their layer, and its mode.
_TOOLS = {"point": ("points", "add"), "box": ("boxes", "add_rectangle")}


class SidePlane(QObject):
    """Lets the tools of the main view mark the current object in a further plane, and outlines there what comes of it.

    Parameters
    ----------
    model
        The viewer of the plane.
    image
        The image in the main viewer, whose copy the plane shows.
    axis
        Letter of the axis across the plane.
    marks
        Takes the marks to the session along this axis.
    """

    def __init__(
        self, model: ViewerModel, image: Image, axis: str, marks: PlaneMarks, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.model, self.image, self.axis, self.marks = model, image, axis, marks
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._take)
        callbacks = LayerCallbacks(lambda: self._soon.start(0), _nothing, _nothing, _nothing)
        self.group = LayerGroup(model, image, callbacks)
        self.group.follow(axis)
        self._position = ViewerPosition(model)
        self._plane: Labels | None = None
        # What the plane shows: the session, its frame, and its labels there.
        self._drawn: Any = None
        self._shown: SessionWorker | None = None
        marks.tool_changed.connect(self.show)
        marks.changed.connect(self._on_changed)
        marks.bring_back(axis)
        self.show()

    @property
    def worker(self) -> SessionWorker | None:
        """Return the session along the axis across the plane, of the indices that are shown."""
        return self.marks.worker(self.axis)

    def close(self) -> None:
        """Take marks and masks out of the plane; the session keeps them."""
        if self._soon.isActive():
            self._soon.stop()
            self._take()
        self.marks.tool_changed.disconnect(self.show)
        self.marks.changed.disconnect(self._on_changed)
        for layer in self.group.owned():
            self.marks.keys.unbind(layer)
        self._remove_plane()
        self.group.remove_prompt_layers()

    def prepare(self) -> None:
        """Let the marker that is about to be drawn be of the current object."""
        self.marks.show_next(self.group)

    def show(self) -> None:
        """Show the marks of the session, and take up the tool of the main view."""
        worker = self.worker
        if worker is None:
            return
        if worker is not self._shown:
            self._shown = worker
            self.group.write(worker.grid, worker.pending.shown)
        self._take_up(self.marks.tool)
        self.draw()

    def draw(self) -> None:
        """Outline the masks of the session in the plane that is shown."""
        worker = self.worker
        session = None if worker is None else worker.session
        if worker is None or session is None:
            self._remove_plane()
            return
        frame = self._position.frame(self.image, worker.grid)
        labels, colors = session.frame_labels(frame), {i: (*o.color, 1.0) for i, o in session.objects.items()}
        drawn = worker, frame, labels.tobytes(), colors
        if drawn == self._drawn:
            return
        self._remove_plane()
        self._drawn = drawn
        if labels.any():
            self._plane = make_plane(self.image, worker.grid, frame, labels)
            set_object_colors(self._plane, colors)
            marks = self.group.boxes if self.group.boxes in self.model.layers else None
            add_layer(self.model, self._plane, below=marks)

    # ------------------------------------------------------------------ inside

    def _take_up(self, tool: str) -> None:
        """Make the mouse draw in this plane what it draws in the main view; it moves the picture without a tool."""
        if tool not in _TOOLS:
            for layer in self.group.owned():
                layer.mode = "pan_zoom"
            return
        self.group.ensure_prompt_layers()
        self.marks.keys.bind([self.model, *self.group.owned()])
        name, mode = _TOOLS[tool]
        layer = getattr(self.group, name)
        if layer.mode != mode or self.model.layers.selection.active is not layer:
            for other in self.group.owned():
                other.mode = "pan_zoom"
            self.model.layers.selection.active = layer
            layer.selected_data = set()
            layer.mode = mode
        self.prepare()

    def _take(self) -> None:
        worker = self._shown
        if worker is None:
            return
        self.group.tidy_boxes(worker.grid)
        self.group.tidy_points(worker.grid)
        self.marks.take(worker, self.group.read(worker.grid))

    def _on_changed(self, worker: SessionWorker) -> None:
        if worker is not self.worker:
            return
        if self.group.read(worker.grid) != dict(worker.pending.shown):
            self.group.write(worker.grid, worker.pending.shown)
        self.draw()

    def _remove_plane(self) -> None:
        plane, self._plane, self._drawn = self._plane, None, None
        if plane is not None and plane in self.model.layers:
            self.model.layers.remove(plane)


def _nothing(*_: Any) -> None:
    """Do nothing: a further plane has no labels of its own."""
