"""The log by itself: values by kind, steps, undo, its budget, and the journal."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.masks import RunLengthMask
from napari_sam2.session.log.history import WHOLE, Change, History, is_of
from napari_sam2.session.log.kinds import LOCK, MASK, OBJECT
from napari_sam2.session.log.records import MaskRecord, ObjectRecord

LIVER = ObjectRecord("liver", (1.0, 0.0, 0.0))


def record(n):
    mask = np.zeros((4, 6), bool)
    mask[:n] = True
    return MaskRecord(RunLengthMask.encode(mask), "edit")


@pytest.fixture
def history():
    history = History()
    with history.step("first", obj_id=1) as put:
        put(OBJECT, 1, WHOLE, LIVER)
        put(MASK, 1, 3, record(1))
    with history.step("second") as put:
        put(MASK, 1, 3, record(2))
        put(MASK, 1, 4, record(1))
        put(LOCK, 1, 4, 1)
    return history


def values(history):
    return {(kind, obj_id, frame): value for kind, obj_id, frame, value in history.values()}


def test_values_are_read_by_kind_object_and_frame(history):
    assert history.get(OBJECT, 1) == LIVER
    assert history.get(MASK, 1, 3) == record(2)
    assert history.get(LOCK, 1, 3) is None
    assert history.frames(MASK, 1) == {3: record(2), 4: record(1)}
    assert history.frames(MASK, 2) == {}
    assert history.objects(LOCK) == [1]


def test_undo_and_redo_change_all_values_of_a_step(history):
    after = values(history)
    assert history.undo().name == "second"
    assert values(history) == {(OBJECT, 1, WHOLE): LIVER, (MASK, 1, 3): record(1)}
    assert history.undo().arguments == {"obj_id": 1}
    assert values(history) == {}
    assert history.undo() is None
    history.redo()
    history.redo()
    assert values(history) == after
    assert history.redo() is None


def test_a_step_that_fails_leaves_nothing(history):
    before, steps, revision = values(history), history.steps, history.revision

    def fail_half_way():
        with history.step("third") as put:
            put(MASK, 1, 3, None)
            put(MASK, 1, 9, record(3))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert values(history) == before
    assert history.steps == steps
    assert history.revision > revision, "what was planned meanwhile may have seen the values"


def test_a_step_without_a_change_is_none_and_keeps_redo(history):
    history.undo()
    with history.step("nothing") as put:
        put(OBJECT, 1, WHOLE, ObjectRecord("liver", (1.0, 0.0, 0.0)))
        put(LOCK, 1, 9, None)
    assert [step.name for step in history.steps] == ["first"]
    assert [step.name for step in history.undone] == ["second"]
    with history.step("third") as put:
        put(LOCK, 1, 3, 1)
    assert history.undone == ()


def test_numbers_of_numpy_are_kept_as_plain_ones(history):
    with history.step("third") as put:
        put(LOCK, np.int64(1), np.int32(3), 2)
    (change,) = history.steps[-1].changes
    assert (type(change.obj_id), type(change.frame)) == (int, int)


def test_a_log_is_complete_until_its_oldest_steps_go():
    history = History(budget_bytes=500)
    for n in range(1, 4):
        with history.step("edit") as put:
            put(MASK, 1, 3, record(n))
        assert history.is_complete == (n < 3)
    assert history.truncated
    # Each change counts 200 bytes and its one run of two int32.
    assert len(history.steps) == 2
    history.undo()
    history.undo()
    assert history.get(MASK, 1, 3) == record(1)


def test_steps_that_were_undone_for_good_leave_room():
    history = History(budget_bytes=700)
    for n in range(1, 4):
        with history.step("edit") as put:
            put(MASK, 1, 3, record(n))
        if n < 3:
            history.undo()
    with history.step("edit") as put:
        put(MASK, 1, 4, record(1))
    assert not history.truncated
    assert len(history.steps) == 2


def test_the_last_step_stays_whatever_the_budget():
    history = History(budget_bytes=0)
    with history.step("edit") as put:
        put(MASK, 1, 3, record(1))
    assert len(history.steps) == 1


class Journal:
    def __init__(self):
        self.calls = []
        self.refuses = False

    def _note(self, *call):
        if self.refuses:
            raise OSError("full")
        self.calls.append(call)

    def append(self, step, changes):
        self._note("append", step.name, len(changes))

    def mark(self, step, changes, *, done):
        self._note("mark", step.name, done)

    def forget(self, steps):
        self._note("forget", *(step.name for step in steps))

    def rewrite(self, history):
        self._note("rewrite", len(history.steps))


def test_the_journal_is_told_of_everything(history):
    journal = Journal()
    history.bind(journal)
    history.undo()
    with history.step("third") as put:
        put(LOCK, 1, 3, 1)
    assert journal.calls == [("mark", "second", False), ("append", "third", 1), ("forget", "second")]


def test_what_the_journal_refused_is_written_with_the_next_step(history):
    journal = Journal()
    history.bind(journal)
    journal.refuses = True
    with pytest.raises(OSError, match="full"), history.step("third") as put:
        put(LOCK, 1, 3, 1)
    assert history.get(LOCK, 1, 3) == 1
    journal.refuses = False
    history.undo()
    assert journal.calls == [("rewrite", 2)]
    history.redo()
    assert journal.calls[1:] == [("mark", "third", True)]


def test_a_change_knows_its_kind():
    change = Change(LOCK, 1, 3, None, 1)
    assert is_of(change, LOCK)
    assert not is_of(change, MASK)
