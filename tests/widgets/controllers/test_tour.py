"""The tour through the CT sample."""

from __future__ import annotations

import pytest

from napari_sam2.widgets.controllers.tour import KIDNEY_FRAME
from support.driver import WidgetDriver
from support.predictors import FakePredictor


@pytest.fixture
def driver(make_napari_viewer, qtbot):
    made = WidgetDriver.show(make_napari_viewer(), None, FakePredictor(shift=0), qtbot)
    yield made
    made.close()


def step(driver):
    driver.settle()
    driver.qtbot.wait(30)
    return driver.widget.tour.count_label.text()


def test_next_does_each_step_on_the_real_sample_and_the_panel(driver):
    card = driver.widget.tour
    driver.widget.steps.tour_button.click()
    assert step(driver) == "1 of 7"
    assert card._border.parent() is driver.widget.steps.sample_button
    card.next_button.click()
    assert step(driver) == "2 of 7"
    assert driver.controller.selection.image.name == "CT abdomen"
    card.next_button.click()
    assert driver.controller.tools.active_tool() == "box"
    assert step(driver) == "3 of 7"
    card.next_button.click()
    assert step(driver) == "4 of 7"
    assert driver.filled() == [KIDNEY_FRAME]
    assert card._border.parent() is driver.widget.run.both_button
    card.next_button.click()
    assert step(driver) == "5 of 7"
    assert len(driver.filled()) == 48
    card.next_button.click()
    assert step(driver) == "6 of 7"
    driver.show_frame(10)
    card.next_button.click()
    assert step(driver) == "7 of 7"
    assert driver.session.scores(1).locked[10]
    card.next_button.click()
    assert not card.isVisibleTo(driver.widget)
    assert not driver.controller.tour.is_on


def test_what_the_user_does_goes_on_by_itself_and_the_tour_can_be_ended(driver):
    driver.widget.header.tour_entry.click()
    driver.widget.steps.sample_button.click()
    assert step(driver) == "2 of 7"
    driver.press("B")
    assert step(driver) == "3 of 7"
    driver.drag(20, 60, 60, 90, 90)
    assert step(driver) == "4 of 7"
    driver.widget.tour.close_button.click()
    assert not driver.widget.tour.isVisibleTo(driver.widget)
    assert driver.widget.tour._border is None
