"""What the dock widget *Segment with SAM 2* asks in windows of their own, and the docks that it opens."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_info
from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtWidgets import QDialog, QFileDialog, QVBoxLayout, QWidget

from napari_sam2.core.formatting import frame_word
from napari_sam2.layers.axis_names import AXIS_WORDS, check_letters
from napari_sam2.layers.image import axis_meanings
from napari_sam2.plugin.three_planes_dock import open_three_planes
from napari_sam2.widgets import PLUGIN
from napari_sam2.widgets.views.axes_dialog import AxesDialog
from napari_sam2.widgets.views.check_dialog import CheckDialog
from napari_sam2.widgets.views.keys_sheet import KeysSheet
from napari_sam2.widgets.views.labels_dialog import LabelsDialog
from napari_sam2.widgets.views.range_dialog import RangeDialog
from napari_sam2.widgets.views.save_dialog import ask_where_to_save
from napari_sam2.widgets.views.settings_dialog import SettingsDialog
from napari_sam2.widgets.views.theming import apply_theme

if TYPE_CHECKING:
    from napari_sam2.widgets.controllers.segment import SegmentController
    from napari_sam2.widgets.views.panels import Panels

SAMPLE = "ct_abdomen"
_FOLDER, _PRESET = "folder of images", "window preset"


class PanelDialogs(QObject):
    """Asks, and tells the controller.

    Parameters
    ----------
    controller
        Does what was asked for.
    panels
        Where it is asked for.
    widget
        The parent of all windows.
    """

    def __init__(self, controller: SegmentController, panels: Panels, widget: QWidget) -> None:
        super().__init__(widget)
        self._controller, self._panels, self._widget = controller, panels, widget
        # Shown in a window of its own once it is asked for, which takes a while to make.
        panels.advanced.setParent(widget)
        panels.advanced.hide()
        self.rules = _window("Review and rules", panels.finish, widget)
        panels.source.set_last_preset(str(controller.preferences.get(_PRESET, "")))
        panels.source.preset_chosen.connect(self._remember_preset)
        panels.source.axes_clicked.connect(self._ask_what_axes)
        panels.run.save_clicked.connect(self._ask_where_to_save)
        panels.prompt.labels_clicked.connect(lambda: self._ask_which_labels())
        panels.many.track_all_clicked.connect(lambda: self._ask_which_labels(track=True))
        panels.many.save_tracks_clicked.connect(self._ask_where_to_save_tracks)
        panels.many.range_clicked.connect(self._ask_for_a_range)
        panels.review.planes_clicked.connect(lambda: open_three_planes(controller.viewer))
        panels.finish.form_clicked.connect(lambda: _show(self.rules))
        panels.finish.dock_clicked.connect(self._open_dock)
        panels.header.settings_clicked.connect(lambda: self.show_settings())
        panels.header.keys_clicked.connect(self._show_keys)
        panels.steps.sample_clicked.connect(self.open_sample)
        panels.steps.open_clicked.connect(self._ask_what_to_open)
        controller.models.report_ready.connect(self._show_check)

    @cached_property
    def settings(self) -> SettingsDialog:
        """Return the window of settings."""
        made = SettingsDialog(self._panels.advanced, self._widget)
        made.keys_form.set_keys(self._controller.shortcuts.keys)
        made.keys_form.keys_chosen.connect(self._controller.shortcuts.choose)
        apply_theme(made, self._controller.viewer.theme)
        return made

    def open_sample(self) -> None:
        """Open the image to begin with."""
        self._controller.viewer.open_sample(PLUGIN, SAMPLE)

    def show_settings(self, page: int = 0) -> None:
        """Show a page of the settings."""
        self.settings.tabs.setCurrentIndex(page)
        _show(self.settings)

    def _show_keys(self) -> None:
        sheet = KeysSheet(self._controller.shortcuts.keys, lambda: self.show_settings(1), self._widget)
        sheet.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        sheet.show()

    def _ask_what_to_open(self) -> None:
        preferences = self._controller.preferences
        paths, _ = QFileDialog.getOpenFileNames(
            self._widget, "Open an image", str(preferences.get(_FOLDER, Path.home()))
        )
        if paths:
            preferences.set(_FOLDER, str(Path(paths[0]).parent))
            self._controller.viewer.open(paths, plugin=None)

    def _remember_preset(self, name: str) -> None:
        self._controller.preferences.set(_PRESET, name)
        self._panels.source.set_last_preset(name)

    def _open_dock(self, title: str) -> None:
        # A tab of its own: below the panel, both would be too low to work in.
        dock, _ = self._controller.viewer.window.add_plugin_dock_widget(PLUGIN, title, tabify=True)
        # Not before Qt has made the tabs.
        QTimer.singleShot(0, dock.raise_)

    def _ask_what_axes(self) -> None:
        selection = self._controller.selection
        image = selection.image
        if image is None:
            return
        rows = [
            (f"axis {i + 1}: {each.count} long{f', {each.step}' if each.step else ''}", each.letter)
            for i, each in enumerate(axis_meanings(image))
        ]
        words = {a: word for a, word in AXIS_WORDS.items() if not (image.rgb and a == "c")}
        dialog = AxesDialog(
            rows, words, lambda letters: check_letters(letters, image.ndim, rgb=image.rgb), self._widget
        )
        if dialog.exec():
            selection.choose_axes(dialog.letters())

    def _ask_where_to_save(self) -> None:
        image, worker = self._controller.selection.image, self._controller.selection.worker
        if image is None or worker is None:
            return
        answer = ask_where_to_save(self._widget, str(image.name), worker.volume)
        if answer is not None:
            self._controller.save(*answer)

    def _ask_where_to_save_tracks(self) -> None:
        kinds = "Table (*.csv);;Excel (*.xlsx);;Folder of the Cell Tracking Challenge (*)"
        name, _ = QFileDialog.getSaveFileName(self._widget, "Save tracks", "tracks.csv", kinds)
        if name:
            self._controller.many.save_tracks(Path(name))

    def _ask_for_a_range(self) -> None:
        shown = self._controller.selection.contrast_limits()
        dialog = RangeDialog(*self._controller.many.ranges(), self._widget, shown)
        if dialog.exec():
            self._controller.many.set_range(*dialog.answer())

    def _ask_which_labels(self, track: bool = False) -> None:
        layers = self._controller.prompting.labels_to_take()
        if not layers:
            show_info("There is no other labels layer of the same size as the image. Open or draw one first.")
            return
        worker = self._controller.selection.worker
        called = frame_word(None if worker is None else worker.grid.frame_axis, 2)
        dialog = LabelsDialog(layers, called, self._widget)
        if dialog.exec():
            self._controller.prompting.take_labels(dialog.request())
            if track:
                self._controller.propagate("both")

    def _show_check(self, text: str) -> None:
        dialog = CheckDialog(text, self._widget)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()


def _window(title: str, content: QWidget, parent: QWidget) -> QDialog:
    """Put a panel into a window that stays open beside the work."""
    made = QDialog(parent)
    made.setWindowTitle(title)
    column = QVBoxLayout(made)
    column.addWidget(content)
    column.addStretch(1)
    return made


def _show(dialog: QDialog) -> None:
    dialog.show()
    dialog.raise_()
    dialog.activateWindow()
