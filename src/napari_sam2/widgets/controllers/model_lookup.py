"""Which models are on this computer, and which devices it has; asked in a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam2.engine.catalog.model_files import path_of
from napari_sam2.engine.catalog.registry import known_models

if TYPE_CHECKING:
    from napari_sam2.engine.catalog.registry import ModelEntry


def find_models() -> tuple[dict[str, ModelEntry], set[str]]:
    """Return the known models by name, and the names of those whose file is not here."""
    entries = known_models()
    there = {name for name, entry in entries.items() if (path := path_of(entry)) is not None and path.is_file()}
    return entries, set(entries) - there


def find_devices() -> list[tuple[str, str]]:
    """Return title and name of each device; imports torch."""
    from napari_sam2.engine.device import list_devices

    found = list_devices()
    rows = [("auto: " + found[0].title, "auto")]
    for device in found:
        memory = "" if device.memory is None else f", {device.memory / 1e9:.0f} GB"
        rows.append((f"{device.title}{memory}", device.name))
    return rows
