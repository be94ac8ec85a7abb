"""A dock whose form gives tables: they are shown, saved, and clicked to go to an object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam2.io.tables import write_table
from napari_sam2.widgets.forms.form_dock import FormDock
from napari_sam2.widgets.forms.places import show_place
from napari_sam2.widgets.forms.results import Results

if TYPE_CHECKING:
    from os import PathLike

    import pandas as pd
    from napari.components import ViewerModel
    from napari.layers import Labels

    from napari_sam2.core.volume import ImageVolume


class TablesDock(FormDock):
    """Shows tables of the objects of a Labels layer.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in, or napari's proxy of it.
    called
        What the tables are, for names of files.
    """

    def __init__(self, napari_viewer: ViewerModel, called: str) -> None:
        super().__init__(napari_viewer)
        self.results = Results()
        self.shown: tuple[Labels, ImageVolume] | None = None
        self._called = called
        self.results.save_table_clicked.connect(self._ask_where_to_save)
        self.results.save_plot_clicked.connect(self._ask_where_to_save_plot)
        self.results.place_clicked.connect(self._go_to)

    def save_table(self, path: str | PathLike[str], table: pd.DataFrame) -> None:
        """Write a table, and say where it is or why it is not."""
        with self.telling():
            write_table(path, table)
            self.say(f"Wrote {len(table)} rows to {path}.")

    def save_plot(self, path: str | PathLike[str]) -> None:
        """Write the curves, and say where they are or why they are not."""
        with self.telling():
            self.results.plot.save(path)
            self.say(f"Wrote the plot to {path}.")

    def _go_to(self, row: dict[str, Any]) -> None:
        if self.shown is not None and self.shown[0] in self.viewer.layers and row["object"]:
            show_place(self.viewer, *self.shown, row)

    def _ask_where_to_save(self, table: pd.DataFrame) -> None:
        path = self.ask_where("Save the table", f"{self._name()}.csv", "CSV (*.csv);;Excel (*.xlsx)")
        if path is not None:
            self.save_table(path, table)

    def _ask_where_to_save_plot(self) -> None:
        path = self.ask_where("Save the plot", f"{self._name()}.svg", "SVG (*.svg);;PNG (*.png)")
        if path is not None:
            self.save_plot(path)

    def _name(self) -> str:
        return self._called if self.shown is None else f"{self.shown[0].name} {self._called}"
