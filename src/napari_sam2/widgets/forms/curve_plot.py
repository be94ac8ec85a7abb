"""A quantity of each object over the frames, as curves in the colours of the objects; saved as SVG or PNG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyqtgraph as pg
from qtpy.QtCore import QPoint, QRect, QSize, Qt
from qtpy.QtGui import QColor, QImage, QPaintDevice, QPainter
from qtpy.QtSvg import QSvgGenerator
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_sam2.core.atomic_write import replacing
from napari_sam2.core.paths import checked_path
from napari_sam2.errors import WriteError
from napari_sam2.io.tables import header_texts
from napari_sam2.widgets.views.common import combo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike
    from pathlib import Path

PICTURE_SUFFIXES = (".svg", ".png")
_SAVED_SIZE, _PNG_SCALE = QSize(800, 500), 2
_NO_CURVES = ("object", "truth_object", "name", "frame", "time_s", "parent")
_MOST_IN_LEGEND = 12


class CurvePlot(QWidget):
    """Curves over frames, one for each object."""

    def __init__(self) -> None:
        super().__init__()
        self.quantity = combo("What is drawn over the frames.")
        self.plot = pg.PlotWidget(background="w")
        # It asks for 640 pixels by itself, and the dock would be as wide.
        self.plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self.plot.setMinimumHeight(160)
        for side in ("left", "bottom"):
            self.plot.getAxis(side).setPen("k")
            self.plot.getAxis(side).setTextPen("k")
            self.plot.getAxis(side).enableAutoSIPrefix(False)
        self.legend = self.plot.addLegend(labelTextColor="k", brush=(255, 255, 255, 200))
        self.curves: dict[int, pg.PlotDataItem] = {}
        self._frames = pd.DataFrame()
        self._colors: dict[int, tuple[float, ...]] = {}
        self._frame_word = "frame"
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.quantity)
        column.addWidget(self.plot, 1)
        self.quantity.currentIndexChanged.connect(self._draw)

    def show_frames(self, frames: pd.DataFrame, colors: Mapping[int, Any], frame_word: str) -> None:
        """Show curves of a table with a row for each object and frame.

        Parameters
        ----------
        frames
            As of :func:`napari_sam2.analysis.frame_measurements.measure_frames`.
        colors
            Red, green and blue (0 to 1) of objects.
        frame_word
            What a frame is called.
        """
        chosen = self.quantity.currentData()
        self._frames, self._colors, self._frame_word = frames, dict(colors), frame_word
        drawn = [c for c in frames.columns if c not in _NO_CURVES and not str(c).startswith("centroid")]
        headers = dict(zip(frames.columns, header_texts(frames), strict=True))
        self.quantity.blockSignals(True)
        self.quantity.clear()
        for name in drawn:
            self.quantity.addItem(headers[name], name)
        self.quantity.setCurrentIndex(drawn.index(chosen) if chosen in drawn else 0 if drawn else -1)
        self.quantity.blockSignals(False)
        self._draw()

    def save(self, path: str | PathLike[str]) -> None:
        """Write the plot as SVG or PNG, whole or not at all.

        Raises
        ------
        WriteError
            If nothing is drawn, the suffix is another one, or the disk refuses.
        """
        path = checked_path(path, WriteError)
        if not self.curves:
            raise WriteError(f"{path} was not written: there is no curve yet. Measure first.")
        if path.suffix.lower() not in PICTURE_SUFFIXES:
            raise WriteError(
                f"{path} was not written: a plot cannot be written as {path.suffix or 'a file without a suffix'!r}.\n"
                f"Use one of the suffixes {', '.join(PICTURE_SUFFIXES)}."
            )
        # The dock may be narrow, or show another tab.
        twin = CurvePlot()
        twin.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
        twin.plot.setFixedSize(_SAVED_SIZE)
        twin.show_frames(self._frames, self._colors, self._frame_word)
        twin.quantity.setCurrentIndex(self.quantity.currentIndex())
        twin.show()
        try:
            twin.write(path)
        finally:
            twin.close()
            twin.deleteLater()

    def write(self, path: Path) -> None:
        """Write the plot as it is laid out now."""
        size = self.plot.viewport().size()
        with replacing(path) as temporary:
            # By Qt itself: pyqtgraph's own writer of SVG stumbles over symbols that newer versions of Qt draw.
            if path.suffix.lower() == ".svg":
                drawing = QSvgGenerator()
                drawing.setFileName(str(temporary))
                drawing.setSize(size)
                drawing.setViewBox(QRect(QPoint(0, 0), size))
                self._render(drawing)
            else:
                picture = QImage(size * _PNG_SCALE, QImage.Format.Format_RGB32)
                picture.fill(QColor("white"))
                self._render(picture)
                if not picture.save(str(temporary), "PNG"):
                    raise WriteError(f"{path} could not be written as PNG.\nNothing was changed.")

    def _render(self, device: QPaintDevice) -> None:
        painter = QPainter(device)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        try:
            self.plot.render(painter)
        finally:
            painter.end()

    def _draw(self, *_: Any) -> None:
        self.plot.plotItem.clear()
        self.legend.clear()
        self.curves = {}
        quantity = self.quantity.currentData()
        if quantity is None:
            return
        self.plot.setLabel("left", self.quantity.currentText())
        self.plot.setLabel("bottom", self._frame_word)
        groups: list[tuple[Any, pd.DataFrame]] = list(self._frames.groupby("object", sort=True))
        for obj_id, rows in groups:
            color = QColor.fromRgbF(*self._colors.get(int(obj_id), (0.4, 0.4, 0.4))[:3])
            frames = rows["frame"].to_numpy(dtype=float)
            values = rows[quantity].to_numpy(dtype=float)
            # A gap where the object was not seen.
            gaps = np.flatnonzero(np.diff(frames) > 1) + 1
            self.curves[int(obj_id)] = self.plot.plot(
                np.insert(frames, gaps, np.nan),
                np.insert(values, gaps, np.nan),
                pen=pg.mkPen(color, width=2),
                symbol="o",
                symbolSize=4,
                symbolBrush=color,
                symbolPen=None,
                connect="finite",
                name=_legend_text(rows, int(obj_id)) if len(groups) <= _MOST_IN_LEGEND else None,
            )
        self.plot.plotItem.autoRange()


def _legend_text(rows: pd.DataFrame, obj_id: int) -> str:
    return f"{obj_id} {rows['name'].iat[0]}".strip()
