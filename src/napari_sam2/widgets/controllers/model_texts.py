"""Descriptions of the models that help to choose one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_sam2.engine.catalog.registry import ModelEntry


def facts(entry: ModelEntry) -> str:
    """Return size, licence and input size of a model in a line."""
    size = entry.approximate_bytes
    shown = [f"{size / 1e6:.0f} MB"] if size else []
    shown.append(entry.licence)
    if entry.input_size is not None:
        shown.append(f"sees {entry.input_size} px")
    return " · ".join(shown)


def describe(entry: ModelEntry) -> str:
    """Return all that is known of a model, one line for each matter."""
    source = entry.source_repo or entry.path
    lines = [entry.title, facts(entry), good_for(entry), entry.notice, f"From {source}." if source else ""]
    return "\n".join(line for line in lines if line)


def good_for(entry: ModelEntry) -> str:
    """Return a sentence on the purpose of a model; empty where it is not known."""
    return f"Good for: {entry.good_for}." if entry.good_for else ""


def short(title: str) -> str:
    """Return the name in a title, without what stands in brackets behind it.

    Examples
    --------
    >>> short("Starter (bundled; small, for a laptop's CPU)")
    'Starter'
    """
    return title.split(" (")[0]
