"""Napari's menus."""

from __future__ import annotations


def open_dock(command: str, title: str) -> None:
    """Open a dock widget of the plugin as the entry of napari's menu does."""
    from napari._app_model import get_app_model

    commands = get_app_model().commands
    # In older napari the entry has the title in its name.
    commands.execute_command(command if command in commands else f"napari-sam2:{title}").result()
