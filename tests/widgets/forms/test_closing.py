"""Docks and layers that go away while something is shown or computed."""

from __future__ import annotations

import threading

import numpy as np

from napari_sam2.analysis import measured_labels


def test_a_dock_that_is_closed_takes_its_preview_along(form_desk) -> None:
    form_desk.show("ct_abdomen")
    dock = form_desk.open("Change masks")
    dock.preview_button.click()
    form_desk.settle()
    assert len(form_desk.viewer.layers) == 3
    form_desk.viewer.window.remove_dock_widget(dock)
    assert [layer.name for layer in form_desk.viewer.layers] == ["ct_abdomen", "truth"]
    # It hears of layers no more, nor of strokes.
    form_desk.labels.selected_label = 4
    form_desk.viewer.add_labels(np.zeros((2, 2), np.uint8))
    assert dock.choice.objects.value == [1]
    again = form_desk.open("Change masks")
    assert again is not dock
    assert again.choice.objects.value == [4]


def test_what_a_closed_dock_computed_is_dropped(form_desk, monkeypatch) -> None:
    form_desk.show("ct_abdomen")
    dock = form_desk.open("Measure objects")
    gate, measure = threading.Event(), measured_labels.measure_objects

    def slow(*arguments, **options):
        assert gate.wait(30)
        return measure(*arguments, **options)

    monkeypatch.setattr(measured_labels, "measure_objects", slow)
    dock.form.call_button.native.click()
    form_desk.viewer.window.remove_dock_widget(dock)
    gate.set()
    form_desk.settle()
    assert [layer.name for layer in form_desk.viewer.layers] == ["ct_abdomen", "truth"]
    assert list(form_desk.labels.features.columns) == ["index", "name"]


def test_layers_may_go_at_any_time(form_desk) -> None:
    form_desk.show("ct_abdomen")
    dock = form_desk.open("Change masks")
    dock.preview_button.click()
    form_desk.settle()
    form_desk.viewer.layers.remove("preview: Keep the largest part")
    assert not dock.drop_button.isEnabled()
    dock.preview_button.click()
    form_desk.viewer.layers.remove("truth")
    form_desk.settle()
    assert [layer.name for layer in form_desk.viewer.layers] == ["ct_abdomen"]
    assert dock.values is None
    dock.apply_button.click()
    assert dock.status.text().startswith("There are no labels to change.")
    form_desk.show("ct_abdomen", labels="new")
    assert dock.choice.objects.choices == tuple(range(1, 9))
    assert dock.values is not None


def test_a_result_of_labels_that_were_removed_is_shown_in_the_table_alone(form_desk) -> None:
    form_desk.show("ct_abdomen")
    dock = form_desk.open("Measure objects")
    dock.form.call_button.native.click()
    form_desk.viewer.layers.remove("truth")
    assert "8 objects" in form_desk.settle()
    assert [layer.name for layer in form_desk.viewer.layers] == ["ct_abdomen"]
    dock.results.objects.row_clicked.emit(0)
    assert form_desk.press().startswith("There are no labels to measure.")
