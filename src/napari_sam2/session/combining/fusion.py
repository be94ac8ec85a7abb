"""One set of labels out of several sessions on one volume, such as those along z, y and x."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.analysis.consensus import RULES, fuse_masks
from napari_sam2.core.masks import box_around
from napari_sam2.errors import PromptError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_sam2.analysis.consensus import Rule
    from napari_sam2.session.session import VideoSession


def fuse_axes(sessions: Sequence[VideoSession], rule: Rule = "vote") -> NDArray[np.uint16]:
    """Fuse the masks of sessions that went through one volume along different axes.

    Objects are matched by their id. On a frame without a mask of an object, not even an empty one, a session has no
    opinion; where none has, there is no object. A voxel that two objects get stays with the earlier in the first
    session.

    Parameters
    ----------
    sessions
        At least two on the same volume, with the same ``at``.
    rule
        ``"vote"``: more than half of the masks; of two, both. ``"mean"``: the mean of the signed distances to the
        borders of the masks, in physical units; as sessions keep no logits, this is shape-based averaging (T. Rohlfing,
        C. R. Maurer, IEEE Transactions on Image Processing 16:153, 2007). It is smoother, and does not break off thin
        parts of which each session has another one.

    Returns
    -------
    ndarray
        ``uint16`` on the grid of the volume without channels, 0 is background. Of a volume with more axes only the part
        that the sessions work on is filled.

    Raises
    ------
    PromptError
        If there are fewer than two sessions, they are of different images or parts, or there is no such rule.

    Examples
    --------
    >>> fused = ns.fuse_axes([session_z, session_y, session_x])  # doctest: +SKIP
    """
    listed = list(sessions)
    if rule not in RULES:
        raise PromptError(f"rule={rule!r} is not possible; choose one of {', '.join(RULES)}.")
    if len(listed) < 2:
        raise PromptError("fuse_axes needs at least two sessions on one volume, such as along z and along y.")
    first = listed[0]
    for other in listed[1:]:
        _check_same(first, other)
    fixed = _fixed(first)
    part = tuple(fixed.get(axis, slice(None)) for axis in first.grid.label_axes)
    axes = [axis for axis in first.grid.label_axes if axis not in fixed]
    pictures = [session.labels()[part] for session in listed]
    fused = np.zeros(first.grid.label_shape, np.uint16)
    inside = fused[part]
    for obj_id in dict.fromkeys(i for session in listed for i in session.objects):
        masks = [picture == obj_id for picture in pictures]
        crop = box_around(np.logical_or.reduce(masks), (1,) * inside.ndim)
        if crop is None:
            continue
        known = [_known(session, obj_id, axes, inside.shape) for session in listed]
        stacks: list[NDArray[Any]] = [mask[crop] for mask in masks]
        if rule == "mean":
            steps = tuple(first.volume.spacing_of(axis) for axis in axes)
            stacks = [_signed_distance(stack, steps) for stack in stacks]
        agreed = fuse_masks(stacks, rule, [k[crop] for k in known])
        inside[crop][agreed & (inside[crop] == 0)] = obj_id
    return fused


def _fixed(session: VideoSession) -> dict[str, int]:
    return dict(session.grid.at)


def _check_same(first: VideoSession, other: VideoSession) -> None:
    one, two = first.grid, other.grid
    if one.label_axes != two.label_axes or one.label_shape != two.label_shape:
        raise PromptError(
            f"The sessions are of different images: {one.label_shape} ({one.label_axes}) and {two.label_shape} "
            f"({two.label_axes})."
        )
    if _fixed(first) != _fixed(other):
        raise PromptError(f"The sessions are of different parts of the image: at={_fixed(first)} and {_fixed(other)}.")


def _known(session: VideoSession, obj_id: int, axes: list[str], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return where a session has a mask of an object, empty or not; a view of one value for each frame."""
    frames: list[int] = session.scores(obj_id).index.tolist() if obj_id in session.objects else []
    along = np.zeros(session.frame_count, bool)
    along[frames] = True
    lengths = [session.frame_count if axis == session.grid.frame_axis else 1 for axis in axes]
    return np.broadcast_to(along.reshape(lengths), shape)


def _signed_distance(mask: NDArray[np.bool_], steps: tuple[float, ...]) -> NDArray[np.float32]:
    """Return the distance to the border of a mask: above zero inside, below zero outside."""
    from scipy.ndimage import distance_transform_edt

    if not mask.any():
        # No border to measure from: as far outside as this part is long.
        return np.full(mask.shape, -float(np.dot(mask.shape, steps)), np.float32)
    # A voxel of outside all around, so that a mask that fills its part has a border.
    padded = np.pad(mask, 1)
    inside = distance_transform_edt(padded, sampling=steps)[(slice(1, -1),) * mask.ndim]
    outside = distance_transform_edt(~mask, sampling=steps)
    distance: NDArray[np.float32] = (inside - outside).astype(np.float32)
    return distance
