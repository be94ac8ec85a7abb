"""Measure objects: tables, lines on slices, curves, files, and only what has changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QFileDialog

import napari_sam2 as ns
from napari_sam2.core.volume import ImageVolume
from napari_sam2.layers.geometry import same_place
from napari_sam2.layers.volume_layers import layer_data
from support.menus import open_dock
from support.pet import HALF, pet_series


def headers(table):
    model = table.model()
    return [model.headerData(i, Qt.Orientation.Horizontal) for i in range(model.columnCount())]


def test_the_organs_of_a_ct_are_measured(form_desk) -> None:
    found = form_desk.show("ct_abdomen")
    dock = form_desk.open("Measure objects")
    assert "8 objects, all measured anew" in form_desk.press()
    shown = dock.results.objects.table
    expected = ns.measure_objects(found.truth, found.volume, found.names)
    for column in expected.columns:
        assert shown[column].tolist() == pytest.approx(expected[column].tolist(), nan_ok=True), column
    lesion = ns.measure_diameters(found.truth, found.volume, 7)
    row = shown[shown["object"] == 7].iloc[0]
    assert (row["long_axis_mm"], row["short_axis_mm"]) == (lesion.long.length, lesion.short.length)
    assert (row["slice_axis"], row["slice"]) == ("z", lesion.slice_index)
    texts = headers(dock.results.objects)
    assert {"volume_ml", "surface_mm2", "mean_intensity [HU]"} <= set(texts)
    assert texts.index("mean_intensity [HU]") < texts.index("extent_z_mm")
    assert dock.results.objects.model().index(6, 1).data() == "liver lesion"
    features = form_desk.labels.features.set_index("index")
    assert features.loc[1, "volume_ml"] == pytest.approx(expected["volume_ml"][0])
    assert features.loc[1, "name"] == "liver"
    assert not [c for c in features.columns if str(c).startswith("centroid")]


def test_diameters_are_drawn_on_their_slices(form_desk) -> None:
    found = form_desk.show("ct_abdomen")
    dock = form_desk.open("Measure objects")
    form_desk.press()
    lines = form_desk.viewer.layers["truth diameters"]
    assert same_place(lines, form_desk.image)
    rows = lines.features
    number = int(np.flatnonzero((rows["object"] == 7) & (rows["axis"] == "long"))[0])
    lesion = ns.measure_diameters(found.truth, found.volume, 7)
    assert np.asarray(lines.data[number]) == pytest.approx(np.array([lesion.long.start, lesion.long.end]))
    world = [lines.data_to_world(end) for end in lines.data[number]]
    assert np.linalg.norm(np.subtract(*world)) == pytest.approx(lesion.long.length, rel=1e-4)
    assert rows["text"][number] == f"{lesion.long.length:.1f} × {lesion.short.length:.1f} mm"
    own = form_desk.labels.get_color(7)[:3]
    assert lines.edge_color[number][:3] == pytest.approx((own + 1) / 2)
    # A second time they are replaced.
    form_desk.press()
    assert [layer.name for layer in form_desk.viewer.layers] == ["ct_abdomen", "truth", "truth diameters"]
    dock.form.diameters.value = False
    form_desk.press()
    assert [layer.name for layer in form_desk.viewer.layers] == ["ct_abdomen", "truth"]


def test_only_what_was_painted_is_measured_anew(form_desk, monkeypatch) -> None:
    form_desk.show("ct_abdomen")
    dock = form_desk.open("Measure objects")
    form_desk.press()
    before = dock.results.objects.table
    asked = []
    measure = ns.analysis.measured_labels.measure_objects

    def counted(*arguments, objects=None, **options):
        asked.extend([] if objects is None else objects)
        return measure(*arguments, objects=objects, **options)

    monkeypatch.setattr("napari_sam2.analysis.measured_labels.measure_objects", counted)
    form_desk.labels.data[30, 90:92, 40:42] = 8
    said = form_desk.press()
    # The gallbladder grew, and the liver that it was painted over shrank.
    assert sorted(asked) == [1, 8]
    assert "2 measured anew" in said
    after = dock.results.objects.table
    assert (after["voxels"] - before["voxels"]).tolist() == [-4, 0, 0, 0, 0, 0, 0, 4]
    asked.clear()
    dock.form.intensity.value = False
    form_desk.press()
    assert sorted(asked) == list(range(1, 9))


def test_a_time_lapse_has_speeds_and_its_plot_is_saved(form_desk, tmp_path, monkeypatch) -> None:
    found = form_desk.show("dividing_cells")
    dock = form_desk.open("Measure objects")
    form_desk.press()
    expected = ns.measure_frames(found.truth, found.volume, found.names)
    assert dock.results.frames.table["speed_um_per_s"].tolist() == pytest.approx(
        expected["speed_um_per_s"].tolist(), nan_ok=True
    )
    assert dock.results.tabs.tabText(1) == "Frames"
    plot = dock.results.plot
    plot.quantity.setCurrentIndex(plot.quantity.findData("displacement_um"))
    own = expected[expected["object"] == 1]
    x, y = plot.curves[1].getData()
    assert x.tolist() == own["frame"].tolist()
    assert y.tolist() == pytest.approx(own["displacement_um"].tolist(), nan_ok=True)
    for suffix in (".svg", ".png"):
        path = tmp_path / f"curves{suffix}"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, path=path: (str(path), ""))
        dock.results.save_plot.click()
        assert str(path) in dock.status.text()
    assert "displacement_um" in (tmp_path / "curves.svg").read_text(encoding="utf-8")
    picture = QImage(str(tmp_path / "curves.png"))
    assert (picture.width(), picture.height()) == (1600, 1000)
    colors = {picture.pixelColor(i, j).name() for i in range(0, 1600, 2) for j in range(0, 1000, 2)}
    assert len(colors) > len(plot.curves)
    dock.save_plot(tmp_path / "curves.jpg")
    assert "cannot be written as '.jpg'" in dock.status.text()
    # Diameters belong to the time that is shown.
    lines = form_desk.viewer.layers["truth diameters"]
    shown = form_desk.viewer.dims.current_step[0]
    assert {line[0][0] for line in lines.data} == {shown}
    form_desk.viewer.dims.set_current_step(0, 2)
    assert "none measured anew" in form_desk.press()
    assert {line[0][0] for line in form_desk.viewer.layers["truth diameters"].data} == {2}


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_tables_are_saved_with_their_units(form_desk, tmp_path, monkeypatch, suffix) -> None:
    form_desk.show("ct_abdomen")
    dock = form_desk.open("Measure objects")
    form_desk.press()
    kind = {".csv": "CSV (*.csv)", ".xlsx": "Excel (*.xlsx)"}[suffix]
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "organs"), kind))
    dock.results.save_table.click()
    read = pd.read_csv if suffix == ".csv" else pd.read_excel
    objects = read(tmp_path / f"organs{suffix}")
    assert list(objects.columns) == headers(dock.results.objects)
    assert objects["volume_ml"].tolist() == pytest.approx(dock.results.objects.table["volume_ml"].tolist())
    dock.results.tabs.setCurrentIndex(1)
    dock.results.save_table.click()
    assert len(read(tmp_path / f"organs{suffix}")) == len(dock.results.frames.table) > 100


def test_a_click_on_a_row_goes_to_the_object(form_desk) -> None:
    found = form_desk.show("ct_abdomen")
    dock = form_desk.open("Measure objects")
    form_desk.press()
    table = dock.results.objects
    table.sortByColumn(list(table.table.columns).index("voxels"), Qt.SortOrder.AscendingOrder)
    # Sorted by size, the smallest first.
    smallest = int(np.argmin(np.bincount(found.truth.ravel())[1:])) + 1
    table.clicked.emit(table.model().index(0, 0))
    assert form_desk.labels.selected_label == smallest
    wanted = ns.measure_diameters(found.truth, found.volume, smallest).slice_index
    assert form_desk.viewer.dims.current_step[0] == wanted
    frames = dock.results.frames
    frames.row_clicked.emit(0)
    assert form_desk.viewer.dims.current_step[0] == frames.table["frame"][0]


def test_what_is_missing_is_said_in_a_sentence(form_desk) -> None:
    dock = form_desk.open("Measure objects")
    assert form_desk.press().startswith("There is no image.")
    form_desk.image = form_desk.viewer.add_image(np.zeros((4, 20, 30)), name="plain")
    assert form_desk.press().startswith("There are no labels to measure.")
    form_desk.viewer.add_labels(np.zeros((4, 20, 31), np.uint8), name="wide")
    assert form_desk.press().startswith("The labels 'wide' do not fit the image 'plain'")
    layer = form_desk.viewer.add_labels(np.zeros((4, 20, 30), np.uint8), name="moved", translate=(0, 5, 0))
    dock.form.labels_layer.value = layer
    assert form_desk.press().startswith("The labels 'moved' do not lie on the image 'plain'")
    layer.translate = (0, 0, 0)
    assert form_desk.press() == "The labels hold no object."
    assert not dock.results.save_table.isEnabled()
    layer.data[1, 2:5, 2:9] = 3
    assert "no physical unit" in form_desk.press()
    assert dock.results.objects.table["volume"].tolist() == [21.0]


def test_a_2d_image_has_areas(form_desk) -> None:
    form_desk.image = form_desk.viewer.add_image(np.ones((20, 30)), name="flat", scale=(0.5, 0.5), units=("mm", "mm"))
    form_desk.labels = form_desk.add(np.zeros((20, 30)), "cells")
    form_desk.labels.data[2:6, 3:11] = 1
    dock = form_desk.open("Measure objects")
    assert "1 object, all measured anew" in form_desk.press()
    row = dock.results.objects.table.iloc[0]
    assert row["area_mm2"] == pytest.approx(8.0)
    volume = ImageVolume(np.ones((20, 30)), axes="yx", spacing=(0.5, 0.5), units="mm")
    found = ns.measure_diameters(form_desk.labels.data, volume, 1)
    assert row["long_axis_mm"] == pytest.approx(found.long.length)
    assert np.asarray(form_desk.viewer.layers["cells diameters"].data[0]).shape == (2, 2)


def test_labels_of_an_image_with_channels_are_measured(form_desk) -> None:
    image = np.zeros((2, 5, 20, 30))
    image[1] = 7.0
    form_desk.image = form_desk.viewer.add_image(image, name="stains", axis_labels=("c", "z", "y", "x"))
    form_desk.labels = form_desk.add(np.zeros((1, 5, 20, 30)), "cells")
    form_desk.labels.data[0, 2, 4:8, 5:15] = 1
    dock = form_desk.open("Measure objects")
    form_desk.press()
    row = dock.results.objects.table.iloc[0]
    assert (row["voxels"], row["mean_intensity_0"], row["mean_intensity_1"]) == (40, 0.0, 7.0)
    assert np.asarray(form_desk.viewer.layers["cells diameters"].data[0])[:, :2].tolist() == [[0, 2], [0, 2]]


def test_the_menu_opens_the_dock_with_the_layers_in_it(make_napari_viewer_proxy, qtbot) -> None:
    viewer = make_napari_viewer_proxy()
    image = viewer.add_image(np.zeros((4, 8, 8)), name="ct")
    viewer.add_labels(np.ones((4, 8, 8), np.uint8), name="organs")
    open_dock("napari-sam2.measure_widget", "Measure objects")
    dock = next(iter(viewer.window.dock_widgets.values()))
    assert dock.form.image.value is image.__wrapped__
    assert dock.form.labels_layer.value.name == "organs"
    viewer.add_labels(np.ones((4, 8, 8), np.uint8), name="later")
    assert [layer.name for layer in dock.form.labels_layer.choices] == ["organs", "later"]
    dock.form.call_button.native.click()
    qtbot.waitUntil(lambda: not dock.task.running, timeout=30000)
    assert "1 object" in dock.status.text()


def test_the_window_stays_alive_and_a_run_can_be_cancelled(form_desk, monkeypatch) -> None:
    import threading

    form_desk.show("ct_abdomen")
    dock = form_desk.open("Measure objects")
    gate, measure = threading.Event(), ns.analysis.measured_labels.measure_objects

    def slow(*arguments, **options):
        assert gate.wait(30)
        return measure(*arguments, **options)

    monkeypatch.setattr("napari_sam2.analysis.measured_labels.measure_objects", slow)
    dock.form.call_button.native.click()
    assert dock.task.running
    assert not dock.form.enabled
    assert dock.cancel.isVisibleTo(dock)
    dock.cancel.click()
    gate.set()
    assert form_desk.settle() == "Cancelled."
    assert len(dock.results.objects.table) == 0
    assert dock.form.enabled
    assert "8 objects" in form_desk.press()


def test_a_pet_is_measured_in_suv_and_what_is_none_says_so(form_desk, tmp_path) -> None:
    stored = pet_series(tmp_path / "pet")
    volume = ns.read_volume(tmp_path / "pet")
    data, options, _ = layer_data(volume, "pet")
    form_desk.image = form_desk.viewer.add_image(data, **options)
    labels = np.zeros(stored.shape, np.uint16)
    labels[1, 2:4, 3:6] = 1
    form_desk.labels = form_desk.add(labels, "lesion")
    dock = form_desk.open("Measure objects")
    form_desk.press()
    in_becquerel = dock.results.objects.table["mean_intensity"][0]
    dock.form.suv.value = True
    assert "all measured anew" in form_desk.press()
    assert "mean_intensity [SUVbw g/mL]" in headers(dock.results.objects)
    assert dock.results.objects.table["mean_intensity"][0] == pytest.approx(in_becquerel * HALF)
    assert dock.results.frames.table["mean_intensity"][0] == pytest.approx(in_becquerel * HALF)
    form_desk.show("ct_abdomen")
    dock.form.image.value, dock.form.labels_layer.value = form_desk.image, form_desk.labels
    assert form_desk.press() == "There is no SUV of ct_abdomen: it is no PET series."
