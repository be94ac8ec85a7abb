"""The dock widget *Review cases*."""

from __future__ import annotations

from typing import Any

import napari.viewer

from napari_sam2.layers.proxy import unwrapped
from napari_sam2.widgets.forms.review_dock import ReviewDock


class ReviewCasesDock(ReviewDock):
    """Steps through a list of cases; each is opened in *Segment with SAM 2*.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in, or napari's proxy of it.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer, self._segment_widget)

    def _segment_widget(self) -> Any:
        viewer: Any = unwrapped(self.viewer)
        return viewer.window.add_plugin_dock_widget("napari-sam2", "Segment with SAM 2")[1]
