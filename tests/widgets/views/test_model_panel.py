"""The choice of a model."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_sam2.widgets.views.model_panel import ModelPanel


@pytest.fixture
def panel(qtbot):
    made = ModelPanel()
    qtbot.addWidget(made)
    made.set_models([("Starter", "starter", "small"), ("Large", "large", "big")], "large")
    return made


def test_models_have_their_tooltips_and_a_file_is_the_last_choice(panel):
    box = panel.model_box
    assert box.currentData() == "large"
    assert box.itemData(0, Qt.ItemDataRole.ToolTipRole) == "small"
    assert box.itemText(box.count() - 1) == "Choose a file…"


def test_a_chosen_model_is_said_by_its_name(panel):
    chosen = []
    panel.model_chosen.connect(chosen.append)
    panel.model_box.activated.emit(0)
    assert chosen == ["starter"]


@pytest.mark.parametrize("path", ["/models/mine.pt", ""], ids=["chosen", "cancelled"])
def test_a_file_is_asked_for_and_the_list_shows_the_model_meanwhile(panel, monkeypatch, path):
    files, models = [], []
    panel.file_chosen.connect(files.append)
    panel.model_chosen.connect(models.append)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (path, ""))
    last = panel.model_box.count() - 1
    panel.model_box.setCurrentIndex(last)
    panel.model_box.activated.emit(last)
    assert files == ([path] if path else [])
    assert models == []
    assert panel.model_box.currentData() == "large"


def test_the_button_says_its_action_and_is_hidden_without_one(panel):
    actions = []
    panel.action_clicked.connect(actions.append)
    panel.set_action("download", "Download, 30 MB", "once")
    panel.action_button.click()
    assert actions == ["download"]
    panel.set_action("", "", "")
    assert panel.action_button.isHidden()


def test_more_bytes_than_qt_can_count_are_shown(panel):
    panel.set_progress(3 * 2**31, 4 * 2**31, "much")
    assert panel.progress_bar.value() == 750
    panel.set_progress(0, 0, "asking")
    assert panel.progress_bar.maximum() == 0
    panel.clear_progress()
    assert panel.progress_bar.isHidden()
