"""Carry the objects of a session over to a later image of the same patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.core.masks import RunLengthMask
from napari_sam2.core.volume import check_volume
from napari_sam2.errors import PromptError
from napari_sam2.session.log import step_names
from napari_sam2.session.log.history import WHOLE
from napari_sam2.session.log.kinds import MASK, OBJECT, REVIEW
from napari_sam2.session.log.records import MaskRecord, Review
from napari_sam2.session.masks.registration import patient_transform

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.core.frames import FrameGrid
    from napari_sam2.core.volume import ImageVolume
    from napari_sam2.session.state.session_state import SessionState

COMMENT = "carried over from an earlier image: check its masks"
# Key frames of an object: its largest one, and one in the middle of what lies on either side of it.
_LEAST_PIXELS = 4


def carried_masks(
    state: SessionState, volume: ImageVolume, grid: FrameGrid, registration: str
) -> dict[int, dict[int, RunLengthMask]]:
    """Return the masks of the objects on key frames of a later image, by object and frame."""
    check_volume(volume)
    if not state.object_ids():
        raise PromptError("There is no object to carry over: prompt or draw one first.")
    way = patient_transform(volume, state.volume, registration)
    # From an index of the later image to one of the earlier, both (z, y, x, 1).
    to_old = np.linalg.inv(state.volume.affine) @ way @ volume.affine
    found = {}
    for obj_id in state.object_ids():
        masks = _resampled(_volume_mask(state, obj_id), to_old, volume, grid)
        areas = masks.sum(axis=(1, 2))
        found[obj_id] = {frame: RunLengthMask.encode(masks[frame]) for frame in _key_frames(areas)}
    if not any(found.values()):
        raise PromptError(
            "No object lies within the later image: check that both show the same part of the patient, "
            "or use registration='rigid'."
        )
    return found


def take_over(state: SessionState, earlier: SessionState, masks: dict[int, dict[int, RunLengthMask]]) -> None:
    """Make the objects with these masks, to be checked, as one step."""
    with state.history.step(step_names.OPEN_FOLLOW_UP, objects=list(masks)) as put:
        for obj_id, found in masks.items():
            put(OBJECT, obj_id, WHOLE, earlier.object_record(obj_id))
            put(REVIEW, obj_id, WHOLE, Review("needs edit", COMMENT))
            for frame, mask in found.items():
                # Neither drawn nor locked nor prompted: shown, but nothing follows from it before the user accepts it.
                put(MASK, obj_id, frame, MaskRecord(mask, "track"))


def _volume_mask(state: SessionState, obj_id: int) -> NDArray[np.bool_]:
    """Return the masks of an object on the spatial grid of its volume, ``(z, y, x)``."""
    grid = state.grid
    whole = np.zeros(grid.label_shape, dtype=bool)
    for frame, record in state.history.frames(MASK, obj_id).items():
        whole[grid.label_index(frame)] = record.mask.decode()
    fixed = dict(grid.at)
    part = whole[tuple(fixed[a] if a in fixed else slice(None) for a in grid.label_axes)]
    left = [a for a in grid.label_axes if a not in fixed]
    return part.transpose([left.index(a) for a in "zyx"])


def _resampled(
    mask: NDArray[np.bool_], to_old: NDArray[np.float64], volume: ImageVolume, grid: FrameGrid
) -> NDArray[np.bool_]:
    """Return a mask on the frames of another volume, ``(frame, y, x)``, linearly interpolated."""
    from scipy.ndimage import affine_transform

    shape = tuple(volume.size_of(axis) for axis in "zyx")
    values = affine_transform(
        mask.astype(np.float32), to_old[:3, :3], to_old[:3, 3], output_shape=shape, order=1, mode="constant"
    )
    order = [str(grid.frame_axis), *grid.plane_axes]
    return np.asarray(values.transpose(["zyx".index(axis) for axis in order]) >= 0.5)


def _key_frames(areas: NDArray[np.int_]) -> list[int]:
    filled = np.flatnonzero(areas >= _LEAST_PIXELS)
    if filled.size == 0:
        return []
    largest = int(areas.argmax())
    between = [(largest + int(filled[0])) // 2, (largest + int(filled[-1]) + 1) // 2]
    return sorted({largest, *(f for f in between if areas[f] >= _LEAST_PIXELS)})
