"""The dialog that asks which series to open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtWidgets import QDialogButtonBox

from napari_sam2.io import list_series
from napari_sam2.widgets.views.series_dialog import SeriesDialog
from support.dicom import write_series

STORED = np.random.default_rng(0).integers(0, 3000, (5, 80, 90)).astype(np.uint16)


@pytest.fixture
def folder(tmp_path) -> Path:
    write_series(tmp_path / "a", STORED, SeriesDescription="first")
    write_series(tmp_path / "b", STORED[:3], series="1.2.3.5", SeriesDescription="second")
    write_series(tmp_path / "c", STORED[:3], [0.0, 2.0, 9.0], series="1.2.3.6", SeriesDescription="gap")
    return tmp_path


def test_the_dialog_shows_geometry_pictures_and_problems(qtbot, folder) -> None:
    dialog = SeriesDialog("case", list_series(folder))
    qtbot.addWidget(dialog)
    texts = [[dialog.table.item(r, c).text() for c in range(1, 6)] for r in range(3)]
    assert texts[0] == ["first", "CT", "5", "80 × 90", "2 × 0.8 × 0.7"]
    assert texts[1][0] == "second"
    assert "no volume" in texts[2][0]
    assert dialog.chosen() == [0]
    qtbot.waitUntil(lambda: not dialog.table.item(2, 0).icon().isNull(), timeout=5000)
    picture = dialog.table.item(0, 0).icon().pixmap(64, 64).toImage()
    greys = {picture.pixelColor(x, y).red() for x in range(0, 40, 4) for y in range(0, 40, 4)}
    assert len(greys) > 10
    dialog.table.clearSelection()
    assert not dialog.buttons.button(QDialogButtonBox.StandardButton.Open).isEnabled()
    dialog.table.selectRow(2)
    assert dialog.chosen() == []
