"""The files of sessions: kept from the first mark, opened again, recovered after a crash."""

from __future__ import annotations

import datetime
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from napari_sam2.errors import NapariSam2Error, SessionFileError
from napari_sam2.interaction.autosave import Autosave
from napari_sam2.interaction.earlier_sessions import undecided_folder
from napari_sam2.interaction.open_session import open_session
from napari_sam2.interaction.update import Update
from napari_sam2.layers.axis_names import layer_axes, letters_of, name_axes
from napari_sam2.layers.channel_layers import is_layers, stacks_named
from napari_sam2.layers.contrast import give_range
from napari_sam2.layers.image import grid_for_layers, volume_from_layer
from napari_sam2.session.storage.locations import Recent, SessionSummary, new_place, peek
from napari_sam2.widgets.workers import JobQueue

if TYPE_CHECKING:
    from napari_sam2.interaction.open_session import OpenedSession
    from napari_sam2.interaction.session_worker import SessionWorker
    from napari_sam2.widgets.controllers.context import ControllerContext
    from napari_sam2.widgets.controllers.view_protocols import SessionView


@dataclass(frozen=True)
class FoundSessions:
    """Session files: used lately, not closed in good order, and of the image of a worker that has none yet."""

    worker: SessionWorker | None
    recent: list[Path]
    unclosed: list[Path]
    earlier: list[SessionSummary]


class SessionFiles(QObject):
    """Does what the session panel says, and shows there where the session is kept.

    Parameters
    ----------
    context
        Knows images and sessions, and queues the work.
    panel
        The view.
    """

    # A session was opened, and perhaps its model with it.
    opened = Signal()

    def __init__(self, context: ControllerContext, panel: SessionView, recent: Recent, autosave: Autosave) -> None:
        super().__init__(context)
        self._context = context
        self._selection = context.selection
        self._panel = panel
        self._recent = recent
        self._autosave = autosave
        self._last_path: Path | None = None
        # Where was said that sessions are kept; and the earlier ones that the user is asked about, and for which.
        self._announced: weakref.WeakKeyDictionary[SessionWorker, Path] = weakref.WeakKeyDictionary()
        self._asked: list[SessionSummary] = []
        self._asked_for: SessionWorker | None = None
        # Of its own, so that no mark waits for old files.
        self._lookup = JobQueue(self, "looking for sessions")
        self._lookup.failed.connect(context.report)
        panel.save_chosen.connect(self.save)
        panel.open_chosen.connect(self.open)
        panel.offer.continue_clicked.connect(self.go_on)
        panel.offer.anew_clicked.connect(self.start_anew)

    @property
    def busy(self) -> bool:
        """Return whether files are being looked for."""
        return self._lookup.busy

    @property
    def is_asking(self) -> bool:
        """Return whether the user is asked about an earlier session."""
        return bool(self._asked)

    def look_for_sessions(self) -> None:
        """Look for recent sessions, for one of the current image, and for some that were not closed."""
        worker, earlier, in_use = self._selection.worker, self._selection.earlier, self._selection.open_files()
        if worker is not self._asked_for:
            self._ask([])
        self._asked_for = worker
        if worker is not None and worker.session is not None and worker.session.path is not None:
            worker = worker if self._is_undecided(worker) else None

        def look() -> FoundSessions:
            found = [] if worker is None or earlier is None else earlier.look(worker.volume, worker.grid, in_use)
            return FoundSessions(worker, self._recent.paths(), self._recent.unclosed(in_use), found)

        self._lookup.submit(look, self._offer, "", key="look")

    def go_on(self) -> None:
        """Open the earlier session of the image that was worked on last; what was drawn meanwhile keeps its file."""
        if self._asked:
            self.open(str(self._asked[0].path))

    def start_anew(self) -> None:
        """Begin a new session beside the earlier ones, with what was drawn already."""
        if self._selection.earlier is None:
            return
        self._selection.earlier.start_anew()
        for worker in self._selection.workers():
            self._context.submit(self._settle, "Saving the session…", worker=worker)
        self._ask([])
        self._context.show_message("A new session begins with the first mark; the earlier one stays as it is.")

    def _settle(self, worker: SessionWorker) -> Update:
        """Move a session that was begun before the user chose to where it belongs; called in a worker."""
        session, path = worker.session, None if worker.session is None else worker.session.path
        if session is not None and path is not None and self._is_undecided(worker):
            session.save(new_place(session.volume))
            path.unlink(missing_ok=True)
            if session.path is not None:
                self._recent.note(session.path)
        return Update()

    def _is_undecided(self, worker: SessionWorker) -> bool:
        path = None if worker.session is None else worker.session.path
        return path is not None and path.parent == undecided_folder().resolve()

    def save(self, path: str) -> None:
        """Keep the session in another file from now on."""

        def save(worker: SessionWorker) -> Update:
            worker.open().save(path)
            self._recent.note(Path(path))
            return Update()

        self._context.submit(save, "Saving the session…")

    def set_autosave(self, on: bool) -> None:
        """Say whether sessions get a file by themselves; one that has a file keeps it."""
        self._autosave.enabled = on
        self.refresh()

    def open(self, path: str) -> None:
        """Go on with a session from its file, with its image, which is opened if need be."""
        if self._context.running:
            self._context.report(SessionFileError("A run is under way; stop it before you open a session."))
            return
        source = Path(path).resolve()
        current = self._selection.worker
        if current is not None and current.session is not None and current.session.path == source:
            self._context.show_message(f"{source.name} is open already.")
            return
        layers = [layer for layer in self._selection.viewer.layers if isinstance(layer, Image)]
        candidates = []
        for layer in layers:
            try:
                candidates.append((layer, volume_from_layer(layer)))
            except NapariSam2Error:
                continue  # An image that cannot be segmented is not the one.

        def find() -> OpenedSession:
            # Of several layers as the channels of one image, too.
            stacks = stacks_named([layer for layer, _ in candidates], peek(source).header.image.name)
            every = [*candidates, *stacks]
            return open_session(source, every, self._selection.model_cache, self._autosave, self._recent)

        self._context.queue(find, self._take, f"Opening {source.name}…")

    def refresh(self) -> None:
        """Show where the session is kept."""
        worker = self._selection.worker
        session = None if worker is None else worker.session
        path = None if session is None else session.path
        if path is not None and path != self._last_path:
            self.look_for_sessions()
        self._last_path = path
        self._panel.offer.set_enabled("a run is under way; stop it first." if self._context.running else "")
        if session is None:
            text = "nothing to keep yet"
        else:
            text = "kept in memory only" + ("" if self._autosave.enabled else "; autosave is off")
        self._panel.set_file(path, text)
        self._panel.set_savable(session is not None and not self._context.running)
        if session is not None:
            self._panel.set_offer("", None)
        if worker is not None and path is not None and self._announced.get(worker) != path:
            self._announced[worker] = path
            here = " until you choose Continue or Start anew, above" if self._is_undecided(worker) else ""
            self._context.show_message(f"Every step is kept in {path}{here}.")

    def _offer(self, found: FoundSessions) -> None:
        worker = self._selection.worker
        if found.worker is not None and found.worker is not worker:
            return  # Another image is shown by now, for which there is another look.
        known = [each.path for each in found.earlier]
        self._panel.set_lists([*known, *(p for p in found.recent if p not in known)], found.unclosed)
        self._ask(found.earlier)
        if worker is not None and worker.session is not None:
            return
        others = [] if known else found.unclosed
        self._panel.set_offer(f"Recover {others[0].name}" if others else "", others[0] if others else None)

    def _ask(self, earlier: list[SessionSummary]) -> None:
        """Ask the user whether to go on with one of these sessions, newest first; none: nothing to ask."""
        self._asked = earlier
        if not earlier:
            self._panel.offer.set_offer("", "")
            return
        last = earlier[0]
        when = datetime.datetime.fromtimestamp(last.path.stat().st_mtime) if last.path.exists() else None
        text = "You worked on this image" + (f" on {when:%d %b %Y, %H:%M}." if when is not None else " before.")
        if last.header.is_open:
            text += " That session was not closed in good order; every step is there."
        if len(earlier) > 1:
            text += f" {len(earlier) - 1} more in Session ▸ Recent."
        text += " Until you choose, what you draw is kept apart."
        self._panel.offer.set_offer(text, str(last.path))

    def _take(self, opened: OpenedSession) -> None:
        layer = opened.layer
        if layer is None:
            from napari_sam2.layers.volume_layers import layer_data

            volume = opened.worker.volume
            data, options, _ = layer_data(volume, volume.name or "image")
            added = self._selection.viewer.add_image(data, **options)
            layer = added[0] if isinstance(added, list) else added
            give_range(layer)
        channels = layer if is_layers(layer) else ()
        if channels:
            layer = channels[0]
        else:
            letters = letters_of(layer, opened.worker.volume)
            if letters != layer_axes(layer):
                name_axes(layer, letters)  # As the user had named them in that session.
            opened.worker.set_grid(grid_for_layers(layer, opened.worker.grid))
        before = self._selection.worker
        left = before.session.path if before is not None and before.session is not None else None
        if opened.worker.session is not None and opened.worker.session.path is not None:
            self._announced[opened.worker] = opened.worker.session.path
        self._selection.take_over(layer, opened.worker, channels)
        if before is not None and before.closed and left is not None:
            self._context.show_message(f"What was drawn before is kept in {left}; see Session ▸ Recent.")
        self.opened.emit()
        layer_group = self._selection.layer_group
        if layer_group is not None:
            # Marks that stand there belong to the session before; they give way to those of this one.
            opened.worker.pending.set_shown(layer_group.read(opened.worker.grid))
            self._context.updated.emit(layer_group, opened.worker, opened.update)
