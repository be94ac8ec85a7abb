"""Where an object must not be: in the "not here" image, and in what is locked of the others where these are a limit.

Nothing here changes anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.core.masks import RunLengthMask
from napari_sam2.session.log.kinds import EVERY, FORBIDDEN, LOCK, MASK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.session.log.history import History
    from napari_sam2.session.log.records import Neighbours


class Limits:
    """The limits of the objects on each frame, as the log says now.

    Parameters
    ----------
    history
        The log.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._revision = -1
        self._by_frame: dict[int, list[tuple[int, RunLengthMask]]] = {}
        self._unions: dict[tuple[int, int], tuple[tuple[RunLengthMask, ...], RunLengthMask | None]] = {}

    def of(self, obj_id: int, frame: int, neighbours: Neighbours) -> RunLengthMask | None:
        """Return where an object must not be on a frame; None where it is free."""
        if neighbours == "free":
            return self._history.get(FORBIDDEN, EVERY, frame)
        self._look()
        parts = tuple(mask for i, mask in self._by_frame.get(frame, ()) if i != obj_id)
        known = self._unions.get((obj_id, frame))
        if (
            known is None
            or len(known[0]) != len(parts)
            or any(a is not b for a, b in zip(known[0], parts, strict=True))
        ):
            known = self._unions[obj_id, frame] = (parts, _union(parts))
        return known[1]

    def _look(self) -> None:
        history = self._history
        if self._revision == history.revision:
            return
        self._revision = history.revision
        found: dict[int, list[tuple[int, RunLengthMask]]] = {}
        for obj_id in history.objects(LOCK):
            masks = history.frames(MASK, obj_id)
            for frame in history.frames(LOCK, obj_id):
                if frame in masks and masks[frame].mask.area:
                    found.setdefault(frame, []).append((obj_id, masks[frame].mask))
        for frame, mask in history.frames(FORBIDDEN, EVERY).items():
            found.setdefault(frame, []).append((EVERY, mask))
        self._by_frame = found


def matters(mask: RunLengthMask, before: RunLengthMask | None, now: RunLengthMask | None) -> bool:
    """Return whether a limit that changed concerns a mask that was computed with the one before.

    It does where the mask has pixels that are forbidden now, or touches pixels that were forbidden and are free now.
    """
    if before == now or not mask.area:
        return False
    if now is not None and _share_pixels(mask, now):
        return True
    if before is None or (now is not None and _union((before, now)) == now):
        return False
    freed = before.decode() if now is None else before.decode() & ~now.decode()
    return bool((_grown(mask.decode()) & freed).any())


def touch(mask: RunLengthMask, other: RunLengthMask) -> bool:
    """Return whether two masks share pixels or lie side by side."""
    return bool(mask.area and other.area and (_grown(mask.decode()) & other.decode()).any())


def _share_pixels(one: RunLengthMask, other: RunLengthMask) -> bool:
    runs, others = one.runs, other.runs
    if not others.size:
        return False
    # Of the runs that begin before a run ends, the last one reaches farthest.
    last = np.searchsorted(others[:, 0], runs[:, 1]) - 1
    return bool(((last >= 0) & (others[last, 1] > runs[:, 0])).any())


def _grown(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy.ndimage import binary_dilation

    grown: NDArray[np.bool_] = binary_dilation(mask)
    return grown


def _union(parts: tuple[RunLengthMask, ...]) -> RunLengthMask | None:
    """Return all masks as one, from their runs alone; None where there are none."""
    if len(parts) < 2:
        return parts[0] if parts else None
    runs = np.concatenate([part.runs for part in parts])
    runs = runs[np.argsort(runs[:, 0], kind="stable")]
    reach = np.maximum.accumulate(runs[:, 1])
    first = np.flatnonzero(np.r_[True, runs[1:, 0] > reach[:-1]])
    merged = np.stack([runs[first, 0], reach[np.r_[first[1:] - 1, len(runs) - 1]]], axis=1).astype(np.int32)
    merged.setflags(write=False)
    return RunLengthMask(parts[0].shape, merged)
