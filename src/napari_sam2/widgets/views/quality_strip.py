"""The quality of an object's masks over all frames, as a strip that is read at a glance and clicked to go there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd
    from numpy.typing import NDArray

# Seen on napari's dark and on its light theme.
GOOD, DOUBTFUL, DISAGREEMENT, HERE = "#5b9bd5", "#ff8c1a", "#b060e0", "#ff4d6d"
LOCKED, PROMPTED = "#009e73", "#e6c200"
# The line of rivals on a dark and on a light theme; its dashes tell it from the line of areas whatever the eye.
RIVAL_ON_DARK, RIVAL_ON_LIGHT, DASHES = "#00ffd0", "#7a0099", (2, 1.4)
HEIGHT = 80
# The rows of marks below the bars.
_LOCK_ROW, _PROMPT_ROW, _FLOOR = -0.12, -0.28, -0.4
_TIP = (
    "The current object on every slice; a click goes there.\n"
    "Bars: how sure the model is of its mask; orange: doubtful, look at it (N goes to the next one).\n"
    "Line: area, against its largest. Dashed line: how far something reaches that looks like it, where it rises.\n"
    "Violet: how much the masks from both sides disagree.\n"
    "Open circles, after a check: how well the way back agrees; under 0.6 the slice is doubtful.\n"
    "Green dots: locked. Yellow triangles: marked. Red line: the slice shown."
)


class QualityStrip(QWidget):
    """Bars, lines and marks over the frames; emits the frame that was clicked."""

    frame_clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setToolTip(_TIP)
        self.plot = pg.PlotWidget(background=None)
        self.plot.setFixedHeight(HEIGHT)
        self.plot.setToolTip(_TIP)
        # It asks for 640 pixels by itself, and the dock would be as wide.
        self.plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.plot.setMenuEnabled(False)
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.hideButtons()
        self.plot.hideAxis("left")
        self.plot.getAxis("bottom").setStyle(tickLength=-3)
        self.plot.setYRange(_FLOOR, 1.05, padding=0)
        self.good = pg.BarGraphItem(x=[], height=[], width=1, brush=GOOD, pen=None)
        self.doubtful = pg.BarGraphItem(x=[], height=[], width=1, brush=DOUBTFUL, pen=None)
        self.area = pg.PlotCurveItem(connect="finite")
        self.rival = pg.PlotCurveItem(connect="finite")
        self.disagreement = pg.ScatterPlotItem(symbol="d", size=6, brush=DISAGREEMENT, pen=None)
        self.back = pg.ScatterPlotItem(symbol="o", size=5, brush=None)
        self.locked = pg.ScatterPlotItem(symbol="o", size=6, brush=LOCKED, pen=None)
        self.prompted = pg.ScatterPlotItem(symbol="t1", size=8, brush=PROMPTED, pen=None)
        self.here = pg.InfiniteLine(0, pen=pg.mkPen(HERE, width=1.5))
        for item in (
            self.good,
            self.doubtful,
            self.area,
            self.rival,
            self.disagreement,
            self.back,
            self.locked,
            self.prompted,
            self.here,
        ):
            self.plot.addItem(item)
        self._count = 0
        self.plot.scene().sigMouseClicked.connect(self._on_click)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.plot)
        self.legend = QLabel()
        # What comes later must not widen the dock.
        self.legend.setWordWrap(True)
        self.legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        layout.addWidget(self.legend)
        self._seen: tuple[bool, ...] = (False, False, False, False)
        self.set_ink("#f0f1f2")
        self.set_frames(1)

    def set_ink(self, color: str) -> None:
        """Draw lines and circles so that they are seen wherever text of this colour is."""
        self._ink = color
        self._rival_ink = RIVAL_ON_DARK if pg.mkColor(color).lightness() > 128 else RIVAL_ON_LIGHT
        self.area.setPen(pg.mkPen(color, width=1.5))
        pen = pg.mkPen(self._rival_ink, width=2.5, dash=DASHES)
        # Others reach into the gaps.
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        self.rival.setPen(pen)
        self.back.setPen(pg.mkPen(color))
        self._explain()

    def set_frames(self, count: int) -> None:
        """Say how many frames there are."""
        if count != self._count:
            self._count = count
            self.plot.setXRange(-0.5, max(count, 2) - 0.5, padding=0)

    def set_frame(self, frame: int) -> None:
        """Say which frame is shown."""
        self.here.setValue(frame)

    def set_scores(self, scores: pd.DataFrame | None, prompted: Collection[int]) -> None:
        """Show the figures of :meth:`napari_sam2.VideoSession.scores` and the frames with a mark."""
        if scores is None or scores.empty:
            frames = np.zeros(0)
            iou = area = rival = disagreement = back = frames
            doubtful = locked = np.zeros(0, bool)
        else:
            frames = scores.index.to_numpy(float)
            area = scores["area_px"].to_numpy(float)
            # A mask drawn by hand has no estimate of the model; it is what the user says.
            iou = np.nan_to_num(scores["iou"].to_numpy(float), nan=1.0).clip(0, 1) * (area > 0)
            rival = scores["rival"].to_numpy(float)
            disagreement = scores["disagreement"].to_numpy(float)
            back = scores["back"].to_numpy(float)
            doubtful, locked = scores["doubtful"].to_numpy(bool), scores["locked"].to_numpy(bool)
        self.good.setOpts(x=frames[~doubtful], height=iou[~doubtful])
        self.doubtful.setOpts(x=frames[doubtful], height=iou[doubtful])
        self._draw_line(self.area, frames, area / max(area.max(initial=0), 1))
        self._draw_line(self.rival, frames, rival)
        self._seen = (*(bool(each.any()) for each in (doubtful, np.isfinite(rival), locked)), bool(prompted))
        self._explain()
        known = np.isfinite(disagreement)
        self.disagreement.setData(frames[known], disagreement[known])
        known = np.isfinite(back)
        self.back.setData(frames[known], back[known])
        self.locked.setData(frames[locked], np.full(locked.sum(), _LOCK_ROW))
        marked = np.array(sorted(prompted), float)
        self.prompted.setData(marked, np.full(len(marked), _PROMPT_ROW))

    def _explain(self) -> None:
        """Say what the signs mean that there are."""
        doubtful, rivals, locked, marked = self._seen
        signs = (
            (True, GOOD, "■", "sure"),
            (doubtful, DOUBTFUL, "■", "doubtful"),
            (True, self._ink, "━", "area"),
            (rivals, self._rival_ink, "╍", "rival"),
            (locked, LOCKED, "●", "locked"),
            (marked, PROMPTED, "▲", "marked"),
        )
        parts = [
            f'<span style="color: {color}">{sign}</span>&nbsp;{text}' for is_seen, color, sign, text in signs if is_seen
        ]
        self.legend.setText("&nbsp; ".join(parts))

    def _draw_line(self, item: Any, frames: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Draw a value of frames as a line over all of them, so that it breaks where there is none."""
        line = np.full(self._count, np.nan)
        line[frames.astype(int)] = values
        item.setData(np.arange(self._count), line)

    def _on_click(self, event: Any) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        x = self.plot.getPlotItem().vb.mapSceneToView(event.scenePos()).x()
        self.frame_clicked.emit(int(np.clip(round(x), 0, self._count - 1)))
