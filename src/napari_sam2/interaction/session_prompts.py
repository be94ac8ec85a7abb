"""The prompts of a session as the window shows them, and how changes of them reach the session."""

from __future__ import annotations

from dataclasses import astuple, replace
from typing import TYPE_CHECKING, Any

from napari_sam2.core.prompts import PromptSet
from napari_sam2.errors import PromptError
from napari_sam2.interaction.update import errors_as_warnings

if TYPE_CHECKING:
    from napari_sam2.core.prompts import PromptKey
    from napari_sam2.interaction.pending_prompts import NetChanges
    from napari_sam2.interaction.update import Update
    from napari_sam2.session import VideoSession


def prompt_table(session: VideoSession | None) -> dict[PromptKey, PromptSet]:
    """Return the points and boxes of a session by object and frame; masks have no marker."""
    found: dict[PromptKey, PromptSet] = {}
    if session is None:
        return found
    for obj_id in session.objects:
        for frame in session.prompted_frames(obj_id):
            prompts = session.prompts(obj_id, frame)
            if prompts is not None and (markers := replace(prompts, mask=None)):
                found[obj_id, frame] = markers
    return found


def tell(session: VideoSession, net: NetChanges, update: Update) -> dict[PromptKey, PromptSet | None]:
    """Tell a session what changed among its prompts.

    Parameters
    ----------
    session
        The session.
    net
        The changes.
    update
        Takes what the session refuses as warnings, and then shows the prompts of the session again.

    Returns
    -------
    dict
        The changes by object and frame, without those that are none for the session.
    """
    known = prompt_table(session)
    # What was moved and moved back is as the session knows it.
    changes = {key: prompts for key, prompts in net.prompts.items() if _markers(prompts) != _markers(known.get(key))}
    groups = {key: group for group in net.removed_together for key in group}
    removed: set[PromptKey] = set()
    for (obj_id, frame), prompts in changes.items():
        group = [key for key in sorted(groups.get((obj_id, frame), ())) if key in changes]
        group = [key for key in group if not changes[key] and key not in removed]
        if not prompts and len(group) > 1 and _remove_together(session, group, update):
            removed.update(group)
        if (obj_id, frame) in removed:
            continue
        try:
            with errors_as_warnings(session, update):
                _set(session, obj_id, frame, prompts)
        except PromptError as error:
            update.warnings.append(str(error))
            # The mark that was refused goes away again.
            update.prompts = prompt_table(session)
    return changes


def _set(session: VideoSession, obj_id: int, frame: int, prompts: PromptSet | None) -> None:
    if prompts:
        box = None if prompts.box is None else astuple(prompts.box)
        session.set_prompts(obj_id, frame, prompts.coordinates.tolist(), prompts.labels.tolist(), box)
    else:
        session.clear_prompts(obj_id, frame)


def _remove_together(session: VideoSession, group: list[PromptKey], update: Update) -> bool:
    """Remove prompts as one step; False where one of them is locked."""
    try:
        with errors_as_warnings(session, update):
            session.clear_several(group)
    except PromptError:
        return False  # Each by itself then says which it is, and the others go.
    return True


def _markers(prompts: PromptSet | None) -> Any:
    """Return points and box in a form to compare; the order of clicks makes no difference."""
    prompts = prompts or PromptSet()
    return sorted((p.y, p.x, p.positive) for p in prompts.points), prompts.box
