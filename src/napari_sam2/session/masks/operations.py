"""Apply the mask operations of :mod:`napari_sam2.analysis.mask_operations` to objects of a session."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.analysis.mask_operations import find_operation
from napari_sam2.core.frame_spacing import frame_gap, pixel_size
from napari_sam2.core.masks import RunLengthMask
from napari_sam2.errors import LockedError, PromptError
from napari_sam2.session.log import step_names
from napari_sam2.session.log.kinds import MASK, PROMPTS
from napari_sam2.session.log.records import MaskRecord
from napari_sam2.session.objects import objects
from napari_sam2.session.state import checks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_sam2.analysis.mask_operations import Operation
    from napari_sam2.core.frames import FrameGrid
    from napari_sam2.core.volume import ImageVolume
    from napari_sam2.session.log.history import Put
    from napari_sam2.session.state.session_state import SessionState


def apply(
    state: SessionState,
    name: str,
    obj_id: int | Iterable[int] | None,
    frames: Iterable[int] | None,
    values: Mapping[str, Any],
) -> list[int]:
    """Apply an operation to objects, as one step; return the ids of the objects that were made."""
    with state.lock:
        found = _outcome(state, name, obj_id, frames, values)
        new = [i for i in found.masks if not state.has_object(i)]
        with state.history.step(step_names.APPLY, **found.how) as put:
            for i, masks in found.masks.items():
                if i in new:
                    objects.ensure(state, put, i)
                _write(state, put, i, masks)
        return new


def preview(
    state: SessionState,
    name: str,
    obj_id: int | Iterable[int] | None,
    frames: Iterable[int] | None,
    values: Mapping[str, Any],
) -> dict[int, NDArray[np.uint16]]:
    """Return the labels of the frames that an operation would change, by frame; nothing is changed."""
    with state.lock:
        found = _outcome(state, name, obj_id, frames, values)
        changed: dict[int, dict[int, RunLengthMask]] = {}
        for i, masks in found.masks.items():
            for frame, mask in masks.items():
                changed.setdefault(frame, {})[i] = mask
        return {frame: state.frame_labels(frame, changed[frame]) for frame in sorted(changed)}


@dataclass(frozen=True)
class _Outcome:
    """The masks that an operation changes, by object and frame, and how the step of it is described."""

    masks: dict[int, dict[int, RunLengthMask]]
    how: dict[str, Any]


def _outcome(
    state: SessionState,
    name: str,
    obj_id: int | Iterable[int] | None,
    frames: Iterable[int] | None,
    values: Mapping[str, Any],
) -> _Outcome:
    """Compute an operation; further parts of an object get ids that are free."""
    operation = find_operation(name)
    checks.check_open(state)
    ids = _objects(state, obj_id)
    chosen = None if frames is None else checks.check_frames(state, frames)
    given, spacing = _given(state, operation, values), stack_spacing(state.volume, state.grid)
    results = {i: operation.apply(_stack(state, i), spacing, **given) for i in ids}
    parts = {i: [_changes(state, i, k, mask, chosen) for k, mask in enumerate(results[i])] for i in ids}
    _check_locks(state, operation, parts, chosen)
    # Of an object without a voxel there is nothing to split.
    masks = {i: found[0] for i, found in parts.items() if found}
    others = [part for found in parts.values() for part in found[1:] if part]
    masks |= dict(zip(objects.new_ids(state, len(others)), others, strict=True))
    logged = {k: v for k, v in values.items() if isinstance(v, str | bool | int | float | np.generic)}
    kept = {key: _as_json(value) for key, value in logged.items()}
    return _Outcome(masks, {"operation": operation.name, "objects": ids, "frames": chosen, "values": kept})


def _as_json(value: str | float | np.generic) -> Any:
    """Return a parameter as the log tells it: JSON has no infinite numbers."""
    return str(value) if isinstance(value, float | np.floating) and not np.isfinite(value) else value


def _objects(state: SessionState, obj_id: int | Iterable[int] | None) -> list[int]:
    if obj_id is None:
        ids = state.object_ids()
    elif isinstance(obj_id, Iterable) and not isinstance(obj_id, str):
        ids = list(dict.fromkeys(checks.check_objects(state, obj_id) or []))
    else:
        ids = [checks.check_object(state, obj_id)]
    if not ids:
        raise PromptError("There is no object to change: prompt or draw one first.")
    return [int(i) for i in ids]


def _given(state: SessionState, operation: Operation, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters as the operation takes them: masks for objects, and what the session knows."""
    given, kinds = dict(values), {p.name: p.kind for p in operation.parameters}
    for name, kind in kinds.items():
        if kind == "mask" and given.get(name) is not None:
            given[name] = _stack(state, checks.check_object(state, given[name]))
        elif kind == "image":
            given[name] = image_values(state.volume, state.grid)
        elif kind == "frame" and given.get(name) is not None:
            given[name] = checks.check_frame(state, given[name])
    if "dimensions" in kinds and state.grid.frame_axis == "t":
        if given.get("dimensions", 2) != 2:
            raise PromptError("Along time there are no shapes in 3-D: leave dimensions= out, or give 2.")
        given["dimensions"] = 2
    return given


def _stack(state: SessionState, obj_id: int) -> NDArray[np.bool_]:
    """Return the masks of an object ``(frame, Y, X)``."""
    stack = np.zeros((state.grid.frame_count, *state.grid.frame_shape), dtype=bool)
    for frame, record in state.history.frames(MASK, obj_id).items():
        stack[frame] = record.mask.decode()
    return stack


def image_values(volume: ImageVolume, grid: FrameGrid) -> NDArray[Any]:
    """Return the values of an image ``(frame, Y, X)``; of several channels the first that is shown."""
    pictures = (grid.read(volume.parts, frame) for frame in range(grid.frame_count))
    return np.stack([picture if picture.ndim == 2 else picture[..., 0] for picture in pictures])


def stack_spacing(volume: ImageVolume, grid: FrameGrid) -> tuple[float, float, float]:
    """Return the spacing of a stack of frames; between time points, and across a single image, it is 1."""
    gap = None if grid.frame_axis == "t" else frame_gap(volume, grid)
    return (1.0 if gap is None else gap, *pixel_size(volume, grid))


def _changes(
    state: SessionState, obj_id: int, part: int, stack: NDArray[np.bool_], chosen: list[int] | None
) -> dict[int, RunLengthMask]:
    """Return the masks of a result that differ from those of the object; of further parts all that are not empty."""
    found = {}
    for frame in range(len(stack)) if chosen is None else chosen:
        mask, record = RunLengthMask.encode(stack[frame]), None if part else state.mask_record(obj_id, frame)
        if mask.area if record is None else mask != record.mask:
            found[frame] = mask
    return found


def _check_locks(
    state: SessionState,
    operation: Operation,
    parts: dict[int, list[dict[int, RunLengthMask]]],
    chosen: list[int] | None,
) -> None:
    """Leave out the locked frames that nobody asked for; LockedError where nothing else would change."""
    if chosen is not None:
        return
    locked = []
    for obj_id, found in parts.items():
        frames = {f for part in found for f in part if state.is_locked(obj_id, f)}
        locked += [(obj_id, f) for f in sorted(frames)]
        for part in found:
            for frame in frames & set(part):
                del part[frame]
    if locked and not any(part for found in parts.values() for part in found):
        obj_id, frame = locked[0]
        raise LockedError(
            f"{operation.name!r} would change locked {checks.word_of(state)}s alone, "
            f"such as {frame} of object {obj_id}: "
            "name them in frames= to change them all the same, or unlock them.",
            obj_id,
            frame,
        )


def _write(state: SessionState, put: Put, obj_id: int, masks: Mapping[int, RunLengthMask]) -> None:
    """Set masks as edits; one upon the answer to prompts stands for these prompts, until they change."""
    for frame, mask in masks.items():
        prompts = state.history.get(PROMPTS, obj_id, frame)
        put(MASK, obj_id, frame, MaskRecord(mask, "edit", computed_from=() if prompts is None else (prompts,)))
        if state.exact:
            # A pass of Meta's predictor writes all frames but locked ones.
            objects.lock(state, put, obj_id, frame)
        if mask.area:
            objects.uncut(state.history, put, obj_id, frame)
