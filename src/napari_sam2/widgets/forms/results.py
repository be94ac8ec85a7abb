"""What a dock of measurements shows: a row for each object, a row for each object and frame, and curves over frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from napari_sam2.core.formatting import frame_word
from napari_sam2.widgets.forms.curve_plot import CurvePlot
from napari_sam2.widgets.forms.data_table import DataTable
from napari_sam2.widgets.views.common import button, row, set_reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

_NOTHING = "there is no table yet."


class Results(QWidget):
    """Three tabs, and buttons that save what they show."""

    save_table_clicked = Signal(object)
    """The table of the tab that is shown."""
    save_plot_clicked = Signal()
    place_clicked = Signal(object)
    """The row of a table that was clicked, a mapping of its columns."""

    def __init__(self) -> None:
        super().__init__()
        self.objects, self.frames, self.plot = DataTable(), DataTable(), CurvePlot()
        self.tabs = QTabWidget()
        self.tabs.addTab(self.objects, "Objects")
        self.tabs.addTab(self.frames, "Frames")
        self.tabs.addTab(self.plot, "Plot")
        self.save_table = button(
            "Save table…",
            "Write the table of this tab as CSV or Excel, with its units in the header.",
            self._save_table,
        )
        self.save_plot = button("Save plot…", "Write the curves as SVG or PNG.", self.save_plot_clicked.emit)
        for each in (self.save_table, self.save_plot):
            set_reason(each, _NOTHING)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.tabs, 1)
        column.addLayout(row(self.save_table, self.save_plot))
        for table in (self.objects, self.frames):
            table.row_clicked.connect(lambda i, table=table: self.place_clicked.emit(table.table.iloc[i].to_dict()))

    def show_tables(
        self, objects: pd.DataFrame, frames: pd.DataFrame, colors: Mapping[int, tuple[float, ...]], axis: str | None
    ) -> None:
        """Show new tables.

        Parameters
        ----------
        objects
            A row for each object.
        frames
            A row for each object and frame.
        colors
            Red, green and blue (0 to 1) of objects.
        axis
            Letter of the axis of the frames.
        """
        self.objects.show_table(objects, colors)
        self.frames.show_table(frames, colors)
        self.tabs.setTabText(1, frame_word(axis, 2).capitalize())
        self.plot.show_frames(frames, colors, frame_word(axis))
        set_reason(self.save_table, "" if len(objects) else _NOTHING)
        set_reason(self.save_plot, "" if self.plot.curves else _NOTHING)

    def _save_table(self) -> None:
        self.save_table_clicked.emit(self.frames.table if self.tabs.currentIndex() == 1 else self.objects.table)
