"""One sentence on what to do next, and what of the panel can be used. No Qt: it goes by a few facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam2.core.formatting import frame_word

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class PanelState:
    """What the sentence goes by.

    Parameters
    ----------
    has_image, refused
        Whether there is an image to work on, and whether one was chosen that cannot be.
    frame_axis, frame_count
        What is followed, and how far it goes.
    model_missing
        Whether the chosen model has to be downloaded first.
    is_asked
        Whether an earlier session of the image is offered.
    is_proposed, is_dividing
        Whether proposals wait for an answer, and a division for a click into each daughter.
    tool
        The tool in the user's hand; empty: none.
    others_layer
        The name of a layer of the user's own that is active, whose keys are napari's; empty: none.
    is_running, is_computing
        Whether a run is under way, or a mask being computed.
    any_mask
        Whether any object has a mask.
    marked, masked
        On how many frames the current object is marked, and has a mask.
    left, left_of_others
        How many of its masks, and of those of the other objects, a run would compute; None: not counted yet.
    doubtful, doubtful_of_others
        On how many frames its mask, or one of another object, may be wrong.
    is_here_doubtful
        Whether the shown frame is one of these.
    reviewed
        Whether every mask of it is locked.
    name
        Of the current object.
    is_stopped
        Whether the last run was stopped before its end, and some of it stands.
    is_saved
        Whether the labels were just saved.
    """

    has_image: bool = False
    refused: bool = False
    frame_axis: str | None = "z"
    frame_count: int = 0
    model_missing: bool = False
    is_asked: bool = False
    is_proposed: bool = False
    is_dividing: bool = False
    tool: str = ""
    others_layer: str = ""
    is_running: bool = False
    is_computing: bool = False
    any_mask: bool = False
    marked: int = 0
    masked: int = 0
    left: int | None = None
    left_of_others: int = 0
    doubtful: int = 0
    doubtful_of_others: int = 0
    is_here_doubtful: bool = False
    reviewed: bool = False
    name: str = ""
    is_stopped: bool = False
    is_saved: bool = False


_IN_HAND = {
    "point": "Click on {it}{where}.",
    "box": "Draw a box around {it}{where}.",
    "scribble": "Draw a line through {it}{where}.",
    "line": "Draw the longest diameter of {it}, from edge to edge{where}.",
    "lasso": "Draw around {it}{where}.",
    "brush": "Paint {it}{where}.",
}


def stage(state: PanelState) -> int:
    """Return how many of the three steps can be used."""
    if not state.has_image:
        return 1 if state.refused else 0
    return 3 if state.any_mask or state.marked or state.is_running else 2


def next_action(state: PanelState) -> str:
    """Return the action that most people ask for next, whose button stands out; empty where none does."""
    if not state.has_image or state.is_running or state.model_missing or not state.masked:
        return ""
    return "" if state.is_proposed or state.is_dividing else _with_masks(state, {})[0]


def next_step(state: PanelState, keys: Mapping[str, str]) -> str:
    """Return one sentence on what to do next.

    Parameters
    ----------
    state
        What is.
    keys
        The key of each action as it is shown, by name; those without one are left out of the sentence.
    """
    if state.refused and not state.has_image:
        return "This image cannot be segmented; choose another one."
    if not state.has_image:
        return "Open an image, or begin with the CT sample."
    if state.is_asked:
        return "Go on with your earlier work on this image, or start anew?"
    if state.model_missing:
        return "Download the model in step 1, or choose another one."
    if state.is_running:
        return f"Watch the masks come; stop{_key(keys, 'stop')} where they go wrong, and correct them there."
    if state.is_proposed:
        return "Is the yellow one an object? Accept or reject it, click another one, or take all."
    if state.is_dividing:
        return f"Click into each of the two daughters of {state.name}."
    if state.others_layer:
        return f"The keys are those of the layer {state.others_layer!r} now; press a tool to go on here."
    if not state.marked and not state.masked:
        return _mark(state, keys)
    if not state.masked:
        if state.is_computing:
            return "The mask is on its way."
        return f"Show its mask{_key(keys, 'answer')}, or propagate{_key(keys, 'propagate')}."
    return _with_masks(state, keys)[1]


def _mark(state: PanelState, keys: Mapping[str, str]) -> str:
    here = frame_word(state.frame_axis)
    if state.frame_count < 2:
        where = ""
    else:
        where = f" on the {here} where it is largest" if state.frame_axis != "t" else f" on a {here} where it is clear"
    it = f"{state.name or 'the next object'}" if state.any_mask else "the object"
    if state.tool in _IN_HAND:
        return _IN_HAND[state.tool].format(it=it, where=where)
    return f"Draw a box{_key(keys, 'box')} around {it}{where}, or click on it{_key(keys, 'point')}."


def _with_masks(state: PanelState, keys: Mapping[str, str]) -> tuple[str, str]:
    """Return the action and the sentence where the current object has a mask."""
    new, save, run = (_key(keys, name) for name in ("new_object", "save_labels", "propagate"))
    if state.frame_count < 2 and not state.is_saved:
        return "save_labels", f"Looks right? Save the labels{save}, or begin the next object{new}."
    if state.masked <= max(state.marked, 1) and state.left != 0:
        words = frame_word(state.frame_axis, 2)
        return "propagate", f"Looks right? Propagate through all {words}{run}; if not, click what is wrong."
    if state.is_stopped and (state.left != 0 or state.left_of_others):
        return "propagate", f"Correct what went wrong, then continue{run}."
    if state.left:
        what = _count(state, state.left, "is not up to date", "are not up to date")
        return "propagate", f"{what}: propagate{run}, or correct more first."
    if state.is_here_doubtful:
        here = frame_word(state.frame_axis)
        return "lock", f"Is this {here} right? Lock it{_key(keys, 'lock')}; if not, click what is wrong."
    if state.doubtful:
        what = _count(state, state.doubtful, "is doubtful: look at it", "are doubtful: look at the next")
        return "next_doubtful", f"{what}{_key(keys, 'next_doubtful')}."
    if state.left_of_others:
        return "propagate", f"This object is up to date, others are not: propagate{run}."
    if state.doubtful_of_others:
        what = _count(state, state.doubtful_of_others, "of another object is", "of other objects are")
        return "next_doubtful", f"{what} doubtful: look there{_key(keys, 'next_doubtful')}."
    if state.is_saved:
        return "", f"Saved. Begin the next object{new}, or measure under Finish."
    found = "Every mask is locked." if state.reviewed else "Nothing is doubtful."
    return "save_labels", f"{found} Save the labels{save}, or begin the next object{new}."


def _count(state: PanelState, count: int, one: str, many: str) -> str:
    """Return a number of frames with what is said of one, or of several."""
    return f"{count} {frame_word(state.frame_axis, count)} {one if count == 1 else many}"


def _key(keys: Mapping[str, str], name: str) -> str:
    return f" ({keys[name]})" if keys.get(name) else ""
