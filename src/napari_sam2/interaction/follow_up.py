"""Begin the session of a later image with the objects of an earlier one, kept in a file that is to be opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_sam2.errors import PromptError, VolumeError
from napari_sam2.interaction.loaded_model import UnloadedModel
from napari_sam2.session import VideoSession
from napari_sam2.session.storage.locations import new_place, peek

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_sam2.core.volume import ImageVolume

Registration = Literal["frame", "rigid"]


def session_in(path: Path) -> VideoSession:
    """Return a copy of the session in a file, to take objects from; the file is only read, and no model is loaded.

    Raises
    ------
    SessionFileError
        If the file or its image cannot be read.
    """
    return VideoSession.open_copy(path, UnloadedModel(peek(path).header.model.name))


def session_of_labels(volume: ImageVolume, labels: Any, names: Mapping[int, str], model: str) -> VideoSession:
    """Return a session with the objects of a label image, to take them from.

    Parameters
    ----------
    volume
        The image of the labels, of three spatial axes.
    labels
        Whole numbers ``(z, y, x)`` on its grid without channels; 0 is the background.
    names
        Names of the objects.
    model
        Name of the model for the later session.

    Raises
    ------
    VolumeError, PromptError
        If the image has time points, or there is no object.
    """
    if "t" in volume.axes:
        raise VolumeError("A follow-up takes images without time points.")
    session = VideoSession(UnloadedModel(model), volume)
    for frame in range(session.frame_count):
        plane = labels[session.frame_index(frame)]
        found = [int(i) for i in np.unique(plane) if i]
        if found:
            session.edit_masks(frame, {i: plane == i for i in found})
    if not session.objects:
        raise PromptError("The earlier labels hold no object to carry over.")
    for obj_id in session.objects:
        if names.get(obj_id):
            session.rename_object(obj_id, names[obj_id])
    return session


def begin_follow_up(earlier: VideoSession, later: ImageVolume, registration: Registration) -> tuple[Path, int, int]:
    """Keep a session of the later image with the objects of the earlier one in a new file.

    Parameters
    ----------
    earlier
        The session with the objects.
    later
        The later image.
    registration
        See :meth:`VideoSession.open_follow_up`.

    Returns
    -------
    path : Path
        A file beside the image, or in the user's folder; closed.
    objects, masks : int
        How many objects lie within the later image, and how many masks are to be checked.

    Raises
    ------
    VolumeError, PromptError
        As :meth:`VideoSession.open_follow_up`.
    """
    session = earlier.open_follow_up(later, registration, predictor=UnloadedModel(earlier.predictor.name))
    frames = [info.frames for info in session.objects.values()]
    path = new_place(later)
    session.save(path)
    session.close()
    return path, sum(count > 0 for count in frames), sum(frames)
