"""The answer of a piece of work to the window: what there is to draw, and what there is to say."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_sam2.errors import ReadError, SessionFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from napari_sam2.core.prompts import PromptTable
    from napari_sam2.session import VideoSession

# The index of a frame in the array of a labels layer, and its labels (Y, X).
DrawnFrame = tuple[tuple[int | slice, ...], "NDArray[np.uint16]"]


@dataclass(frozen=True)
class Outline:
    """The part ``(y0, x0, y1, x1)`` of a frame that the model sees; None where it sees all of it."""

    frame: int
    window: tuple[float, float, float, float] | None


@dataclass
class Update:
    """All that the window has to draw and to say after a piece of work.

    ``frames`` are the frames whose labels changed, ``outline`` the zoom window to show, ``prompts`` the prompts to show
    instead of those that are there, ``warnings`` sentences for the user; None: as before.
    """

    frames: list[DrawnFrame] = field(default_factory=list)
    outline: Outline | None = None
    prompts: PromptTable | None = None
    warnings: list[str] = field(default_factory=list)


def draw_frames(session: VideoSession, frames: Iterable[int]) -> list[DrawnFrame]:
    """Return the labels of some frames, ascending, as they are drawn."""
    return [(session.frame_index(f), session.frame_labels(f)) for f in sorted(frames)]


def masked_frames(session: VideoSession) -> set[int]:
    """Return the frames on which any object has a mask."""
    return {int(f) for obj_id in session.objects for f in session.scores(obj_id).index}


@contextmanager
def errors_as_warnings(session: VideoSession, update: Update) -> Iterator[None]:
    """Let the work go on where the image cannot be read, and in memory where the session's file cannot be written.

    The error becomes a warning of the update; the next step tries a new file.
    """
    try:
        yield
    except ReadError as error:
        update.warnings.append(str(error))
    except SessionFileError as error:
        if session.path is None:
            raise
        update.warnings.append(str(error))
        session.detach()
