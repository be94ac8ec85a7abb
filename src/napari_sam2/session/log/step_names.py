"""The names of the steps in a session's log: the methods of :class:`VideoSession` that make them.

Replay dispatches on them and files keep them, so none is ever to be changed.
"""

from __future__ import annotations

from typing import Final

ADD_POINTS: Final = "add_points"
ADD_BOX: Final = "add_box"
ADD_LINE: Final = "add_line"
ADD_MASK: Final = "add_mask"
ADD_LABELS: Final = "add_labels"
SET_PROMPTS: Final = "set_prompts"
CLEAR_PROMPTS: Final = "clear_prompts"
CLEAR_SEVERAL: Final = "clear_several"
PREDICT_FRAME: Final = "predict_frame"
PROPAGATE: Final = "propagate"
EDIT_MASK: Final = "edit_mask"  # edit_masks, paint and fill as well
LOCK: Final = "lock"  # lock_frames and lock_seen as well
UNLOCK: Final = "unlock"
CUT: Final = "cut"
RESET_OBJECT: Final = "reset_object"
DELETE_OBJECT: Final = "delete_object"
RENAME_OBJECT: Final = "rename_object"
RECOLOR_OBJECT: Final = "recolor_object"
MOVE_OBJECT: Final = "move_object"
MERGE_OBJECTS: Final = "merge_objects"
DIVIDE: Final = "divide"
ACCEPT: Final = "accept"
SET_INTENSITY_RANGE: Final = "set_intensity_range"
INTERPOLATE: Final = "interpolate"
APPLY: Final = "apply"
CHECK: Final = "check"
REVIEW: Final = "review"
OPEN_FOLLOW_UP: Final = "open_follow_up"
FORBID: Final = "forbid"
REPLAY: Final = "replay"
TAKE_TRACKED: Final = "take_tracked"

# Steps that set prompts: the answer to them becomes part of the step.
PROMPTING = (ADD_POINTS, ADD_BOX, ADD_LINE, ADD_MASK, ADD_LABELS, SET_PROMPTS, DIVIDE, ACCEPT)
# Steps that hold answers to prompts, and steps in which the model computes masks at all.
ANSWERING = (*PROMPTING, PREDICT_FRAME)
COMPUTING = (*ANSWERING, PROPAGATE)
