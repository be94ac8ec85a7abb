"""Go on with a session from its file: find its image and its model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.engine.catalog.model_files import path_of
from napari_sam2.engine.catalog.registry import known_models
from napari_sam2.errors import ReadError, SessionFileError
from napari_sam2.interaction.session_prompts import prompt_table
from napari_sam2.interaction.session_worker import SessionWorker
from napari_sam2.interaction.update import Update, draw_frames
from napari_sam2.session.storage import image_identity
from napari_sam2.session.storage.locations import Recent, peek

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_sam2.core.volume import ImageVolume
    from napari_sam2.interaction.autosave import Autosave
    from napari_sam2.interaction.loaded_model import ModelCache


@dataclass(frozen=True)
class OpenedSession:
    """A session from its file; ``layer`` is None where its image is not in the viewer yet."""

    layer: Any
    worker: SessionWorker
    update: Update


def open_session(
    path: Path,
    candidates: Sequence[tuple[Any, ImageVolume]],
    model_cache: ModelCache,
    autosave: Autosave,
    recent: Recent,
) -> OpenedSession:
    """Open a session with its image; called in a worker.

    Parameters
    ----------
    path
        The session file.
    candidates
        Image layers with their volumes; the one that is the image of the session is taken, else it is read from its
        file.
    model_cache
        Loads the model of the session, if it is on this computer, and else the one that is chosen.
    autosave
        Gives the session another file, should this one refuse.
    recent
        Where the file is listed.

    Raises
    ------
    SessionFileError
        If the file cannot be opened or its image is not found.
    """
    from napari_sam2.session import VideoSession

    known = peek(path)
    layer, volume = None, None
    for each, of_layer in candidates:
        candidate = image_identity.with_axes_of(known.header.image, of_layer)
        try:
            image_identity.check(known.header.image, candidate, path)
        except (SessionFileError, ReadError):
            continue
        layer, volume = each, candidate
        break
    if volume is None:
        try:
            volume = image_identity.find(known.header.image, path)
        except SessionFileError as error:
            first = str(error).splitlines()[0]
            raise SessionFileError(f"{first}\nOpen the image in napari first, then the session again.") from error
    before, warnings = model_cache.choice, []
    model = known.header.model.name
    if _is_on_this_computer(model):
        model_cache.choose(before._replace(name=model))
    elif model != before.name:
        warnings.append(
            f"{path.name} was made with the model {model}, which is not on this computer. Its masks stay as they "
            f"are; what is computed from now on is by {before.name}, unless you choose another model."
        )
    try:
        session = VideoSession.open(path, predictor=model_cache.get(), volume=volume)
    except BaseException:
        model_cache.choose(before)
        raise
    worker = SessionWorker(volume, session.grid, session.contrast_limits, model_cache, autosave, session, session.gamma)
    recent.note(path)
    frames = draw_frames(session, range(session.frame_count))
    return OpenedSession(layer, worker, Update(frames=frames, prompts=prompt_table(session), warnings=warnings))


def _is_on_this_computer(model: str) -> bool:
    """Return whether a model, by its name or as a file, can be loaded without a download."""
    entry = known_models().get(model)
    path = Path(model) if entry is None else path_of(entry)
    return path is not None and path.is_file()
