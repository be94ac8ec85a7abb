"""Changes of the prompts that the session was not told yet."""

from __future__ import annotations

import pytest

from napari_sam2.core.prompts import BoxPrompt, PointPrompt, PromptSet
from napari_sam2.interaction.pending_prompts import PendingPrompts, changed_prompts, rebased

CLICK = PromptSet((PointPrompt(1, 2),))
OTHER = PromptSet((PointPrompt(3, 4),))
BOX = PromptSet(box=BoxPrompt(0, 0, 2, 2))


def test_changes_are_found_by_comparison():
    assert changed_prompts({(1, 0): CLICK, (1, 1): CLICK}, {(1, 1): BOX, (2, 0): BOX}) == [
        ((1, 0), None),
        ((1, 1), BOX),
        ((2, 0), BOX),
    ]
    assert changed_prompts({(1, 0): CLICK}, {(1, 0): PromptSet((PointPrompt(1.0, 2.0, True),))}) == []


def test_what_the_window_shows_follows_the_changes():
    pending = PendingPrompts()
    pending.change_to({(1, 0): CLICK, (2, 3): BOX})
    pending.add([((1, 0), PromptSet()), ((1, 1), OTHER)])
    assert pending.shown == {(2, 3): BOX, (1, 1): OTHER}
    assert pending.last_number == len(pending) == 2


def test_nothing_that_changed_is_no_change():
    pending = PendingPrompts()
    pending.set_shown({(1, 0): CLICK})
    pending.change_to({(1, 0): CLICK})
    assert not pending
    assert pending.last_number == 0


def test_changes_are_taken_up_to_a_number_and_the_later_ones_wait():
    pending = PendingPrompts()
    pending.change_to({(1, 0): CLICK})
    number = pending.last_number
    pending.change_to({(1, 0): OTHER})
    assert pending.peek(number).prompts == {(1, 0): CLICK}
    assert pending.take(number).prompts == {(1, 0): CLICK}
    assert len(pending) == 1
    assert pending.take().prompts == {(1, 0): OTHER}
    assert not pending


def test_only_prompts_removed_by_one_act_are_removed_together():
    pending = PendingPrompts()
    pending.set_shown({(1, 0): CLICK, (1, 1): CLICK, (1, 2): BOX})
    pending.change_to({(1, 2): BOX})
    pending.change_to({})
    net = pending.take()
    assert net.prompts == {(1, 0): None, (1, 1): None, (1, 2): None}
    assert net.removed_together == [{(1, 0), (1, 1)}]


def test_waiting_changes_follow_upon_what_an_undo_left():
    pending = PendingPrompts()
    pending.set_shown({(1, 0): CLICK})
    pending.change_to({(1, 0): PromptSet(CLICK.points + OTHER.points)})
    # The undo took the first click away.
    assert pending.rebase({}) == {(1, 0): OTHER}
    assert pending.take().prompts == {(1, 0): OTHER}


@pytest.mark.parametrize(
    ("before", "after", "now", "wanted"),
    [
        ("a", "ab", "", "b"),
        ("a", "ab", "a", "ab"),
        ("ab", "b", "abc", "bc"),
        ("a", "b", "a", "b"),
        ("a", "", "ac", "c"),
        ("", "a", "b", "ba"),
    ],
)
def test_a_change_holds_on_other_prompts_than_those_it_was_made_on(before, after, now, wanted):
    def marks(letters):
        return PromptSet(tuple(PointPrompt(ord(c), 0) for c in letters)) or None

    assert rebased(marks(before), marks(after), marks(now)) == marks(wanted)


def test_a_box_that_was_not_changed_is_the_one_that_is_there_now():
    old, new = BoxPrompt(0, 0, 2, 2), BoxPrompt(1, 1, 3, 3)
    points = (PointPrompt(1, 1),)
    assert rebased(PromptSet(box=old), PromptSet(points, old), None) == PromptSet(points)
    assert rebased(PromptSet(box=old), PromptSet(box=new), None) == PromptSet(box=new)
