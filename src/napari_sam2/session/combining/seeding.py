"""Sessions on other parts of an image that begin with what another session has."""

from __future__ import annotations

from napari_sam2.session.session import VideoSession


def has_marks(session: VideoSession) -> bool:
    """Return whether there is anything in a session from which to track."""
    return bool(marked_objects(session))


def marked_objects(session: VideoSession) -> list[int]:
    """List the objects of a session that have prompts or accepted masks."""
    return [i for i in session.objects if session.prompted_frames(i) or session.accepted_masks(i)]


def session_like(session: VideoSession, frame_axis: str | None, at: dict[str, int]) -> VideoSession:
    """Return an empty session on another part of the image, with the model and the rules of this one."""
    return VideoSession(
        session.predictor,
        session.volume,
        frame_axis,
        session.mapping,
        at,
        session.grid.channels or None,
        session.zoom,
        session.overlap,
        neighbours=session.neighbours,
        memory=session.memory,
        click_mask=session.click_mask,
        log_times=session.log_times,
    )


def copy_range(session: VideoSession, made: VideoSession, obj_id: int) -> None:
    """Limit an object to the values that it is limited to in another session, if it is there."""
    if obj_id not in session.objects:
        return
    limit = session.intensity_range(obj_id)
    if (limit.low, limit.high) != (None, None):
        made.set_intensity_range(obj_id, limit.low, limit.high)
