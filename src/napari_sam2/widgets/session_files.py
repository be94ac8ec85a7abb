"""The files of sessions: kept from the first mark, opened again, recovered after a crash."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QObject

from napari_sam2 import identity
from napari_sam2.engine.locate import path_of
from napari_sam2.engine.registry import known_models
from napari_sam2.errors import NapariSam2Error, SessionFileError
from napari_sam2.layers.image import volume_from_layer
from napari_sam2.widgets.handle import SessionHandle, Update
from napari_sam2.widgets.places import Autosave, Recent, earlier_session, peek
from napari_sam2.widgets.work import JobQueue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_sam2.volume import ImageVolume
    from napari_sam2.widgets.controller import SegmentController
    from napari_sam2.widgets.session_panel import SessionPanel
    from napari_sam2.widgets.shelf import PredictorShelf


@dataclass(frozen=True)
class Opened:
    """A session from its file; ``layer`` is None where its image is not in the viewer yet."""

    layer: Image | None
    handle: SessionHandle
    update: Update


class SessionFiles(QObject):
    """Does what the session panel says, and shows there where the session is kept.

    Parameters
    ----------
    controller
        Knows images and sessions, and queues the work.
    panel
        The view.
    """

    def __init__(self, controller: SegmentController, panel: SessionPanel, recent: Recent, autosave: Autosave) -> None:
        super().__init__(controller)
        self._controller = controller
        self._choices = controller.choices
        self._panel = panel
        self._recent = recent
        self._autosave = autosave
        self._last_path: Path | None = None
        # Of its own, so that no mark waits for old files.
        self._looking = JobQueue(self, "looking for sessions")
        self._looking.failed.connect(controller.report)
        panel.save_chosen.connect(self.save)
        panel.open_chosen.connect(self.open)

    @property
    def busy(self) -> bool:
        """Whether files are being looked for."""
        return self._looking.busy

    def close(self) -> None:
        """Stop looking."""
        self._looking.close()

    def look_around(self) -> None:
        """Look for recent sessions, for one of the current image, and for some that were not closed."""
        handle = self._choices.handle
        volume = None if handle is None or handle.session is not None else handle.volume

        in_use = self._choices.open_files()

        def look() -> tuple[list[Path], list[Path], Path | None]:
            earlier = None if volume is None else earlier_session(volume)
            return self._recent.paths(), self._recent.unclosed(in_use), earlier

        self._looking.submit(look, self._offer, "", key="look")

    def save(self, path: str) -> None:
        """Keep the session in another file from now on."""

        def save(handle: SessionHandle) -> Update:
            handle.open().save(path)
            self._recent.note(Path(path))
            return Update()

        self._controller.submit(save, "Saving the session…")

    def open(self, path: str) -> None:
        """Go on with a session from its file, with its image, which is opened if need be."""
        if self._controller.runs.running:
            self._controller.report(SessionFileError("A run is under way; stop it before you open a session."))
            return
        source = Path(path).resolve()
        current = self._choices.handle
        if current is not None and current.session is not None and current.session.path == source:
            self._controller.say(f"{source.name} is open already.")
            return
        layers = [layer for layer in self._choices.viewer.layers if isinstance(layer, Image)]
        candidates = []
        for layer in layers:
            try:
                candidates.append((layer, volume_from_layer(layer)))
            except NapariSam2Error:
                continue  # An image that cannot be segmented is not the one.
        self._controller.queue.submit(
            lambda: open_session(source, candidates, self._choices.shelf, self._autosave, self._recent),
            self._take,
            f"Opening {source.name}…",
        )

    def refresh(self) -> None:
        """Show where the session is kept."""
        handle = self._choices.handle
        session = None if handle is None else handle.session
        path = None if session is None else session.path
        if path is not None and path != self._last_path:
            self.look_around()
        self._last_path = path
        if session is None:
            text = "nothing to keep yet"
        else:
            text = "kept in memory only" + ("" if self._autosave.on else "; autosave is off")
        self._panel.set_file(path, text)
        self._panel.set_savable(session is not None and not self._controller.runs.running)
        if session is not None:
            self._panel.set_offer("", None)

    def _offer(self, found: tuple[list[Path], list[Path], Path | None]) -> None:
        recent, unclosed, earlier = found
        self._panel.set_lists(recent, unclosed)
        handle = self._choices.handle
        if handle is not None and handle.session is not None:
            return
        if earlier is not None:
            self._panel.set_offer(f"Go on with {earlier.name}", earlier)
        elif unclosed:
            self._panel.set_offer(f"Recover {unclosed[0].name}", unclosed[0])
        else:
            self._panel.set_offer("", None)

    def _take(self, opened: Opened) -> None:
        layer = opened.layer
        if layer is None:
            from napari_sam2.io.napari_reader import layer_data

            volume = opened.handle.volume
            data, options, _ = layer_data(volume, volume.name or "image")
            added = self._choices.viewer.add_image(data, **options)
            layer = added[0] if isinstance(added, list) else added
        self._choices.take_over(layer, opened.handle)
        self._controller.models.show()
        workspace = self._choices.workspace
        if workspace is not None:
            # Marks that stand there belong to the session before; they give way to those of this one.
            opened.handle.seen = workspace.read(opened.handle.grid)
            self._controller.apply(workspace, opened.handle, opened.update)


def open_session(
    path: Path,
    candidates: Sequence[tuple[Any, ImageVolume]],
    shelf: PredictorShelf,
    autosave: Autosave,
    recent: Recent,
) -> Opened:
    """Open a session with its image, one of the candidates if it is among them; called in a worker.

    Raises
    ------
    SessionFileError
        If the file cannot be opened or its image is not found.
    """
    from napari_sam2.session import VideoSession

    known = peek(path)
    layer, volume = None, None
    for each, candidate in candidates:
        try:
            identity.check(known.image, candidate, path)
        except SessionFileError:
            continue
        layer, volume = each, candidate
        break
    if volume is None:
        try:
            volume = identity.find(known.image, path)
        except SessionFileError as error:
            first = str(error).splitlines()[0]
            raise SessionFileError(f"{first}\nOpen the image in napari first, then the session again.") from error
    before, warnings = shelf.choice, []
    if _is_here(known.model):
        shelf.choice = before._replace(name=known.model)
    elif known.model != before.name:
        warnings.append(
            f"{path.name} was made with the model {known.model}, which is not on this computer. Its masks stay as they "
            f"are; what is computed from now on is by {before.name}, unless you choose another model."
        )
    try:
        session = VideoSession.open(path, predictor=shelf.get(), volume=volume)
    except BaseException:
        shelf.choice = before
        raise
    handle = SessionHandle(volume, session.grid, session.window, shelf, autosave, session)
    recent.note(path)
    frames = [(session.frame_index(f), session.frame_labels(f)) for f in range(session.frame_count)]
    return Opened(layer, handle, Update(frames=frames, prompts=handle.table(), warnings=warnings))


def _is_here(model: str) -> bool:
    """Whether a model, by its name or as a file, can be loaded on this computer."""
    entry = known_models().get(model)
    path = Path(model) if entry is None else path_of(entry)
    return path is not None and path.is_file()
