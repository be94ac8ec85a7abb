"""A run of propagation, frame by frame as a window draws it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam2.errors import SessionFileError
from napari_sam2.interaction.update import draw_frames

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from napari_sam2.interaction.update import DrawnFrame
    from napari_sam2.session import VideoSession
    from napari_sam2.session.tracking.planning import Direction


def propagate(
    session: VideoSession,
    direction: Direction,
    frames: range,
    stop: threading.Event,
    progress: Callable[[int, int, str], None],
) -> Iterator[DrawnFrame]:
    """Track all prompted objects, and go on in memory where the session's file cannot be written any more.

    Parameters
    ----------
    session
        The session.
    direction
        "both", "forward" or "backward".
    frames
        The frames to compute.
    stop
        Ends the run after the frame in which it is set.
    progress
        Called as ``progress(done, total, stage)``.

    Yields
    ------
    DrawnFrame
        Each finished frame.

    Raises
    ------
    SessionFileError
        After the last frame, where the file refused one.
    """
    refused: SessionFileError | None = None
    while True:
        results: Any = session.propagate(direction=direction, frames=frames, progress=progress)
        try:
            for result in results:
                yield session.frame_index(result.frame), session.frame_labels(result.frame)
                if stop.is_set():
                    break
            break
        except SessionFileError as error:
            # The frame stands in memory; so will those to come.
            if session.path is None:
                raise
            refused = error
            session.detach()
        finally:
            # Closing it ends the run as one undo step, and frees the session for the next one.
            results.close()
    if refused is not None:
        yield from draw_frames(session, frames)
        raise refused
