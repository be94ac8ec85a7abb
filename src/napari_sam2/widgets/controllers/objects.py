"""The list of objects: choose, add, reset, delete, merge, rename, order, show and hide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_sam2.core.colors import object_color
from napari_sam2.core.formatting import frame_word
from napari_sam2.layers.image import is_area, size_text
from napari_sam2.widgets.views.objects_panel import ObjectRow

if TYPE_CHECKING:
    from napari_sam2.core.masks import Overlap
    from napari_sam2.interaction.session_worker import SessionWorker
    from napari_sam2.session.objects.objects import ObjectInfo
    from napari_sam2.widgets.controllers.context import ControllerContext
    from napari_sam2.widgets.controllers.tools import Tools
    from napari_sam2.widgets.controllers.view_protocols import ObjectsView


class Objects(QObject):
    """Does what the objects panel says, and shows the objects there.

    Parameters
    ----------
    context
        Knows the session and queues the work.
    tools
        Keeps the current object.
    panel
        The view.

    Attributes
    ----------
    doubtful : dict of int to frozenset of int
        The frames on which the mask of an object may be wrong, where nobody has locked or reviewed it.
    """

    visibility_changed = Signal()

    def __init__(self, context: ControllerContext, tools: Tools, panel: ObjectsView) -> None:
        super().__init__(context)
        self._context = context
        self._selection = context.selection
        self._tools = tools
        self._panel = panel
        self.doubtful: dict[int, frozenset[int]] = {}
        panel.object_chosen.connect(self.choose)
        panel.next_clicked.connect(self.add)
        panel.reset_clicked.connect(self.reset)
        panel.delete_clicked.connect(self.delete)
        panel.merge_clicked.connect(self.merge)
        panel.move_clicked.connect(self.move)
        panel.renamed.connect(self.rename)
        panel.visibility_changed.connect(self.set_visible)
        self._selection.label_picked.connect(self._on_picked)

    def choose(self, obj_id: int) -> None:
        """Make the next marks belong to this object."""
        self._context.flush_wanted.emit()
        self._tools.set_object(obj_id)
        labels = self._selection.layer_group.labels if self._selection.layer_group is not None else None
        if labels is not None and labels.selected_label != obj_id:
            labels.selected_label = obj_id
        self._context.show_message("")

    def add(self) -> None:
        """Begin a new object; an object that has nothing yet is used first."""
        self._context.flush_wanted.emit()
        worker = self._selection.worker
        used = {obj_id for obj_id, _ in worker.pending.shown} | set(worker.objects) if worker is not None else set()
        self._tools.set_positive(True)
        self.choose(max(used, default=0) + 1)

    def step(self, by: int) -> None:
        """Choose the object ``by`` lines further down."""
        ids = [row.obj_id for row in self._rows()]
        here = ids.index(self._tools.obj_id)
        self.choose(ids[(here + by) % len(ids)])

    def reset(self) -> None:
        """Remove marks and masks of the current object."""
        obj_id = self._tools.obj_id
        self._context.submit(lambda worker: worker.reset(obj_id), f"Resetting object {obj_id}…")

    def delete(self) -> None:
        """Remove the current object."""
        obj_id = self._tools.obj_id
        self._context.submit(
            lambda worker: worker.change(lambda session: session.delete_object(obj_id)), f"Deleting object {obj_id}…"
        )
        left = [row.obj_id for row in self._rows() if row.obj_id != obj_id]
        if left:
            self.choose(left[-1])

    def merge(self, other: int) -> None:
        """Add another object's masks to the current one."""
        obj_id = self._tools.obj_id
        self._context.submit(
            lambda worker: worker.change(lambda session: session.merge_objects(obj_id, other)), "Merging…"
        )

    def move(self, by: int) -> None:
        """Move the current object in the order."""
        obj_id, worker = self._tools.obj_id, self._selection.worker
        ids = list(worker.objects) if worker is not None else []
        if obj_id in ids and 0 <= ids.index(obj_id) + by < len(ids):
            place = ids.index(obj_id) + by
            self._context.submit(
                lambda worker: worker.change(lambda session: session.move_object(obj_id, place)), "Moving…"
            )

    def rename(self, obj_id: int, name: str) -> None:
        """Give an object another name."""
        if name:
            self._context.submit(lambda worker: worker.rename(obj_id, name), "Renaming…")
        self._context.changed.emit()

    def set_overlap(self, rule: Overlap) -> None:
        """Say who gets a pixel that two objects claim."""
        self._context.submit(lambda worker: worker.set_overlap(rule), "Setting the overlap…")

    def set_visible(self, obj_id: int, visible: bool) -> None:
        """Show or hide an object's masks; nothing is changed by that."""
        layer_group = self._selection.layer_group
        if layer_group is not None:
            layer_group.colors.set_visible(obj_id, visible)
            self.visibility_changed.emit()

    def toggle_labels(self) -> None:
        """Show or hide the labels layer."""
        labels = self._selection.layer_group.labels if self._selection.layer_group is not None else None
        if labels is not None:
            labels.visible = not labels.visible

    def refresh(self, no_image: str, busy: str) -> None:
        """Show the objects as they are now."""
        worker = self._selection.worker
        axis = None if worker is None else worker.grid.frame_axis
        measured = "Area" if worker is not None and is_area(axis) else "Volume"
        self._panel.set_objects(self._rows(), self._tools.obj_id, frame_word(axis, 2), measured)
        known = worker is not None and self._tools.obj_id in worker.objects
        missing = "" if known else "this object has nothing yet."
        self._panel.set_enabled(no_image, no_image or busy or missing, no_image or busy or missing)

    def _rows(self) -> list[ObjectRow]:
        worker, layer_group = self._selection.worker, self._selection.layer_group
        hidden = layer_group.colors.hidden if layer_group is not None else frozenset()
        rows = []
        self.doubtful = {}
        if worker is not None:
            axis = worker.grid.frame_axis
            for i, o in worker.objects.items():
                size = size_text(o.voxels, o.frames, worker.volume, axis)
                voxels = o.voxels // max(o.frames, 1) if is_area(axis) else o.voxels
                state, hint = self._state(worker, i, o)
                rows.append(ObjectRow(i, o.name, o.color, state, o.frames, size, i not in hidden, voxels, hint))
        # Objects that the session does not know yet: the one to come, and those whose first mark is on its way.
        coming = {self._tools.obj_id} | (
            {obj_id for obj_id, _ in worker.pending.shown} if worker is not None else set()
        )
        for obj_id in sorted(coming - {row.obj_id for row in rows}):
            color = object_color(obj_id)
            rows.append(ObjectRow(obj_id, f"object {obj_id}", color, "no mark", 0, "–", hint="Nothing is marked yet."))
        return rows

    def _state(self, worker: SessionWorker | None, obj_id: int, about: ObjectInfo) -> tuple[str, str]:
        """Return how far an object is, in a word or two and in a sentence."""
        if about.review is not None:
            return about.review.state, about.review.comment or "What was said under Finish ▸ Review and rules."
        if not about.frames:
            return ("no mark", "Nothing is marked yet.") if not about.prompts else ("marked", "It has no mask yet.")
        if about.state == "reviewed":
            return "locked", "Every mask is locked."
        scores = None if worker is None else worker.scores(obj_id)
        frames = () if scores is None else scores.index[scores["doubtful"]]
        self.doubtful[obj_id] = frozenset(int(frame) for frame in frames)
        if about.frames <= max(about.prompts, 1):
            return "one mask" if about.frames == 1 else "marked", "It was not propagated yet."
        doubtful = len(frames)
        return (f"{doubtful} doubtful", "Look at them.") if doubtful else ("done", "Nothing is doubtful about it.")

    def _on_picked(self, obj_id: int) -> None:
        if obj_id != self._tools.obj_id:
            self.choose(obj_id)
