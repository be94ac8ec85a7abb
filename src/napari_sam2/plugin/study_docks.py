"""The docks that show their results in *Segment with SAM 2*: *Review cases* and *Follow up*."""

from __future__ import annotations

from functools import partial
from typing import Any

import napari.viewer
from qtpy.QtCore import QTimer

from napari_sam2.layers.proxy import unwrapped
from napari_sam2.widgets import PLUGIN
from napari_sam2.widgets.forms.follow_up_dock import FollowUpDock
from napari_sam2.widgets.forms.review_dock import ReviewDock

_SEGMENT = "Segment with SAM 2"


def show_segment(viewer: Any, beside: Any = None) -> Any:
    """Show the dock widget *Segment with SAM 2* and return it.

    Parameters
    ----------
    viewer
        The viewer.
    beside
        A docked widget that stays in front, if the dock widget is new and shares its place.
    """
    dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, _SEGMENT, tabify=beside is not None)
    dock.show()
    if beside is not None and beside.parent() is not None:
        # Not before Qt has made the tabs.
        QTimer.singleShot(0, beside.parent().raise_)
    return widget


class ReviewCasesDock(ReviewDock):
    """Steps through a list of cases; each is opened in *Segment with SAM 2*.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in, or napari's proxy of it.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer, partial(show_segment, unwrapped(napari_viewer), self))


class FollowUp(FollowUpDock):
    """Carries objects of an earlier study over; the new session is opened in *Segment with SAM 2*.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in, or napari's proxy of it.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer, partial(show_segment, unwrapped(napari_viewer), self))
