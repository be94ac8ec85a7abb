"""The dock widget *Check in three planes*."""

from __future__ import annotations

from typing import Any

import napari.viewer
from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtWidgets import QLabel, QSplitter, QVBoxLayout, QWidget

from napari_sam2.layers.proxy import unwrapped
from napari_sam2.widgets.closing import ClosingWatch
from napari_sam2.widgets.controllers.three_planes import ThreePlanes
from napari_sam2.widgets.views.plane_view import PlaneView

TITLE = "Check in three planes"
_HINT = "Click in any view: all three go there. "
_MARKS = "Point and box mark the object here as well; the outline is what a plane's own marks give in it."
_NO_MARKS = "Marks are drawn in the main view."


class ThreePlanesWidget(QWidget):
    """Two further planes of the image that the main view shows, side by side.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in, or napari's proxy of it.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.controller = ThreePlanes(unwrapped(napari_viewer), self)
        self.views = [PlaneView(model) for model in self.controller.models]
        self.hint = QLabel(_HINT + _NO_MARKS)
        self.hint.setWordWrap(True)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        for view in self.views:
            self.splitter.addWidget(view)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        layout.addWidget(self.splitter, 1)
        layout.addWidget(self.hint)
        self.controller.titled.connect(lambda i, text: self.views[i].set_title(text))
        self.controller.unavailable.connect(self._set_unavailable)
        self.controller.markable.connect(self._set_markable)
        self.controller.start()
        self._fit = QTimer(self)
        self._fit.setSingleShot(True)
        self._fit.timeout.connect(self.controller.fit)
        self._watch = ClosingWatch(self, self._close)

    def sizeHint(self) -> QSize:
        """Room for two pictures."""
        return QSize(640, 320)

    def showEvent(self, event: Any) -> None:
        """Fit the pictures into the views, once these have their size."""
        super().showEvent(event)
        self._fit.start(0)

    def resizeEvent(self, event: Any) -> None:
        """Put the two pictures below each other where there is more height than width."""
        wide = self.width() >= self.height()
        self.splitter.setOrientation(Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical)
        super().resizeEvent(event)

    def _set_unavailable(self, reason: str) -> None:
        self.splitter.setVisible(not reason)
        self.hint.setText(f"Nothing to show: {reason}" if reason else _HINT + _NO_MARKS)

    def _set_markable(self, markable: bool) -> None:
        self.hint.setText(_HINT + (_MARKS if markable else _NO_MARKS))

    def _close(self) -> None:
        self.controller.close()
        for view in self.views:
            view.drop()


def open_three_planes(viewer: napari.viewer.Viewer) -> None:
    """Dock the two further planes below the main view, or show those that are docked already."""
    window = unwrapped(viewer).window
    for dock in window.dock_widgets.values():
        if isinstance(dock, ThreePlanesWidget):
            dock.show()
            dock.raise_()
            return
    window.add_dock_widget(ThreePlanesWidget(viewer), name=TITLE, area="bottom")
