"""The recipe of docs/contributing/add_dock_panel.md: its code, run as it stands in the page, in a real window."""

from __future__ import annotations

import ast

import numpy as np
import pytest

from support.driver import WidgetDriver
from support.predictors import FakePredictor
from support.recipe_pages import RecipePage, module_name, run_module

PAGE = RecipePage("add_dock_panel.md")
# Each after those that it imports.
EDITED = [
    "src/napari_sam2/widgets/controllers/view_protocols.py",
    "src/napari_sam2/widgets/views/panels.py",
    "src/napari_sam2/widgets/controllers/segment.py",
    "src/napari_sam2/plugin/dock_widget.py",
]


@pytest.fixture
def modules(monkeypatch):
    """All new files and edits of the page are made; the modules by name."""
    assert set(PAGE.edits) == set(EDITED)
    sources = {**PAGE.new_files, **{path: PAGE.edited(path) for path in EDITED}}
    return {module_name(path): run_module(module_name(path), text, monkeypatch) for path, text in sources.items()}


@pytest.fixture
def make_driver(modules, make_napari_viewer, qtbot):
    """``make(layer_arguments…) → WidgetDriver`` with the new panel in its widget."""
    made = []

    def make(**layer_arguments):
        viewer = make_napari_viewer()
        data = np.random.default_rng(0).integers(0, 1000, (12, 40, 50)).astype(np.int16)
        image = viewer.add_image(data, name="picture", **layer_arguments)
        made.append(WidgetDriver.show(viewer, image, FakePredictor(shift=0, radius=4), qtbot))
        return made[-1]

    yield make
    for driver in made:
        driver.close()


def test_the_panel_is_in_the_window_and_follows_the_session(make_driver):
    driver = make_driver()
    panel = driver.widget.coverage
    assert type(panel).__module__ == "napari_sam2.widgets.views.coverage_panel"
    assert driver.widget.isAncestorOf(panel)
    assert panel.label.text() == "Object 1 has a mask on 0 slices."
    driver.drag(6, 10, 10, 30, 30)
    assert panel.label.text() == "Object 1 has a mask on 1 slice."
    driver.controller.propagate("both")
    driver.settle()
    assert panel.label.text() == "Object 1 has a mask on 12 slices."


def test_its_button_works_on_the_session_in_a_worker(make_driver):
    driver = make_driver()
    driver.drag(6, 10, 10, 30, 30)
    assert driver.labels[6].any()
    assert not driver.widget.coverage.clear_button.isEnabled()  # the mark is on another slice than the shown one
    driver.show_frame(6)
    driver.widget.coverage.clear_button.click()
    driver.settle()
    assert not driver.session.prompts(1, 6)
    assert not driver.labels[6].any()


def test_a_mark_that_was_just_drawn_is_handed_over_before_the_button_acts(make_driver):
    driver = make_driver()
    driver.drag(6, 10, 10, 30, 30)
    driver.show_frame(6)
    driver.layer_group.points.add(np.array((6.0, 20, 40)))  # not waited for
    driver.widget.coverage.clear_button.click()
    driver.settle()
    assert not driver.session.prompts(1, 6)
    assert len(driver.layer_group.points.data) == 0


def test_a_button_that_cannot_be_used_says_why_in_the_words_of_the_axis(make_driver):
    driver = make_driver(axis_labels=("t", "y", "x"))
    assert not driver.widget.coverage.clear_button.isEnabled()
    assert driver.widget.coverage.clear_button.text() == "Clear this frame"
    assert "the object has no mark on this frame." in driver.widget.coverage.clear_button.toolTip()
    assert driver.widget.coverage.label.text().endswith("0 frames.")


def test_the_view_has_what_the_controller_asks_for_and_imports_no_controller(modules, qtbot):
    view = modules["napari_sam2.widgets.views.coverage_panel"].CoveragePanel()
    qtbot.addWidget(view)
    protocol = modules["napari_sam2.widgets.controllers.view_protocols"].CoverageView
    members = {*protocol.__annotations__, *(name for name in vars(protocol) if not name.startswith("_"))}
    assert members == {"clear_clicked", "set_coverage", "set_enabled"}
    assert all(hasattr(view, name) for name in members)
    source = PAGE.new_files["src/napari_sam2/widgets/views/coverage_panel.py"]
    imported = {n.module for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ImportFrom)}
    assert not any("controllers" in name for name in imported)
