"""The former name of `napari_sam2.core.frames`, kept for scripts until the next version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam2.core.frames import *  # noqa: F403

if TYPE_CHECKING:
    from collections.abc import Mapping


def default_frame_axis(axes: str, spacing: Mapping[str, float], time_is_declared: bool = True) -> str | None:
    """Choose the axis to propagate along, as version 0.1 did: time, else the coarsest spacing, else the first.

    See :func:`napari_sam2.core.frame_axis.default_frame_axis`, which takes the volume and also tells the reason.
    """
    others = [a for a in axes if a != "c"]
    if len(others) == 2:
        return None
    if "t" in others and (time_is_declared or len(others) == 3):
        return "t"
    others = [a for a in others if a != "t"]
    coarsest = max(others, key=lambda a: (spacing.get(a, 1.0), -others.index(a)))
    finest = min(spacing.get(a, 1.0) for a in others)
    return coarsest if spacing.get(coarsest, 1.0) > finest * 1.01 else others[0]
