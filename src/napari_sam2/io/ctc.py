"""Tracks in the format of the Cell Tracking Challenge (Maška et al. 2014; Ulman et al. 2017).

A mask image of 16 bits for each frame, and a text with a line ``L B E P`` for each track: its label, its first and last
frame, counted from 0, and the label of its parent, or 0. A track is in every frame from its first to its last; where an
object is away for a while, it comes back as a new track whose parent is the old one. A parent ends before its daughter
begins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.atomic_write import replacing_folder
from napari_sam2.core.paths import is_folder
from napari_sam2.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_MOST = 2**16 - 1
_OURS = re.compile(r"(mask|man_track)\d+\.tif|(res|man)_track\.txt")


@dataclass(frozen=True)
class CtcTrack:
    """One track: `object` is in each frame from `begin` to `end` under the number `label`; `parent` is a label or 0."""

    label: int
    begin: int
    end: int
    parent: int
    object: int


def ctc_tracks(frames: Mapping[int, Sequence[int]], lineage: Mapping[int, int]) -> list[CtcTrack]:
    """Return the tracks of objects by the rules of the format.

    The first track of an object has the object's number. After a gap, and where it stays on as one of its daughters
    begins, it goes on as a new track with a new label, whose parent is the one before.

    Parameters
    ----------
    frames
        The frames of each object, ascending.
    lineage
        ``{daughter: parent}``. A parent that has no frame before its daughter's first one is left out.

    Returns
    -------
    list of CtcTrack
        Ascending by label.

    Examples
    --------
    >>> [(t.label, t.begin, t.end, t.parent) for t in ctc_tracks({1: [0, 1, 4], 2: [2, 3]}, {2: 1})]
    [(1, 0, 1, 0), (2, 2, 3, 1), (3, 4, 4, 1)]
    """
    births: dict[int, set[int]] = {}
    for daughter, parent in lineage.items():
        if frames.get(daughter):
            births.setdefault(parent, set()).add(frames[daughter][0])
    free = max(frames, default=0) + 1
    tracks: list[CtcTrack] = []
    for obj_id, present in sorted(frames.items()):
        cuts = [i for i, f in enumerate(present) if i and (f > present[i - 1] + 1 or f in births.get(obj_id, ()))]
        label = obj_id
        for start, stop in zip([0, *cuts], [*cuts, len(present)], strict=True):
            # The parent of the first one is found below, once all tracks are there.
            previous = 0 if start == 0 else label
            if start:
                label, free = free, free + 1
            tracks.append(CtcTrack(label, present[start], present[stop - 1], previous, obj_id))
    return sorted((_with_parent(t, tracks, lineage) for t in tracks), key=lambda t: t.label)


def _with_parent(track: CtcTrack, tracks: Iterable[CtcTrack], lineage: Mapping[int, int]) -> CtcTrack:
    if track.parent or track.object not in lineage:
        return track
    before = [t for t in tracks if t.object == lineage[track.object] and t.end < track.begin]
    parent = max(before, key=lambda t: t.end).label if before else 0
    return CtcTrack(track.label, track.begin, track.end, parent, track.object)


def write_ctc(
    folder: Path, frames: Callable[[], Iterable[NDArray[Any]]], lineage: Mapping[int, int], *, truth: bool = False
) -> None:
    """Write a folder in the format of the Cell Tracking Challenge, whole or not at all.

    Parameters
    ----------
    folder
        Made, or replaced if it holds nothing but such files.
    frames
        Gives the labels of each frame, ``(Y, X)`` or ``(Z, Y, X)``, in order; called twice.
    lineage
        ``{daughter: parent}``.
    truth
        Name the files as those of a ground truth.

    Raises
    ------
    WriteError
        If the folder holds other files, there are more tracks than 16 bits can number, or the disk refuses.
    """
    import tifffile

    _check_folder(folder)
    present: dict[int, list[int]] = {}
    count = 0
    for count, frame in enumerate(frames(), start=1):
        for obj_id in np.unique(frame).tolist():
            if obj_id > 0:
                present.setdefault(obj_id, []).append(count - 1)
    tracks = ctc_tracks(present, lineage)
    if tracks and tracks[-1].label > _MOST:
        raise WriteError(
            f"{folder} was not written: the label {tracks[-1].label} does not fit in the 16 bits of the format.\n"
            "Renumber the objects."
        )
    of_object: dict[int, list[CtcTrack]] = {}
    for track in tracks:
        of_object.setdefault(track.object, []).append(track)
    image, text = ("man_track", "man_track.txt") if truth else ("mask", "res_track.txt")
    digits = max(3, len(str(count - 1)))
    with replacing_folder(folder) as temporary:
        temporary.mkdir()
        for t, frame in enumerate(frames()):
            name = temporary / f"{image}{t:0{digits}d}.tif"
            tifffile.imwrite(name, _relabelled(frame, t, of_object), photometric="minisblack", compression="zlib")
        lines = [f"{t.label} {t.begin} {t.end} {t.parent}\n" for t in tracks]
        (temporary / text).write_text("".join(lines), encoding="ascii")


def _relabelled(frame: NDArray[Any], t: int, of_object: Mapping[int, list[CtcTrack]]) -> NDArray[np.uint16]:
    ids, which = np.unique(frame, return_inverse=True)
    labels = [next((r.label for r in of_object.get(i, ()) if r.begin <= t <= r.end), 0) for i in ids.tolist()]
    return np.array(labels, dtype=np.uint16)[which].reshape(frame.shape)


def _check_folder(folder: Path) -> None:
    if not is_folder(folder):
        return
    other = next((p.name for p in folder.iterdir() if not _OURS.fullmatch(p.name)), None)
    if other is not None:
        raise WriteError(
            f"{folder} was not written: the folder holds other files, such as {other}, which would be lost.\n"
            "Give the name of a new folder."
        )
