"""The dock widget as napari opens it."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPoint, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent

from napari_sam2.interaction.preferences import Preferences
from napari_sam2.plugin import dock_widget, panel_dialogs
from napari_sam2.plugin.dock_widget import SegmentWidget
from support.predictors import FakePredictor


@pytest.fixture
def widget(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    viewer.add_image(np.random.default_rng(0).random((5, 20, 20)).astype(np.float32), name="scan")
    made = SegmentWidget(viewer, load=lambda name, device: FakePredictor())
    qtbot.addWidget(made)
    qtbot.waitUntil(lambda: not made.controller.busy and not made.controller.models.busy, timeout=20000)
    yield made
    made.controller.close()


def dragged(path):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    return data


@pytest.mark.parametrize(("name", "taken"), [("mine.pt", True), ("mine.safetensors", True), ("scan.nii", False)])
def test_checkpoints_alone_are_taken_from_a_drag(widget, tmp_path, name, taken):
    data = dragged(tmp_path / name)
    event = QDragEnterEvent(
        QPoint(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    event.ignore()
    widget.dragEnterEvent(event)
    assert event.isAccepted() is taken


def test_a_dropped_checkpoint_is_the_chosen_model(widget, tmp_path):
    (tmp_path / "mine.pt").write_bytes(b"weights")
    data = dragged(tmp_path / "mine.pt")
    place = QPoint(5, 5).toPointF()
    widget.dropEvent(
        QDropEvent(place, Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    )
    assert widget.controller.selection.model_cache.choice.name == str(tmp_path / "mine.pt")


def test_without_other_labels_there_is_advice(widget, monkeypatch):
    said = []
    monkeypatch.setattr(panel_dialogs, "show_info", said.append)
    widget.prompt.labels_button.click()
    assert len(said) == 1
    assert "no other labels layer" in said[0]


@pytest.mark.parametrize("chosen", [True, False], ids=["chosen", "cancelled"])
def test_labels_are_saved_where_the_user_says(widget, monkeypatch, tmp_path, chosen):
    saved = []
    monkeypatch.setattr(
        panel_dialogs,
        "ask_where_to_save",
        lambda parent, name, volume: (tmp_path / f"{name}.nii", None) if chosen else None,
    )
    monkeypatch.setattr(widget.controller, "save", lambda path, kind: saved.append(path))
    widget.run.save_clicked.emit()
    assert saved == ([tmp_path / "scan.nii"] if chosen else [])


def test_it_is_as_wide_as_its_content(widget):
    scroll = widget.findChild(dock_widget._VerticalScroll)
    assert scroll.minimumSizeHint().width() >= scroll.widget().minimumSizeHint().width()
    assert scroll.sizeHint().width() == scroll.minimumSizeHint().width()


def test_the_window_that_was_chosen_last_is_offered_first(widget):
    actions = widget.source.preset_menu.actions()
    chosen = actions[2].text()
    actions[2].trigger()
    assert widget.source.preset_menu.actions()[0].text() == chosen
    assert len(widget.source.preset_menu.actions()) == len(actions)
    assert Preferences().get("window preset")
