"""The picture of a case: slices with the outlines of its objects, the doubtful ones among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.core.intensity import WindowedFrames
from napari_sam2.evaluation.montage import montage_frames, overlay, save_montage

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_sam2.session import VideoSession

_TILES, _COLUMNS = 8, 4
_NEW = (1.0, 0.9, 0.2)  # of objects that an operation made, which the session does not know


def write_picture(session: VideoSession, labels: NDArray[np.uint16], path: Path) -> None:
    """Write up to eight slices with outlines as PNG: the least sure one of each object, and others spread evenly.

    Parameters
    ----------
    session
        The finished session.
    labels
        On the volume's grid: what is outlined.
    path
        The picture; nothing is written where there is no mask.
    """
    masks = {f: labels[session.frame_index(f)] for f in range(session.frame_count)}
    even = montage_frames({f: mask > 0 for f, mask in masks.items()}, _TILES)
    if not even:
        return
    doubtful = _least_sure(session)[: _TILES // 2]
    shown = sorted({*doubtful, *even[: _TILES - len(doubtful)]})
    frames = WindowedFrames(session.volume, session.grid, session.mapping)
    colors = {int(number): _NEW for number in np.unique(labels) if number}
    colors |= {obj_id: info.color for obj_id, info in session.objects.items()}
    tiles = [
        overlay(
            np.asarray(frames[f]),
            [(masks[f] == obj_id, color) for obj_id, color in colors.items()],
            f"{f} doubtful" if f in doubtful else str(f),
        )
        for f in shown
    ]
    save_montage(path, tiles, _COLUMNS)


def _least_sure(session: VideoSession) -> list[int]:
    """Return the doubtful frame of lowest predicted IoU of each object."""
    found = []
    for obj_id in session.objects:
        scores = session.scores(obj_id)
        doubtful = scores[scores["doubtful"]]
        if len(doubtful):
            found.append(int(doubtful.index[int(doubtful["iou"].to_numpy(dtype=float).argmin())]))
    return found
