"""Compare labels: agreement of objects and frames, the layer of differences, and what cannot be compared."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import napari_sam2 as ns
from napari_sam2.analysis.differences import FALSE_NEGATIVE, FALSE_POSITIVE, label_differences
from napari_sam2.core.volume import ImageVolume
from napari_sam2.layers.geometry import same_place


@pytest.fixture
def moved(form_desk):
    """The CT sample with a second layer: everything three columns to the side."""
    found = form_desk.show("ct_abdomen")
    form_desk.add(np.roll(found.truth, 3, axis=2), "model")
    dock = form_desk.open("Compare labels")
    dock.form.labels_layer.value = form_desk.viewer.layers["model"]
    dock.form.truth.value = form_desk.labels
    return found


def test_objects_and_slices_are_compared(form_desk, moved, tmp_path) -> None:
    dock = form_desk.dock
    dock.form.tolerance.value = 2.0
    assert dock.form.tolerance.native.text().endswith(" mm")
    said = form_desk.press()
    ours = form_desk.viewer.layers["model"].data
    expected = ns.compare_labels(ours, moved.truth, moved.volume, tolerance_mm=2.0)
    shown = dock.results.objects.table
    for column in expected.columns:
        assert shown[column].tolist() == pytest.approx(expected[column].tolist(), nan_ok=True), column
    assert shown["name"].tolist() == list(moved.names.values())
    assert f"mean Dice {expected['dice'].mean():.3f}" in said
    by_slice = ns.compare_frames(ours, moved.truth, moved.volume, tolerance_mm=2.0)
    assert dock.results.frames.table["surface_dice"].tolist() == pytest.approx(by_slice["surface_dice"].tolist())
    assert dock.results.plot.quantity.currentData() == "dice"
    dock.save_table(tmp_path / "agreement.csv", shown)
    assert pd.read_csv(tmp_path / "agreement.csv")["hd95_mm"].tolist() == pytest.approx(shown["hd95_mm"].tolist())


def test_differences_lie_on_the_labels_in_the_colours_of_the_legend(form_desk, moved) -> None:
    dock = form_desk.dock
    form_desk.press()
    model = form_desk.viewer.layers["model"]
    shown = form_desk.viewer.layers["model – truth"]
    assert np.array_equal(shown.data, label_differences(model.data, moved.truth, moved.volume))
    assert same_place(shown, form_desk.image)
    legend = dock.legend.text()
    for number, name in ((FALSE_POSITIVE, "false positive"), (FALSE_NEGATIVE, "false negative")):
        color = "#" + "".join(f"{round(255 * v):02x}" for v in shown.get_color(number)[:3])
        assert f"{color}" in legend.partition(f"</span> {name}")[0].rpartition("<span")[2]
    assert dock.legend.isVisibleTo(dock)
    model.data[:] = moved.truth
    form_desk.press()
    assert [layer.name for layer in form_desk.viewer.layers].count("model – truth") == 1
    assert set(np.unique(form_desk.viewer.layers["model – truth"].data)) == {0, 1}


def test_objects_with_other_numbers_are_matched_by_overlap(form_desk, moved) -> None:
    dock = form_desk.dock
    model = form_desk.viewer.layers["model"]
    model.data = np.where(moved.truth, moved.truth.astype(np.uint16) + 100, 0)
    assert "mean Dice 0.000" in form_desk.press()
    dock.form.match.value = "overlap"
    assert "mean Dice 1.000" in form_desk.press()
    table = dock.results.objects.table
    assert table[["object", "truth_object"]].values.tolist() == [[i + 100, i] for i in range(1, 9)]
    assert table["name"].tolist() == list(moved.names.values())


def test_what_cannot_be_compared_is_said_in_a_sentence(form_desk) -> None:
    dock = form_desk.open("Compare labels")
    assert form_desk.press().startswith("There are no labels to compare.")
    first = form_desk.viewer.add_labels(np.ones((4, 20, 30), np.uint8), name="first")
    assert form_desk.press().startswith("A layer cannot be compared with itself.")
    form_desk.viewer.add_labels(np.ones((4, 20, 31), np.uint8), name="wide")
    # Two different layers are offered where there are two.
    assert (dock.form.labels_layer.value, dock.form.truth.value.name) == (first, "wide")
    assert form_desk.press().startswith("The labels 'first' and 'wide' are on different grids")
    other = form_desk.viewer.add_labels(np.ones((4, 20, 30), np.uint8), name="moved", scale=(1, 2, 1))
    dock.form.truth.value = other
    assert "do not lie at the same place" in form_desk.press()
    other.scale = (1, 1, 1)
    assert dock.form.tolerance.native.suffix() == ""
    assert "no physical unit" in form_desk.press()


def test_a_tolerance_in_micrometres_is_one(form_desk) -> None:
    place = {"scale": (0.5, 0.5), "units": ("um", "um")}
    data = np.zeros((30, 30), np.uint8)
    data[5:20, 5:20] = 1
    form_desk.viewer.add_labels(data, name="first", **place)
    form_desk.viewer.add_labels(np.roll(data, 3, axis=0), name="second", **place)
    dock = form_desk.open("Compare labels")
    assert dock.form.tolerance.native.suffix() == " µm"
    dock.form.tolerance.value = 1.2
    form_desk.press()
    volume = ImageVolume(data, axes="yx", spacing=(0.5, 0.5), units="um")
    expected = ns.compare_labels(data, np.roll(data, 3, axis=0), volume, tolerance_mm=1.2e-3)
    assert dock.results.objects.table["surface_dice"].tolist() == pytest.approx(expected["surface_dice"].tolist())
    assert 0 < expected["surface_dice"][0] < 1
