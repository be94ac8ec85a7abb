"""Several pictures at one position: time points, where the headers say so, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam2.io.dicom.times import in_order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_sam2.io.dicom.header import SliceHeader

    Ranks = Mapping[SliceHeader, Any]


class NoVolumeError(Exception):
    """The slices are no regular volume.

    Parameters
    ----------
    reason
        Completes the sentence "FOLDER cannot be read as a volume: …".
    remedy
        What the user can do about it.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


def time_points(groups: list[list[SliceHeader]]) -> tuple[list[list[SliceHeader]], bool]:
    """``groups[position]`` → ``times[t][position]``, and whether the headers say that it is time that differs.

    Raises
    ------
    NoVolumeError
        If a slice is there twice, a time point is incomplete, or nothing tells the pictures of a position apart.
    """
    counts = sorted({len(g) for g in groups})
    if counts == [1]:
        return [[g[0] for g in groups]], True
    doubled = next(g for g in groups if len(g) > 1)
    names = ", ".join(s.name for s in doubled[:4])
    uids = [(s.sop_instance_uid, s.frame) for s in doubled if s.sop_instance_uid]
    if len(set(uids)) < len(uids):
        raise NoVolumeError(
            f"it holds the same slice twice ({names} have one SOPInstanceUID)", "Remove the duplicate files."
        )
    ranks, is_time = _ranks(groups)
    if ranks is not None and len(counts) > 1:
        raise NoVolumeError(
            f"its time points are incomplete: a position has from {counts[0]} to {counts[-1]} images",
            "Export the series again with all its images.",
        )
    if ranks is None:
        where = "all its slices lie" if len(groups) == 1 else f"{len(doubled)} slices lie"
        raise NoVolumeError(
            f"{where} at one position ({names}), and the headers do not say that they are time points",
            "Keep one slice per position, in a folder of its own.",
        )
    by_time = [sorted(g, key=lambda s: (ranks[s], s.instance_number)) for g in groups]
    # Pictures of several directions of diffusion are taken one after the other, but time is not what they show.
    is_time = is_time and all(s.is_time for g in groups for s in g)
    is_time = is_time and not any(len({s.gradient for s in g}) > 1 for g in groups)
    return [[g[t] for g in by_time] for t in range(counts[0])], is_time


def _ranks(groups: list[list[SliceHeader]]) -> tuple[Ranks | None, bool]:
    """Return what orders the pictures of one position, None where nothing does, and whether that is time."""
    every = [s for g in groups for s in g]
    for ranks in (
        {s: s.temporal_position for s in every},
        {s: s.trigger_time for s in every},
        {s: s.reference_time for s in every},
        {s: s.phase for s in every},
    ):
        if _tell_apart(ranks, groups):
            return ranks, True
    is_film = len(groups) == 1 and len({s.path for s in every}) == 1
    # At one position alone, times and numbers differ too where a scanner repeats a picture for another reason.
    if len(groups) == 1 and not is_film:
        return None, False
    seconds = in_order([s.acquired for s in every])
    if seconds is not None and _tell_apart(acquired := dict(zip(every, seconds, strict=True)), groups):
        return acquired, True
    if is_film and every[0].frame_interval:
        return {s: s.frame for s in every}, True
    numbers = {s: s.instance_number for s in every}
    if groups[0][0].temporal_positions == len(groups[0]) and _tell_apart(numbers, groups):
        return numbers, True
    acquisitions = {s: s.acquisition_number for s in every}
    return (acquisitions, False) if _tell_apart(acquisitions, groups) else (None, False)


def _tell_apart(ranks: Ranks, groups: list[list[SliceHeader]]) -> bool:
    """Tell whether each picture has a rank, and no two at one position have the same."""
    values = [[ranks[s] for s in g] for g in groups]
    return all(None not in v and len(set(v)) == len(v) for v in values)
