"""What a controller gets of the others: the queue, the words of the status line, and signals for the rest."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from napari_sam2.errors import SessionBusyError
from napari_sam2.widgets.controllers.context import ControllerContext


class Queue:
    """Works at once."""

    busy = False

    def submit(self, job, done, text, key=None):
        done(job())


@pytest.fixture
def worker():
    return SimpleNamespace(closed=False)


@pytest.fixture
def context(qapp, worker):
    selection = SimpleNamespace(layer_group="workspace", worker=worker)
    return ControllerContext(
        selection, SimpleNamespace(obj_id=3, positive=False), SimpleNamespace(running=True), Queue()
    )


def heard(signal):
    calls = []
    signal.connect(lambda *values: calls.append(values))
    return calls


def test_it_tells_the_current_object_and_what_goes_on(context):
    assert (context.current_object, context.positive, context.running, context.working) == (3, False, True, False)


def test_what_comes_of_a_job_is_told_with_its_session(context, worker):
    updated = heard(context.updated)
    context.submit(lambda h: (h, "update"), "Working…")
    assert updated == [("workspace", worker, (worker, "update"))]


def test_a_job_takes_the_words_on_the_act_before_away_unless_they_are_to_be_kept(context):
    context.show_message("Saved.")
    context.submit(lambda h: None, "Working…", keep_message=True)
    assert context.last_message == "Saved."
    context.submit(lambda h: None, "Working…")
    assert context.last_message == ""


def test_nothing_is_done_without_an_image(context):
    context.selection.layer_group = None
    updated = heard(context.updated)
    context.show_message("Saved.")
    context.submit(lambda h: "update", "Working…")
    assert (updated, context.last_message) == ([], "Saved.")


def test_a_session_that_was_closed_meanwhile_is_left_alone(context, worker):
    updated = heard(context.updated)

    def close(h):
        h.closed = True
        raise SessionBusyError("Closed.")

    context.submit(close, "Working…")
    context.submit(lambda h: "update", "Working…")
    assert updated == []


def test_a_session_that_is_busy_and_open_says_so(context):
    def refuse(h):
        raise SessionBusyError("A run is under way.")

    with pytest.raises(SessionBusyError, match="A run is under way"):
        context.submit(refuse, "Working…")


def test_saying_something_asks_for_the_views_to_be_drawn(context):
    changed = heard(context.changed)
    context.set_last_message("Later.")
    assert changed == []
    context.show_message("Now.")
    assert (len(changed), context.last_message) == (1, "Now.")


def test_an_error_is_handed_on(context):
    failed, error = heard(context.failed), SessionBusyError("A run is under way.")
    context.report(error)
    assert failed == [(error,)]
