"""One click for one object, divisions, tracks, and the limit by intensity."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.layers.extra_layers import DAUGHTERS_NAME, TRACKS_NAME
from napari_sam2.widgets.views.labels_dialog import LabelsDialog
from napari_sam2.widgets.views.range_dialog import RangeDialog

FILM = {"axis_labels": ("t", "y", "x")}


def why(button):
    return "" if button.isEnabled() else button.toolTip().split("Not now: ")[1]


def test_each_click_begins_the_next_object_also_after_each_answer(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.widget.many.each_click_box.setChecked(True)
    driver.controller.tools.activate("point")
    for y in (5, 12, 19, 26):
        driver.click(3, y, 10)
    assert {i: o.prompts for i, o in driver.session.objects.items()} == {1: 1, 2: 1, 3: 1, 4: 1}
    # A label that is picked on the labels layer is the current object all the same.
    driver.layer_group.labels.selected_label = 3
    assert driver.controller.tools.obj_id == 3


def test_each_click_begins_the_next_object_even_if_clicks_come_fast(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.widget.many.each_click_box.setChecked(True)
    driver.controller.tools.activate("point")
    for y in (5, 15, 25):
        driver.layer_group.points.add(np.array([3, y, 10.0]))
    driver.settle()
    assert {i: o.prompts for i, o in driver.session.objects.items()} == {1: 1, 2: 1, 3: 1}
    assert driver.controller.tools.obj_id == 4
    driver.widget.many.each_click_box.setChecked(False)
    driver.click(3, 35, 40)
    driver.click(3, 36, 40)
    assert driver.session.objects[4].prompts == 1
    assert driver.controller.tools.obj_id == 4


def test_each_click_begins_the_next_object_also_after_an_undo_and_a_refused_click(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.widget.many.each_click_box.setChecked(True)
    driver.click(3, 5, 5)
    driver.click(3, 5, 20)
    driver.press("Control-Z")
    driver.click(3, 5, 35)
    driver.click(3, 5, 70)
    driver.click(3, 30, 5)
    driver.click(3, 30, 20)
    found = driver.layer_group.points.features["obj"].tolist()
    assert len(found) == len(set(found)) == 4


def test_a_click_outside_belongs_to_the_object_and_a_moved_point_begins_none(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(3, 5, 10)
    driver.widget.many.each_click_box.setChecked(True)
    driver.controller.tools.set_positive(False)
    driver.click(3, 30, 30)
    driver.layer_group.points.data = driver.layer_group.points.data + 0.5
    driver.settle()
    assert driver.controller.tools.obj_id == 1
    assert list(driver.session.objects) == [1]


@pytest.fixture
def film(make_driver, volume_data):
    """A time-lapse with an object that was followed through it."""
    driver = make_driver(volume_data, **FILM)
    driver.click(2, 20, 25)
    driver.controller.propagate("both")
    driver.settle()
    return driver


def test_two_clicks_divide_the_current_object(film):
    film.show_frame(6)
    film.widget.many.divide_button.click()
    assert film.widget.many.divide_button.text() == "Cancel division"
    assert film.widget.header.hint_label.text().startswith("Click into each of the two daughters of ")
    layer = film.viewer.layers[DAUGHTERS_NAME]
    layer.add(np.array([6, 10.0, 12.0]))
    layer.add(np.array([6, 30.0, 40.0]))
    film.qtbot.waitUntil(lambda: DAUGHTERS_NAME not in film.viewer.layers, timeout=5000)
    film.settle()
    assert film.session.lineage == {2: 1, 3: 1}
    assert film.controller.context.current_object == 2
    assert film.widget.header.hint_label.text().startswith("Looks right? Propagate")
    assert (film.labels[6, 10, 12], film.labels[6, 30, 40]) == (2, 3)
    assert film.filled(1) == list(range(6))
    assert film.widget.many.divide_button.text() == "Divide here…"
    film.widget.many.show_tracks_button.click()
    film.settle()
    tracks = film.viewer.layers[TRACKS_NAME]
    assert tracks.graph == {2: [1], 3: [1]}
    assert tracks.data[0].tolist() == [1, 0, 20, 25]


def test_a_division_can_be_called_off(film):
    film.widget.many.divide_button.click()
    film.widget.many.divide_button.click()
    assert DAUGHTERS_NAME not in film.viewer.layers
    assert film.session.lineage == {}


def test_tracks_are_written(film, tmp_path, monkeypatch):
    path = tmp_path / "cells.csv"
    monkeypatch.setattr("qtpy.QtWidgets.QFileDialog.getSaveFileName", lambda *_: (str(path), ""))
    film.widget.many.save_tracks_button.click()
    film.settle()
    assert len(path.read_text().splitlines()) == 13
    assert "Saved" in film.widget.status.text()


def test_a_volume_has_no_tracks_and_that_is_said(make_driver, volume_data):
    driver = make_driver(volume_data)
    assert why(driver.widget.many.show_tracks_button) == "the image has no time."
    assert why(driver.widget.many.divide_button) == "the current object has nothing yet."


def test_all_labels_of_a_layer_are_tracked(make_driver, volume_data, monkeypatch):
    driver = make_driver(volume_data)
    given = np.zeros(volume_data.shape, np.uint8)
    given[5, 2:8, 2:8], given[5, 20:30, 20:30], given[6, 35:, 35:] = 4, 9, 7
    driver.viewer.add_labels(given, name="given")
    driver.show_frame(5)
    monkeypatch.setattr(LabelsDialog, "exec", lambda dialog: True)
    driver.widget.many.track_all_button.click()
    driver.settle()
    assert list(driver.session.objects) == [4, 9]
    assert driver.filled(4) == driver.filled(9) == list(range(12))


def test_an_object_is_limited_to_what_its_mask_holds(make_driver, monkeypatch):
    bright = np.full((8, 40, 50), 10, np.int16)
    bright[:, 10:30, 25:] = 500
    driver = make_driver(bright, contrast_limits=(0, 600))
    driver.click(3, 20, 25)
    driver.show_frame(3)
    assert driver.labels[3, 20, 22] == 1

    def answer(dialog):
        assert dialog.from_mask.isEnabled()
        dialog.fields.low.value, dialog.fields.use_high.value = 100, False
        return True

    monkeypatch.setattr(RangeDialog, "exec", answer)
    driver.widget.many.range_button.click()
    driver.settle()
    assert driver.session.intensity_range(1).to_list() == [100, None]
    assert driver.labels[3, 20, 22] == 0
    assert driver.labels[3, 20, 26] == 1
