"""What the docks of forms share: the form, its progress, a line that says what happened, and how they close."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ProgressBar
from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_sam2.errors import NapariSam2Error
from napari_sam2.layers.proxy import unwrapped
from napari_sam2.widgets.forms.background import Task
from napari_sam2.widgets.views.common import button

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from magicgui.widgets import Container
    from napari.components import ViewerModel

    from napari_sam2.widgets.forms.background import Steps

_log = logging.getLogger(__name__)


class FormDock(QWidget):
    """A column with a form on top; subclasses put what it gives below.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in, or napari's proxy of it.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__()
        self.viewer: ViewerModel = unwrapped(napari_viewer)
        self.task = Task(self)
        self.task.progressed.connect(self._show_progress)
        self.task.finished.connect(self._show_idle)
        self.form: Container | None = None
        self.progress = ProgressBar(visible=False)
        self.cancel = button("Cancel", "Stop; what was there before stays.", self.task.stop)
        self.cancel.setVisible(False)
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.status.setToolTip("What happened last.")
        self.column = QVBoxLayout(self)
        self._was_docked = False
        self._closed = False

    def lay_out(self, form: Container, *below: QWidget) -> None:
        """Put the form, its progress and other widgets below each other."""
        self.form = form
        self.column.addWidget(form.native)
        beside = QHBoxLayout()
        beside.addWidget(self.progress.native, 1)
        beside.addWidget(self.cancel)
        self.column.addLayout(beside)
        self.column.addWidget(self.status)
        for widget in below:
            self.column.addWidget(widget, 1)
        self.reset_choices()

    def reset_choices(self, *_: Any) -> None:
        """Offer the layers that the viewer has now; napari calls this when layers come, go or are renamed."""
        if self.form is not None and not self._closed:
            self.form.reset_choices()

    def say(self, text: str) -> None:
        """Say what happened, in the line below the form."""
        self.status.setText(text)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Say what is wrong where our own code refuses something in this block."""
        try:
            yield
        except NapariSam2Error as error:
            self.say(str(error))

    def work(self, title: str, steps: Callable[[], Steps], done: Callable[[Any], None]) -> None:
        """Compute something in the background; ``done`` gets the result on the main thread."""

        def tell(result: Any, error: Exception | None) -> None:
            if error is None:
                with self.telling():
                    done(result)
            elif isinstance(error, NapariSam2Error):
                self.say(str(error))
            else:
                _log.error("%s failed", title, exc_info=error)
                self.say(f"It failed: {error}")
                show_error(f"{title} failed: {error}")

        if self.task.running:
            self.say("Wait until what runs now has ended, or cancel it.")
            return
        self.say(f"{title} …")
        self._show_busy(True)
        self.task.start(title, steps, tell)

    def ask_where(self, title: str, suggested: str, kinds: str) -> Path | None:
        """Ask for the name of a file to write; None if the user cancelled.

        Parameters
        ----------
        kinds
            As Qt lists them, e.g. ``"CSV (*.csv);;Excel (*.xlsx)"``. A name without a suffix gets that of the kind.
        """
        name, kind = QFileDialog.getSaveFileName(self, title, suggested, kinds)
        if not name:
            return None
        path = Path(name)
        return path if path.suffix else path.with_suffix(kind.partition("*")[2].rstrip(")"))

    def close_down(self) -> None:
        """Stop what runs, and take away what was only shown for the time being."""
        self._closed = True
        self.task.stop()

    def _show_busy(self, busy: bool) -> None:
        self.progress.visible = busy
        self.cancel.setVisible(busy)
        if self.form is not None:
            self.form.enabled = not busy

    def _show_progress(self, done: int, total: int) -> None:
        self.progress.max = max(total, 1)
        self.progress.value = done

    def _show_idle(self) -> None:
        self._show_busy(False)
        if self.status.text().endswith("…"):
            self.say("Cancelled.")

    def event(self, event: Any) -> bool:
        """Follow the viewer from the time of docking; close down when napari takes the widget out of its dock."""
        if event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._was_docked = True
                self.reset_choices()
            elif self._was_docked and not self._closed:
                self.close_down()
        return bool(super().event(event))

    def closeEvent(self, event: Any) -> None:
        """Close down with the dock."""
        if not self._closed:
            self.close_down()
        super().closeEvent(event)
