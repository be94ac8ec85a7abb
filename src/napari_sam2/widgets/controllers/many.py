"""One click for one object, divisions, tracks, and the limit by intensity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_sam2.io.tracks import napari_tracks, write_tracks
from napari_sam2.layers.axis_names import layer_axes
from napari_sam2.layers.extra_layers import TRACKS_NAME, make_daughters, make_tracks

if TYPE_CHECKING:
    from pathlib import Path

    from napari.layers import Points

    from napari_sam2.session import VideoSession
    from napari_sam2.widgets.controllers.context import ControllerContext
    from napari_sam2.widgets.controllers.tools import Tools
    from napari_sam2.widgets.controllers.view_protocols import ManyView


class Many(QObject):
    """Does what the panel for many objects says, apart from the proposals.

    Parameters
    ----------
    context
        Knows the session and queues the work.
    tools
        Keeps the current object.
    panel
        The view.
    """

    # Clicks into daughters are waited for, or no longer.
    asked = Signal()

    def __init__(self, context: ControllerContext, tools: Tools, panel: ManyView) -> None:
        super().__init__(context)
        self._context, self._selection, self._tools, self._panel = context, context.selection, tools, panel
        self._each_click = False
        self._marks = 0
        self._daughters: Points | None = None
        panel.each_click_changed.connect(self.set_each_click)
        panel.divide_clicked.connect(self.divide)
        panel.show_tracks_clicked.connect(self.show_tracks)
        self._selection.markers_changed.connect(self._on_marker)
        self._selection.changed.connect(self._on_choice)
        # An undo and a refused click take marks away without a word of the layers.
        context.changed.connect(self._count_anew)

    # ------------------------------------------------------------------ one click, one object

    def set_each_click(self, on: bool) -> None:
        """Say whether each point or box begins the next object."""
        self._each_click = on
        self._count_anew()

    def _count_anew(self) -> None:
        self._marks = self._count()

    def _count(self) -> int:
        group = self._selection.layer_group
        if group is None:
            return 0
        points, boxes = group.points, group.boxes
        return (0 if points is None else len(points.data)) + (0 if boxes is None else boxes.nshapes)

    def _on_marker(self) -> None:
        """Go on with the next object at once: the next click may come before any timer."""
        before, self._marks = self._marks, self._count()
        group, worker = self._selection.layer_group, self._selection.worker
        added = self._marks > before and self._tools.active_tool() in ("point", "box")
        if not (self._each_click and added and self._context.positive) or group is None or worker is None:
            return
        used = {obj_id for obj_id, _ in group.read(worker.grid)} | set(worker.objects) | {self._tools.obj_id}
        self._go_on_with(max(used) + 1)

    def _go_on_with(self, obj_id: int) -> None:
        """Let the next marks belong to another object."""
        group = self._selection.layer_group
        self._tools.set_object(obj_id)
        if group is not None and group.labels is not None:
            # Each new object brings another colour table, with which napari tells of the selected label once more.
            group.labels.selected_label = obj_id

    # ------------------------------------------------------------------ division

    @property
    def is_dividing(self) -> bool:
        """Return whether clicks into the daughters are waited for."""
        return self._daughters is not None

    def divide(self) -> None:
        """Wait for a click into each of two daughters of the current object; once more: do not."""
        if self._daughters is not None:
            self._end_division()
            return
        image = self._selection.image
        if image is None:
            return
        self._context.flush_wanted.emit()
        self._tools.deactivate()
        self._daughters = layer = make_daughters(image)
        viewer = self._selection.viewer
        viewer.add_layer(layer)
        viewer.layers.selection.active = layer
        viewer.dims.ndisplay = 2
        layer.mode = "add"
        layer.events.data.connect(self._on_daughter)
        self._panel.set_dividing(True)
        self.asked.emit()

    def _on_daughter(self, event: Any) -> None:
        if str(getattr(event.action, "value", event.action)) == "added" and len(event.source.data) >= 2:
            # napari is still busy with the click.
            QTimer.singleShot(0, self._take_daughters)

    def _take_daughters(self) -> None:
        layer, worker, obj_id = self._daughters, self._selection.worker, self._tools.obj_id
        if layer is None or worker is None:
            return
        places = [worker.grid.to_frame(point) for point in layer.data]
        self._end_division()
        frame, marks = places[-1][0], [(y, x) for _, y, x in places]

        daughters: list[int] = []

        def divide(session: VideoSession) -> None:
            daughters.extend(session.divide(obj_id, frame, marks))
            session.predict_frame(frame)

        self._context.submit(lambda worker: worker.change(divide), "Dividing…")
        # They are what is left to follow; the mother has ended.
        self._context.queue(lambda: daughters, self._show_daughter, "Dividing…")

    def _show_daughter(self, daughters: list[int]) -> None:
        if daughters:
            self._go_on_with(daughters[0])
            self._context.changed.emit()

    def _end_division(self) -> None:
        layer, self._daughters = self._daughters, None
        if layer is not None and layer in self._selection.viewer.layers:
            self._selection.viewer.layers.remove(layer)
        self._panel.set_dividing(False)
        self.asked.emit()

    # ------------------------------------------------------------------ tracks

    def show_tracks(self) -> None:
        """Show the ways of all objects in a Tracks layer, instead of the one shown before."""
        image, worker = self._selection.image, self._selection.worker
        session = None if worker is None else worker.session
        if image is None or session is None:
            return

        def compute() -> tuple[Any, dict[int, list[int]]]:
            return napari_tracks(session.labels(), session.volume, session.lineage)

        def show(found: tuple[Any, dict[int, list[int]]]) -> None:
            viewer = self._selection.viewer
            if image not in viewer.layers or not len(found[0]):
                return
            active = viewer.layers.selection.active
            if TRACKS_NAME in viewer.layers:
                viewer.layers.remove(TRACKS_NAME)
            viewer.add_layer(make_tracks(image, layer_axes(image), *found))
            if active in viewer.layers:
                viewer.layers.selection.active = active
            count = len(np.unique(found[0][:, 0]))
            self._context.show_message(f"{count} tracks, {len(found[1])} of daughters.")

        self._context.queue(compute, show, "Computing the tracks…")

    def save_tracks(self, path: Path) -> None:
        """Write the objects as tracks, in the format that the path says."""
        worker = self._selection.worker
        session = None if worker is None else worker.session
        if session is None:
            return

        def write() -> str:
            write_tracks(path, session)
            return f"Saved {path}."

        self._context.queue(write, self._context.show_message, "Saving…")

    # ------------------------------------------------------------------ intensity

    def ranges(self) -> tuple[tuple[float | None, float | None], tuple[float, float] | None]:
        """Return the range of the current object, and the one that its mask on the shown frame suggests."""
        worker, obj_id, frame = self._selection.worker, self._tools.obj_id, self._selection.shown_frame()
        session = None if worker is None else worker.session
        if session is None or obj_id not in session.objects:
            return (None, None), None
        now, mask = session.intensity_range(obj_id), session.mask(obj_id, frame)
        if mask is None or not mask.any():
            return (now.low, now.high), None
        found = session.suggest_intensity_range(obj_id, frame)
        return (now.low, now.high), (found.low or 0.0, found.high or 0.0)

    def set_range(self, low: float | None, high: float | None) -> None:
        """Limit the current object to these values; None is no limit."""
        obj_id, frame = self._tools.obj_id, self._selection.shown_frame()

        def change(session: VideoSession) -> None:
            session.set_intensity_range(obj_id, low, high)
            if session.prompts(obj_id, frame):
                session.predict_frame(frame)

        self._context.submit(lambda worker: worker.change(change, {frame}), "Limiting the object…")

    # ------------------------------------------------------------------ the view

    def refresh(self, no_image: str, busy: str, no_model: str) -> None:
        """Enable the buttons, or say why they cannot be used."""
        worker, image = self._selection.worker, self._selection.image
        known = worker is not None and self._tools.obj_id in worker.objects
        missing = "" if known else "the current object has nothing yet."
        tracks = ""
        if worker is not None and image is not None:
            letters = layer_axes(image)
            if not letters.startswith("t"):
                tracks = "the image has no time." if "t" not in letters else "time has to be its first axis."
            elif not any(o.frames for o in worker.objects.values()):
                tracks = "no object has a mask yet."
        self._panel.set_enabled(no_image, busy or no_model, busy or missing, busy or tracks, busy or missing)

    def close(self) -> None:
        """Take away what waits for clicks."""
        self._end_division()

    def _on_choice(self) -> None:
        self._count_anew()
        self._end_division()
