"""The Dask clusters that the user worked with, newest first, in a small JSON file beside the settings."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from napari_sam2.core.atomic_write import replacing
from napari_sam2.engine.catalog.user_models import settings_path
from napari_sam2.errors import WriteError

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)
_COUNT = 8


def known_clusters() -> list[str]:
    """Return addresses, ``HOST:PORT``, the one used last first."""
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
        return [address for address in found if isinstance(address, str)]
    except (OSError, ValueError, TypeError):
        # A list that cannot be read is worth nothing, and no reason to stop.
        return []


def remember_cluster(address: str) -> None:
    """Put an address first; where that cannot be written, it is not remembered."""
    addresses = [address, *(known for known in known_clusters() if known != address)][:_COUNT]
    try:
        _file().parent.mkdir(parents=True, exist_ok=True)
        with replacing(_file()) as part:
            part.write_text(json.dumps(addresses, indent=1) + "\n", encoding="utf-8")
    except (OSError, WriteError) as error:
        _log.warning("%s", error)


def _file() -> Path:
    return settings_path().with_name("clusters.json")
