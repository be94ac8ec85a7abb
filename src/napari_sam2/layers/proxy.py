"""The viewer itself, where napari hands over a proxy of it."""

from __future__ import annotations

from typing import TypeVar, cast

T = TypeVar("T")


def unwrapped(viewer: T) -> T:
    """Return the object behind napari's proxy, or the object itself where it is none.

    Whatever is reached through a proxy is a new proxy each time, also layers, so none is the same object as another.
    """
    return cast("T", getattr(viewer, "__wrapped__", viewer))
