"""The reader with a window: the dialog of several series, and the worker that decodes the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QDialogButtonBox

from napari_sam2.layers import volume_layers
from napari_sam2.plugin import readers
from napari_sam2.widgets.views.series_dialog import SeriesDialog
from support.dicom import write_series

STORED = np.random.default_rng(0).integers(0, 3000, (5, 80, 90)).astype(np.uint16)


@pytest.fixture
def folder(tmp_path) -> Path:
    write_series(tmp_path / "a", STORED, SeriesDescription="first")
    write_series(tmp_path / "b", STORED[:3], series="1.2.3.5", SeriesDescription="second")
    write_series(tmp_path / "c", STORED[:3], [0.0, 2.0, 9.0], series="1.2.3.6", SeriesDescription="gap")
    return tmp_path


def _press(button: str, rows: list[int]) -> None:
    """Answer the dialog that is about to open."""

    def answer() -> None:
        dialog = next(w for w in QApplication.topLevelWidgets() if isinstance(w, SeriesDialog) and w.isVisible())
        dialog.table.clearSelection()
        dialog.table.setSelectionMode(dialog.table.SelectionMode.MultiSelection)
        for row in rows:
            dialog.table.selectRow(row)
        dialog.buttons.button(getattr(QDialogButtonBox.StandardButton, button)).click()

    QTimer.singleShot(200, answer)


def test_the_chosen_series_are_opened(qtbot, folder) -> None:
    _press("Open", [0, 1])
    layers = readers.get_reader(str(folder))(str(folder))
    assert [(options["name"], data.shape) for data, options, _ in layers] == [
        ("first", (5, 80, 90)),
        ("second", (3, 80, 90)),
    ]


def test_cancel_opens_nothing(qtbot, folder) -> None:
    _press("Cancel", [0])
    assert readers.read_and_ask(str(folder)) == [(None,)]


def test_a_large_series_is_decoded_in_the_background(qtbot, tmp_path, monkeypatch, make_napari_viewer_proxy) -> None:
    monkeypatch.setattr(volume_layers, "_AT_ONCE", 100)
    write_series(tmp_path / "ct", STORED)
    viewer = make_napari_viewer_proxy()
    viewer.open(str(tmp_path / "ct"), plugin="napari-sam2")
    layer = viewer.layers[0]
    assert layer.data.shape == STORED.shape
    qtbot.waitUntil(lambda: layer.data.decoded == len(STORED), timeout=10_000)
    assert np.array_equal(np.asarray(layer.data), STORED.astype(int) - 1024)


def test_what_was_assumed_and_skipped_is_told(qtbot, tmp_path, monkeypatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("napari.utils.notifications.show_info", told.append)
    write_series(tmp_path / "ct", STORED, [0.0, 2.01, 4.0, 6.01, 8.0])
    (tmp_path / "ct" / "a.txt").write_text("hello")
    (tmp_path / "ct" / "b.txt").write_text("hello")
    readers.read_and_ask(str(tmp_path / "ct"))
    assert len(told) == 1
    assert "jitter" in told[0]
    assert "skipped a.txt (not DICOM) and 1 more" in told[0]
