"""The panel to finish an object, in a real window."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from napari_sam2.layers.onion_skin import NAME
from support.predictors import FakePredictor, FakeStream


class CheckingStream(FakeStream):
    """Says of each mask how far it is from the anchor, once it is let."""

    def check(self, anchor, mask, tracked, *, stride=1):
        for frame in sorted(tracked):
            self.owner.may_check.wait(10)
            yield frame, 1 - abs(frame - anchor) / 20


class CheckingPredictor(FakePredictor):
    stream_type = CheckingStream

    def __init__(self):
        super().__init__(shift=0, radius=4)
        self.may_check = threading.Event()
        self.may_check.set()


@pytest.fixture
def predictor():
    return CheckingPredictor()


@pytest.fixture
def driver(make_driver, volume_data):
    """Object 1 is marked on slices 3 and 7."""
    driver = make_driver(volume_data)
    driver.drag(3, 8, 8, 18, 20)
    driver.drag(7, 8, 8, 22, 24)
    return driver


def run(driver):
    driver.controller.propagate("both")
    driver.settle()


def skin(driver):
    layers = [layer for layer in driver.viewer.layers if layer.name == NAME]
    assert len(layers) <= 1
    return sorted(layers[0].features["frame"][: layers[0].nshapes]) if layers else None


def test_gaps_are_interpolated_by_one_step(driver):
    panel = driver.widget.finish
    assert driver.filled() == [3, 7]
    panel.interpolate_button.click()
    driver.settle()
    assert driver.filled() == [3, 4, 5, 6, 7]
    areas = [np.count_nonzero(driver.labels[f]) for f in (3, 4, 5, 6, 7)]
    assert areas == sorted(areas)
    assert areas[0] < areas[2] < areas[4]
    assert driver.session.steps[-1].name == "interpolate"
    driver.controller.step(back=True)
    driver.settle()
    assert driver.filled() == [3, 7]


def test_buttons_say_why_they_cannot_be_used(make_driver, volume_data):
    driver = make_driver(volume_data)
    panel = driver.widget.finish
    assert not panel.interpolate_button.isEnabled()
    assert "mark something first" in panel.form.memory.native.toolTip()
    driver.drag(3, 8, 8, 18, 20)
    assert "two accepted slices, and the object has 1" in panel.interpolate_button.toolTip()
    assert "no tracked slices" in panel.check_button.toolTip()
    driver.drag(4, 8, 8, 18, 20)
    assert "no other slices lie between" in panel.interpolate_button.toolTip()
    driver.drag(6, 8, 8, 18, 20)
    assert panel.interpolate_button.isEnabled()
    assert "Not now" not in panel.interpolate_button.toolTip()


def test_a_check_shows_how_well_the_way_back_agrees(driver):
    run(driver)
    before = driver.labels.copy()
    driver.widget.finish.check_button.click()
    driver.settle()
    back = driver.session.scores(1)["back"].dropna()
    assert set(back.index) == set(range(12)) - {3, 7}
    assert np.array_equal(driver.labels, before)
    shown = dict(zip(*driver.widget.review.strip.back.getData(), strict=True))
    assert shown == dict(back)
    assert driver.widget.finish.check_button.text() == "Check"
    assert "Checked 10 slices; the way back agrees least from slice 11: IoU 0.80." in driver.widget.status.text()


def test_a_check_can_be_ended_and_keeps_what_was_found(driver, predictor, qtbot):
    run(driver)
    predictor.may_check.clear()
    panel = driver.widget.finish
    panel.check_button.click()
    assert panel.check_button.text() == "Stop checking"
    panel.check_button.click()
    predictor.may_check.set()
    driver.settle()
    assert driver.session.scores(1)["back"].count() == 1
    assert panel.check_button.text() == "Check"
    assert panel.progress.isHidden()


def test_a_check_makes_way_for_a_mark_and_goes_on_with_the_rest(driver, predictor, qtbot):
    run(driver)
    predictor.may_check.clear()
    panel = driver.widget.finish
    panel.check_button.click()
    driver.controller.objects.add()
    driver.layer_group.boxes.add_rectangles(np.array([(3, 24, 30), (3, 24, 40), (3, 34, 40), (3, 34, 30)], float))
    qtbot.waitUntil(lambda: driver.controller.context.work_waits, timeout=5000)
    predictor.may_check.set()
    driver.settle()
    assert driver.filled(2) == [3]
    first = driver.session.scores(1)["back"].dropna()
    assert len(first) == 1
    driver.controller.objects.choose(1)
    panel.check_button.click()
    driver.settle()
    assert driver.session.scores(1)["back"].count() == 10
    assert driver.controller.finishing._progress == (9, 9)


def test_the_onion_skin_follows_what_is_accepted(driver, qtbot):
    box = driver.widget.finish.form.onion_skin
    driver.show_frame(5)
    assert skin(driver) is None
    box.value = True
    qtbot.waitUntil(lambda: skin(driver) == [3, 7], timeout=5000)
    active = driver.viewer.layers.selection.active
    driver.drag(6, 8, 8, 18, 20)
    driver.show_frame(5)
    qtbot.waitUntil(lambda: skin(driver) == [3, 6], timeout=5000)
    assert driver.viewer.layers.selection.active is active
    driver.controller.objects.add()
    qtbot.waitUntil(lambda: skin(driver) == [], timeout=5000)
    driver.controller.objects.choose(1)
    qtbot.waitUntil(lambda: skin(driver) == [3, 6], timeout=5000)
    box.value = False
    qtbot.waitUntil(lambda: skin(driver) is None, timeout=5000)


def test_closing_takes_the_onion_skin_away(driver, qtbot):
    driver.widget.finish.form.onion_skin.value = True
    driver.show_frame(5)
    qtbot.waitUntil(lambda: skin(driver) == [3, 7], timeout=5000)
    driver.close()
    assert skin(driver) is None


def test_limits_and_memory_are_those_of_the_session(driver):
    form = driver.widget.finish.form
    assert (form.neighbours.value, form.memory.value) == ("limit", "meta")
    form.neighbours.value = "free"
    form.memory.value = "selected"
    form.click_mask.value = "single"
    driver.settle()
    rules = driver.session.neighbours, driver.session.memory, driver.session.click_mask
    assert rules == ("free", "selected", "single")
    assert not form.motion.enabled
    assert "not followed through time" in form.motion.native.toolTip()
    driver.session.memory = "distractor"
    driver.controller.refresh()
    assert (form.neighbours.value, form.memory.value) == ("free", "distractor")


def test_no_object_is_where_a_layer_says_not_here(driver):
    where = np.zeros(driver.labels.shape, np.uint8)
    where[:, 12:] = 1
    layer = driver.viewer.add_labels(where, name="bone")
    panel = driver.widget.finish
    driver.controller.refresh()
    assert list(panel.form.not_here.choices) == ["", layer]
    panel.form.not_here.value = layer
    panel.forbid_button.click()
    driver.settle()
    assert driver.session.forbidden(5)[12:].all()
    assert not driver.session.forbidden(5)[:12].any()
    assert panel.form.not_here.value is layer
    run(driver)
    assert not driver.labels[5, 12:].any()
    assert driver.labels[5, :12].any()
    panel.form.not_here.value = ""
    panel.forbid_button.click()
    driver.settle()
    assert driver.session.forbidden(5) is None


def test_a_review_stands_in_the_session(driver):
    panel = driver.widget.finish
    panel.form.review.value = "needs edit"
    driver.settle()
    panel.form.comment.native.setText("lower pole")
    panel.form.comment.native.editingFinished.emit()
    driver.settle()
    found = driver.session.reviews[1]
    assert (found.state, found.comment) == ("needs edit", "lower pole")
    steps = len(driver.session.steps)
    panel.form.comment.native.editingFinished.emit()
    driver.settle()
    assert len(driver.session.steps) == steps
    driver.controller.objects.add()
    assert not panel.form.review.native.isEnabled()
    assert (panel.form.review.value, panel.form.comment.value) == ("", "")
    driver.controller.objects.choose(1)
    assert (panel.form.review.value, panel.form.comment.value) == ("needs edit", "lower pole")
    panel.form.review.value = ""
    driver.settle()
    assert driver.session.reviews == {}
