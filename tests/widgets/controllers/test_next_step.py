"""The sentence on what to do next, and what stands out."""

from __future__ import annotations

import pytest

from napari_sam2.widgets.actions import DEFAULT_KEYS, shown_key
from napari_sam2.widgets.controllers.next_step import PanelState, next_action, next_step, stage

KEYS = {name: shown_key(key) for name, key in DEFAULT_KEYS.items()}
CT = {"has_image": True, "frame_count": 48}
MASK = {**CT, "marked": 1, "masked": 1, "any_mask": True, "name": "liver"}
DONE = {**MASK, "masked": 24}
LOOKS_RIGHT = "Looks right? Propagate through all slices (Shift+S); if not, click what is wrong."
SAVE = "Nothing is doubtful. Save the labels (Shift+E), or begin the next object (M)."


@pytest.mark.parametrize(
    ("state", "shown", "stands_out", "said"),
    [
        ({}, 0, "", "Open an image, or begin with the CT sample."),
        ({"refused": True}, 1, "", "This image cannot be segmented; choose another one."),
        (
            CT,
            2,
            "",
            "Draw a box (B) around the object on the slice where it is largest, or click on it (P).",
        ),
        ({**CT, "tool": "box"}, 2, "", "Draw a box around the object on the slice where it is largest."),
        ({**CT, "frame_axis": "t", "tool": "point"}, 2, "", "Click on the object on a frame where it is clear."),
        ({**CT, "frame_count": 1, "tool": "lasso"}, 2, "", "Draw around the object."),
        ({**CT, "is_asked": True}, 2, "", "Go on with your earlier work on this image, or start anew?"),
        (
            {**MASK, "is_proposed": True},
            3,
            "",
            "Is the yellow one an object? Accept or reject it, click another one, or take all.",
        ),
        ({**MASK, "is_dividing": True}, 3, "", "Click into each of the two daughters of liver."),
        ({**CT, "model_missing": True}, 2, "", "Download the model in step 1, or choose another one."),
        (
            {**CT, "others_layer": "mine"},
            2,
            "",
            "The keys are those of the layer 'mine' now; press a tool to go on here.",
        ),
        ({**CT, "marked": 1, "is_computing": True}, 3, "", "The mask is on its way."),
        ({**CT, "marked": 1}, 3, "", "Show its mask (S), or propagate (Shift+S)."),
        (
            MASK,
            3,
            "propagate",
            LOOKS_RIGHT,
        ),
        (
            {**MASK, "is_running": True},
            3,
            "",
            "Watch the masks come; stop (X) where they go wrong, and correct them there.",
        ),
        ({**MASK, "left": 47}, 3, "propagate", LOOKS_RIGHT),
        # The model finds the object on no other slice.
        ({**MASK, "left": 0}, 3, "save_labels", SAVE),
        ({**DONE, "is_stopped": True}, 3, "propagate", "Correct what went wrong, then continue (Shift+S)."),
        ({**DONE, "is_stopped": True, "left": 24}, 3, "propagate", "Correct what went wrong, then continue (Shift+S)."),
        ({**DONE, "is_stopped": True, "left": 0}, 3, "save_labels", SAVE),
        # Of the run that was stopped nothing stands after undo.
        ({**MASK, "left": 47, "is_stopped": False}, 3, "propagate", LOOKS_RIGHT),
        (
            {**DONE, "left": 24},
            3,
            "propagate",
            "24 slices are not up to date: propagate (Shift+S), or correct more first.",
        ),
        (
            {**DONE, "left": 1, "doubtful": 5, "is_saved": True},
            3,
            "propagate",
            "1 slice is not up to date: propagate (Shift+S), or correct more first.",
        ),
        (
            {**DONE, "left": 0, "left_of_others": 47},
            3,
            "propagate",
            "This object is up to date, others are not: propagate (Shift+S).",
        ),
        (
            {**DONE, "left": 0, "left_of_others": 47, "doubtful": 2},
            3,
            "next_doubtful",
            "2 slices are doubtful: look at the next (N).",
        ),
        (
            {**DONE, "left": 0, "doubtful_of_others": 1},
            3,
            "next_doubtful",
            "1 slice of another object is doubtful: look there (N).",
        ),
        (
            {**DONE, "left": 0, "doubtful_of_others": 3, "frame_axis": "t"},
            3,
            "next_doubtful",
            "3 frames of other objects are doubtful: look there (N).",
        ),
        ({**DONE, "left": 0}, 3, "save_labels", SAVE),
        ({**DONE, "doubtful": 5}, 3, "next_doubtful", "5 slices are doubtful: look at the next (N)."),
        (
            {**DONE, "doubtful": 5, "is_here_doubtful": True},
            3,
            "lock",
            "Is this slice right? Lock it (L); if not, click what is wrong.",
        ),
        ({**DONE, "doubtful": 1}, 3, "next_doubtful", "1 slice is doubtful: look at it (N)."),
        (
            {**DONE, "left": 0, "reviewed": True},
            3,
            "save_labels",
            "Every mask is locked. Save the labels (Shift+E), or begin the next object (M).",
        ),
        ({**DONE, "is_saved": True}, 3, "", "Saved. Begin the next object (M), or measure under Finish."),
        (
            {**MASK, "frame_count": 1},
            3,
            "save_labels",
            "Looks right? Save the labels (Shift+E), or begin the next object (M).",
        ),
        (
            {**DONE, "marked": 0, "masked": 0, "name": "object 2"},
            3,
            "",
            "Draw a box (B) around object 2 on the slice where it is largest, or click on it (P).",
        ),
    ],
)
def test_each_state_has_its_sentence_its_steps_and_its_button(state, shown, stands_out, said):
    found = PanelState(**state)
    assert next_step(found, KEYS) == said
    assert stage(found) == shown
    assert next_action(found) == stands_out


def test_an_action_without_a_key_is_named_without_one():
    assert next_step(PanelState(**MASK), {}).startswith("Looks right? Propagate through all slices; if not")
