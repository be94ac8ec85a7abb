"""The actions of the panel as commands, so that napari's command palette offers them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import napari.viewer

from napari_sam2.widgets import PLUGIN
from napari_sam2.widgets.actions import DEFAULT_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable

PANEL = "Segment with SAM 2"


def __getattr__(name: str) -> Callable[[napari.viewer.Viewer], None]:
    """Return the command of an action, by which ``napari.yaml`` names it."""
    if name not in DEFAULT_KEYS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def run(viewer: napari.viewer.Viewer) -> None:
        _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, PANEL)
        panel.controller.shortcuts.run(name)

    return run
