"""Marks in planes beside the one that is followed: each plane has a session along its own axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from qtpy.QtCore import QObject, Signal

from napari_sam2.interaction.earlier_sessions import earlier_sessions, key_in, session_key
from napari_sam2.interaction.loaded_model import UnloadedModel
from napari_sam2.interaction.session_prompts import prompt_table
from napari_sam2.interaction.session_worker import SessionWorker
from napari_sam2.interaction.update import Update
from napari_sam2.layers.marker_style import NEGATIVE, POSITIVE
from napari_sam2.session import VideoSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Image

    from napari_sam2.core.prompts import PromptTable
    from napari_sam2.layers.layer_group import LayerGroup
    from napari_sam2.widgets.controllers.context import ControllerContext
    from napari_sam2.widgets.controllers.prompting import Prompting
    from napari_sam2.widgets.controllers.tools import Tools
    from napari_sam2.widgets.shortcuts import KeyBinder

_marks: WeakKeyDictionary[Image, PlaneMarks] = WeakKeyDictionary()


def marks_of(image: Image | None) -> PlaneMarks | None:
    """Return who takes marks in further planes of an image: the dock widget that segments it; None for nobody."""
    return None if image is None else _marks.get(image)


@dataclass
class _Step:
    """A step in a further plane, and how many steps the followed plane had then."""

    worker: SessionWorker
    main: SessionWorker
    count: int


class PlaneMarks(QObject):
    """Takes the marks of further planes to sessions along their axes, and takes them back in the order of the user.

    A mark in a plane is a prompt of the current object on that plane, in the session of the image along the axis across
    it. Its marker is kept among those of the image, where it waits until that axis is followed.

    Parameters
    ----------
    context
        Knows the image and queues the work.
    tools
        Keeps the tool, the object, and on which side the next mark is.
    prompting
        Tells sessions of marks; asks here where a step is to be taken back.
    keys
        Bound on the layers of marks.
    ensure_labels
        Makes the labels layer, where it is missing.
    """

    # The tool, or the image, is another one.
    tool_changed = Signal()
    # Marks or masks of a session may be others now.
    changed = Signal(object)

    def __init__(
        self,
        context: ControllerContext,
        tools: Tools,
        prompting: Prompting,
        keys: KeyBinder,
        ensure_labels: Callable[[], Any],
    ) -> None:
        super().__init__(context)
        self._context, self._selection, self._tools, self._prompting = context, context.selection, tools, prompting
        self.keys, self._ensure_labels = keys, ensure_labels
        self._done: list[_Step] = []
        self._undone: list[_Step] = []
        # How many steps a session in a further plane has, as far as is known here.
        self._counts: WeakKeyDictionary[SessionWorker, int] = WeakKeyDictionary()
        self._image: Image | None = None
        self._asked: set[int] = set()
        prompting.elsewhere = self
        self._selection.changed.connect(self._on_choice)
        self._selection.tool_changed.connect(self.tool_changed)
        context.updated.connect(self._on_updated)
        self._on_choice()

    @property
    def tool(self) -> str:
        """Return the active tool of the main view; empty if there is none."""
        return self._tools.active_tool()

    def worker(self, axis: str) -> SessionWorker | None:
        """Return the session along an axis; None where the image cannot be followed along it."""
        return self._selection.worker_along(axis)

    def show_next(self, layer_group: LayerGroup) -> None:
        """Let the next marker in other layers be of the current object, on the chosen side."""
        layer_group.set_next(self._tools.obj_id, POSITIVE if self._tools.positive else NEGATIVE)

    def take(self, worker: SessionWorker, table: PromptTable) -> None:
        """Make the markers of a further plane, as they are now, the prompts of its session."""
        layer_group = self._selection.layer_group
        if layer_group is None or worker.closed:
            return
        self._context.flush_wanted.emit()
        self._counts.setdefault(worker, _count(worker))
        worker.pending.change_to(table)
        worker.pending.set_shown(layer_group.write(worker.grid, worker.pending.shown))
        self._prompting.answer_waiting(worker)

    def bring_back(self, axis: str) -> None:
        """Go on with the earlier session along an axis, where the user goes on with one of the image."""
        image, worker, earlier = self._selection.image, self.worker(axis), self._selection.earlier
        if image is None or worker is None or earlier is None or earlier.anew or not earlier.decided:
            return
        if id(worker) in self._asked or worker.session is not None or worker.pending:
            return
        self._asked.add(id(worker))
        volume, grid, in_use = worker.volume, worker.grid, self._selection.open_files()
        cache, recent = self._selection.model_cache, earlier.recent

        def look() -> SessionWorker | None:
            for found in earlier_sessions(volume, recent.paths(), in_use):
                if key_in(found) == session_key(grid):
                    # With the model of the image, once one is needed.
                    session = VideoSession.open(found.path, UnloadedModel(found.header.model.name), volume)
                    limits, keep = session.contrast_limits, self._selection.autosave
                    return SessionWorker(volume, grid, limits, cache, keep, session, session.gamma)
            return None

        def show(opened: SessionWorker | None) -> None:
            layer_group = self._selection.layer_group
            if opened is None or layer_group is None or image is not self._selection.image:
                return
            self._selection.put_aside(opened)
            self._context.updated.emit(layer_group, opened, Update(prompts=prompt_table(opened.session)))

        self._context.queue(look, show, "Looking for marks in other planes…")

    def close(self) -> None:
        """Take no more marks."""
        self._claim(None)
        self.tool_changed.emit()

    # ------------------------------------------------------------------ steps

    def can(self, back: bool) -> bool:
        """Return whether the last step to take back, or to do again, was made in a further plane."""
        steps, main = self._done if back else self._undone, self._selection.worker
        while steps and steps[-1].worker.closed:
            steps.pop()
        return bool(steps) and steps[-1].main is main and steps[-1].count == _count(main)

    def step(self, back: bool) -> bool:
        """Take the last step of a further plane back, or do it again; False where it is the turn of the main view."""
        if not self.can(back):
            return False
        source, target = (self._done, self._undone) if back else (self._undone, self._done)
        step = source.pop()
        target.append(step)
        self._counts[step.worker] = self._counts.get(step.worker, 0) + (-1 if back else 1)
        if back:
            self._context.submit(lambda worker: worker.undo(), "Undoing…", worker=step.worker)
        else:
            self._context.submit(lambda worker: worker.redo(), "Redoing…", worker=step.worker)
        return True

    # ------------------------------------------------------------------ inside

    def _on_updated(self, layer_group: LayerGroup, worker: SessionWorker, update: Update) -> None:
        main = self._selection.worker
        if worker in self._counts:
            before, now = self._counts[worker], _count(worker)
            self._counts[worker] = now
            if main is not None and worker is not main and now > before:
                self._done += [_Step(worker, main, _count(main))] * (now - before)
                self._undone.clear()
        self.changed.emit(worker)

    def _on_choice(self) -> None:
        if self._selection.image is not self._image:
            self._claim(self._selection.image)
        worker = self._selection.worker
        if worker is not None and worker.session is not None and worker in self._counts:
            # The axis of a further plane is followed now: its masks may be the first that the labels layer shows.
            self._ensure_labels()
        self.tool_changed.emit()

    def _claim(self, image: Image | None) -> None:
        if self._image is not None and _marks.get(self._image) is self:
            del _marks[self._image]
        self._image = image
        if image is not None:
            _marks[image] = self


def _count(worker: SessionWorker | None) -> int:
    session = None if worker is None else worker.session
    return 0 if session is None else len(session.steps)
