"""The folders of the user in which this package keeps something, where the system wants them; they need not exist."""

from __future__ import annotations

from pathlib import Path

import platformdirs

_NAME = "napari-sam2"


def data_folder() -> Path:
    """Return the folder of what has to stay, such as sessions and models."""
    return Path(platformdirs.user_data_dir(_NAME, appauthor=False))


def config_folder() -> Path:
    """Return the folder of the settings."""
    return Path(platformdirs.user_config_dir(_NAME, appauthor=False))


def cache_folder() -> Path:
    """Return the folder of what can be made again, such as temporary files."""
    return Path(platformdirs.user_cache_dir(_NAME, appauthor=False))
