"""Checking an object frame by frame: locks, cuts, the strip, and doubtful frames."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QTimer


def why(button):
    return "" if button.isEnabled() else button.toolTip().split("Not now: ")[1]


def test_l_locks_and_releases_and_a_locked_slice_refuses_marks(make_driver, volume_data, warned):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    driver.show_frame(5)
    assert driver.widget.review.lock_button.text() == "Lock (L)"
    driver.press("L")
    assert driver.widget.review.lock_button.text() == "Unlock (L)"
    driver.click(5, 30, 30)
    assert "locked" in warned[0]
    assert len(driver.layer_group.points.data) == 0
    assert driver.layer_group.boxes.nshapes == 1
    driver.press("L")
    driver.click(5, 30, 30)
    assert driver.labels[5, 30, 30] == 1


def test_lock_button_says_why_it_is_off(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    driver.show_frame(6)
    assert not driver.widget.review.lock_button.isEnabled()
    assert "no mask here" in driver.widget.review.lock_button.toolTip()


@pytest.fixture
def rest(monkeypatch):
    """``rest(driver)``: the slider has rested for long enough, which it never does by itself in a test."""
    monkeypatch.setattr("napari_sam2.widgets.controllers.review.LOOK_MS", 10**8)

    def let_rest(driver):
        timer = driver.controller.review.findChild(QTimer, "rest")
        assert timer.isActive()
        timer.stop()
        timer.timeout.emit()

    return let_rest


def test_lock_all_seen_takes_slices_where_the_slider_rested_on_the_present_mask(rest, make_driver, volume_data, warned):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    driver.show_frame(5)
    rest(driver)
    driver.show_frame(8)
    rest(driver)
    driver.controller.propagate("both")
    driver.settle()
    driver.show_frame(2)
    driver.widget.review.lock_seen_button.click()
    driver.settle()
    # The mask of 5 was there when the slider rested on it; that of 8 came later.
    assert driver.controller.selection.worker.locked(1) == {2, 5}
    for frame in (3, 4):
        driver.show_frame(frame)
        rest(driver)
    for frame in (9, 10, 11):
        driver.show_frame(frame)
    driver.show_frame(4)
    driver.widget.review.lock_seen_button.click()
    driver.settle()
    assert driver.controller.selection.worker.locked(1) == {2, 3, 4, 5}
    driver.controller.step(back=True)
    driver.settle()
    assert driver.controller.selection.worker.locked(1) == {2, 5}
    assert warned == []


def test_a_slice_counts_as_looked_at_after_a_moment(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    driver.show_frame(5)
    assert driver.controller.review.findChild(QTimer, "rest").interval() == 200
    driver.qtbot.waitUntil(lambda: driver.controller.selection.worker.has_seen(1), timeout=10000)


def test_cut_above_and_below_the_shown_slice(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    driver.controller.propagate("both")
    driver.settle()
    driver.show_frame(8)
    driver.widget.review.above_button.click()
    driver.settle()
    driver.show_frame(3)
    driver.widget.review.below_button.click()
    driver.settle()
    assert driver.filled() == list(range(3, 9))
    driver.controller.step(back=True)
    driver.settle()
    assert driver.filled() == list(range(9))


def test_the_strip_shows_figures_locks_and_marks_and_a_click_goes_there(make_driver, volume_data):
    from qtpy.QtCore import QPoint, Qt

    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    driver.controller.propagate("both")
    driver.settle()
    driver.brush(7, (30, 30), (30, 45), size=12)
    strip = driver.widget.review.strip
    assert driver.session.scores(1)["doubtful"].any()
    doubtful = driver.session.scores(1).index[driver.session.scores(1)["doubtful"]].tolist()
    assert strip.doubtful.opts["x"].tolist() == doubtful
    assert sorted([*strip.good.opts["x"], *doubtful]) == list(range(12))
    assert strip.locked.getData()[0].tolist() == [7]
    assert strip.prompted.getData()[0].tolist() == [5]
    assert strip.here.value() == 7
    driver.viewer.window.activate()
    driver.qtbot.wait(50)
    view = strip.plot.getPlotItem().vb
    place = view.mapViewToScene(view.mapToView(view.boundingRect().center()))
    place = strip.plot.mapFromScene(view.mapViewToScene(place.__class__(3, 0.5)))
    driver.qtbot.mouseClick(
        strip.plot.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(round(place.x()), round(place.y()))
    )
    driver.qtbot.waitUntil(lambda: driver.controller.selection.shown_frame() == 3, timeout=2000)
    assert strip.here.value() == 3


def test_n_goes_round_the_doubtful_slices(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    driver.controller.propagate("both")
    driver.settle()
    driver.show_frame(0)
    driver.press("N")
    assert driver.controller.selection.shown_frame() == 0
    assert "Nothing is doubtful" in driver.widget.status.text()
    driver.brush(7, (30, 30), (30, 45), size=20)
    doubtful = driver.session.scores(1).index[driver.session.scores(1)["doubtful"]].tolist()
    assert doubtful == [6, 8]
    for expected in (8, 6, 8):
        driver.press("N", driver.layer_group.labels)
        assert driver.controller.selection.shown_frame() == expected
        assert f"Slice {expected}: the area changes 3" in driver.widget.status.text()


def test_review_buttons_can_be_pressed_where_they_do_something(make_driver, volume_data):
    driver = make_driver(volume_data)
    review = driver.widget.review
    driver.controller.selection.show_frame(6)
    driver.click(6, 20, 25)
    assert review.lock_button.isEnabled()
    assert why(review.doubtful_button) == "no slice of it is doubtful."
    assert "higher number" in why(review.above_button)
    assert "lower number" in why(review.below_button)
    driver.controller.propagate("both")
    driver.settle()
    assert review.above_button.isEnabled()
    assert review.below_button.isEnabled()
    driver.controller.selection.show_frame(0)
    driver.settle()
    assert review.above_button.isEnabled()
    assert not review.below_button.isEnabled()


def test_next_doubtful_goes_on_with_the_other_objects(make_driver, volume_data, monkeypatch):
    driver = make_driver(volume_data)
    driver.click(5, 10, 10)
    driver.controller.objects.add()
    driver.click(5, 30, 40)
    driver.controller.propagate("both")
    driver.settle()
    doubtful = {1: [2], 2: [4, 9]}
    scores = type(driver.controller.selection.worker).scores

    def some(worker, obj_id):
        return scores(worker, obj_id).assign(doubtful=lambda table: table.index.isin(doubtful[obj_id]))

    monkeypatch.setattr("napari_sam2.interaction.session_worker.SessionWorker.scores", some)
    driver.controller.objects.choose(1)
    driver.show_frame(0)
    visited = []
    for _ in range(4):
        driver.press("N")
        visited.append((driver.controller.tools.obj_id, driver.controller.selection.shown_frame()))
    assert visited == [(1, 2), (2, 4), (2, 9), (1, 2)]
