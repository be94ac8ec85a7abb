"""Tells when a widget is closed, whichever way: its dock, itself, or napari's window with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QMainWindow, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable


class ClosingWatch(QObject):
    """Calls back when napari takes a widget out of its dock, or closes the window that it is in.

    Parameters
    ----------
    widget
        The widget that is docked; it owns the watch.
    close
        Called without arguments, perhaps more than once.
    """

    def __init__(self, widget: QWidget, close: Callable[[], None]) -> None:
        super().__init__(widget)
        self._widget, self._close = widget, close
        # The window itself is not kept, or it would outlive its closing.
        self._was_docked = self._watches_window = self._window_closes = False
        widget.installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Look at what happens to the widget and its window."""
        kind = event.type()
        if watched is self._widget:
            if kind == QEvent.Type.ParentChange:
                self._on_parent()
            elif kind == QEvent.Type.Close:
                self._close()
        elif isinstance(watched, QMainWindow):
            # napari's window tells nobody: it asks whether to close, and then goes.
            if kind == QEvent.Type.Close and watched.isVisible():
                self._window_closes = True
            elif kind == QEvent.Type.Close:
                self._close()  # It was never shown, so it is not hidden either.
            elif kind == QEvent.Type.DeferredDelete or (kind == QEvent.Type.Hide and self._window_closes):
                self._close()
        return bool(super().eventFilter(watched, event))

    def _on_parent(self) -> None:
        if self._widget.parent() is not None:
            self._was_docked = True
            self._watch_window()
        elif self._was_docked:
            self._close()

    def _watch_window(self) -> None:
        above = self._widget.parent()
        if above is None:
            return
        while above is not None and not isinstance(above, QMainWindow):
            above = above.parent()
        if above is None:
            # The dock has no place in the window yet.
            QTimer.singleShot(0, self._watch_window)
        elif not self._watches_window:
            self._watches_window = True
            above.installEventFilter(self)
