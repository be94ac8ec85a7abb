"""All that the user can ask for by a key: its name, its words, its key and where it belongs; the one list of them.

The shortcuts, the texts on the buttons, the sheet of keys, the settings, ``docs/keys.md`` and the commands in
``napari.yaml`` go by it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app_model.types import KeyBinding

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Action:
    """Something that the user can ask for.

    Parameters
    ----------
    name
        As in the settings and, with ``napari-sam2.``, in ``napari.yaml``.
    key
        The key at first, as napari writes it, e.g. ``"Shift-S"``.
    text
        What it does, in a few words.
    group
        The heading in the sheet of keys.
    """

    name: str
    key: str
    text: str
    group: str


_TOOLS, _OBJECTS, _RUNS, _REVIEW, _FILES = "Tools", "Objects", "Propagate", "Review and finish", "Panel and files"
ACTIONS = (
    Action("point", "P", "Point tool", _TOOLS),
    Action("box", "B", "Box tool", _TOOLS),
    Action("scribble", "C", "Scribble tool", _TOOLS),
    Action("line", "I", "Line tool", _TOOLS),
    Action("lasso", "O", "Lasso tool", _TOOLS),
    Action("brush", "D", "Brush tool", _TOOLS),
    Action("from_labels", "F", "Take objects from labels", _TOOLS),
    Action("flip", "T", "Switch between inside and outside", _TOOLS),
    Action("no_tool", "Escape", "Put the tool down", _TOOLS),
    Action("answer", "S", "Show the masks of this slice", _TOOLS),
    Action("preview", "Shift-P", "Masks at once, or when asked for", _TOOLS),
    Action("new_object", "M", "New object", _OBJECTS),
    Action("object_before", "Q", "Choose the object before", _OBJECTS),
    Action("object_after", "W", "Choose the object after", _OBJECTS),
    Action("toggle_labels", "V", "Show or hide the masks", _OBJECTS),
    Action("reset_object", "R", "Reset the object", _OBJECTS),
    Action("delete_object", "Shift-R", "Delete the object", _OBJECTS),
    Action("merge_object", "Shift-M", "Merge the object with another one", _OBJECTS),
    Action("object_up", "Shift-Q", "Move the object up", _OBJECTS),
    Action("object_down", "Shift-W", "Move the object down", _OBJECTS),
    Action("each_click", "E", "One click, one object, or not", _OBJECTS),
    Action("propose", "Shift-G", "Propose objects on this slice", _OBJECTS),
    Action("track_labels", "Shift-F", "Track all labels of a layer", _OBJECTS),
    Action("divide", "Shift-D", "Divide the object on this slice", _OBJECTS),
    Action("show_tracks", "Shift-T", "Show tracks", _OBJECTS),
    Action("save_tracks", "Control-Alt-T", "Save tracks", _OBJECTS),
    Action("limit_range", "Shift-H", "Limit the object by intensity", _OBJECTS),
    Action("propagate", "Shift-S", "Propagate both ways, or continue", _RUNS),
    Action("propagate_back", "Shift-A", "Propagate towards the first slice", _RUNS),
    Action("propagate_forward", "Shift-Z", "Propagate towards the last slice", _RUNS),
    Action("all_axes", "Control-Alt-A", "Propagate along all axes", _RUNS),
    Action("through_time", "Control-Alt-Z", "Propagate through z and t", _RUNS),
    Action("stop", "X", "Stop the run", _RUNS),
    Action("next_doubtful", "N", "Next doubtful slice", _REVIEW),
    Action("lock", "L", "Lock the slice, or release it", _REVIEW),
    Action("lock_seen", "Shift-L", "Lock all slices looked at", _REVIEW),
    Action("cut_above", "Shift-U", "Cut above: the object ends here", _REVIEW),
    Action("cut_below", "Shift-B", "Cut below: the object begins here", _REVIEW),
    Action("interpolate", "Shift-I", "Interpolate between accepted slices", _REVIEW),
    Action("check_back", "Shift-C", "Check by going back, or stop that", _REVIEW),
    Action("run_rules", "Shift-V", "Review of the object, rules of runs", _REVIEW),
    Action("show_planes", "Control-Alt-3", "Check in three planes", _REVIEW),
    Action("measure", "Control-Alt-M", "Measure objects", _REVIEW),
    Action("compare", "Control-Alt-C", "Compare labels", _REVIEW),
    Action("change_masks", "Control-Alt-E", "Change masks", _REVIEW),
    Action("follow_up", "Control-Alt-F", "Follow up", _REVIEW),
    Action("review_cases", "Control-Alt-V", "Review cases", _REVIEW),
    Action("undo", "Control-Z", "Undo the last step", _FILES),
    Action("redo", "Control-Shift-Z", "Redo what was undone", _FILES),
    Action("save_labels", "Shift-E", "Save labels", _FILES),
    Action("save_session", "Control-Alt-S", "Save the session as a file", _FILES),
    Action("open_session", "Control-Alt-O", "Open a session", _FILES),
    Action("colours", "Control-Alt-G", "Channels as colours", _FILES),
    Action("labels_place", "Control-Alt-L", "Where large labels are kept", _FILES),
    Action("prepare", "Control-Alt-R", "Prepare slices, or stop that", _FILES),
    Action("unload", "Control-Alt-U", "Unload the model", _FILES),
    Action("self_check", "Control-Alt-D", "Self-check", _FILES),
    Action("settings", "Control-Alt-P", "Settings of the panel", _FILES),
    Action("keys", "H", "All keys", _FILES),
    Action("tour", "Shift-Y", "Show me: a tour of two minutes", _FILES),
)
DEFAULT_KEYS = {action.name: action.key for action in ACTIONS}
_WORDS = {action.name: action.text for action in ACTIONS}


def chosen_keys(changed: Mapping[str, str]) -> dict[str, str]:
    """Return the key of each action: the user's own where there is one that can be used, else that of the list."""
    own = {name: key for name, key in changed.items() if name in DEFAULT_KEYS and not wrong_key(key)}
    taken = {**DEFAULT_KEYS, **own}
    return taken if not clash(taken) else dict(DEFAULT_KEYS)


def shown_key(key: str) -> str:
    """Return a key as buttons show it, e.g. ``"Ctrl+Shift+Z"``."""
    shown = str(KeyBinding.from_str(key)) if key else ""
    return shown.replace("Escape", "Esc")


def wrong_key(key: str) -> str:
    """Return why a text is no key; empty where it is one, or empty itself."""
    if not key:
        return ""
    # The parser takes any text for a key.
    plain = r"(?:[A-Za-z0-9,./;'\[\]=]|F\d{1,2}|Escape|Enter|Space|Tab|Delete|Home|End|Insert|PageUp|PageDown)"
    if re.fullmatch(rf"(?:(?:Ctrl|Control|Shift|Alt|Meta|Cmd)[-+])*{plain}", key, re.IGNORECASE):
        return ""
    return f"{key!r} is no key: write a letter, a digit or F1 to F12, with Shift-, Control- or Alt- before it."


def clash(keys: Mapping[str, str]) -> str:
    """Return a sentence on two actions that have the same key; empty where all differ."""
    seen: dict[str, str] = {}
    for name, key in keys.items():
        if not key or wrong_key(key):
            continue
        shown = shown_key(key)
        if shown in seen:
            return f"{shown} is the key of “{_WORDS[seen[shown]]}” and of “{_WORDS[name]}”; change one of them."
        seen[shown] = name
    return ""
