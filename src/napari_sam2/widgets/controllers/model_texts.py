"""What the dock widget says of a model, so that a user can choose one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_sam2.engine.catalog.registry import ModelEntry


def facts(entry: ModelEntry) -> str:
    """Size, licence and input size of a model, in a line."""
    size = entry.approximate_bytes
    shown = [f"{size / 1e6:.0f} MB"] if size else []
    shown.append(entry.licence)
    if entry.input_size is not None:
        shown.append(f"sees {entry.input_size} px")
    return " · ".join(shown)


def describe(entry: ModelEntry) -> str:
    """All that helps to choose a model."""
    source = entry.source_repo or entry.path
    lines = [entry.title, facts(entry), good_for(entry), entry.notice, f"From {source}." if source else ""]
    return "\n".join(line for line in lines if line)


def good_for(entry: ModelEntry) -> str:
    """What a model is good for, as a sentence; empty where it is not known."""
    return f"Good for: {entry.good_for}." if entry.good_for else ""
