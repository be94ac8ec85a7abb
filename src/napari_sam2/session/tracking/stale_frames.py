"""The frames that a run has to compute, as the session stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam2.session.state.accepted_frames import is_by_other_rules
from napari_sam2.session.tracking.limited_masks import ChangedLimits
from napari_sam2.session.tracking.planning import FrameTask, Freshness, owner_of, within_cuts

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from napari_sam2.session.state.session_state import SessionState
    from napari_sam2.session.tracking.planning import Direction


@dataclass(frozen=True)
class StaleFrames:
    """The frames of a run whose masks are missing, or would be other ones now.

    Parameters
    ----------
    state
        The session.
    direction
        Of the run.
    frames
        Those that it may compute.
    force
        Whether fresh frames count as stale.
    exactly
        The ``(object, frame)`` to compute, whether fresh or not; None: the stale ones.
    """

    state: SessionState
    direction: Direction
    frames: Sequence[int]
    force: bool
    exactly: Container[tuple[int, int]] | None = None

    def tasks(self, objects: Sequence[int], finished: Container[int]) -> dict[int, dict[int, FrameTask]]:
        """Return what is to be computed of these objects, by frame and object, without the ``finished`` frames."""
        state = self.state
        tasks: dict[int, dict[int, FrameTask]] = {}
        for obj_id in objects:
            accepted = state.accepted(obj_id)
            freshness = Freshness(state.history, obj_id, accepted)
            changed = ChangedLimits(state, obj_id)
            for frame in self.frames:
                if frame in finished:
                    continue
                if frame in accepted:
                    if not state.is_answered(obj_id, frame):
                        tasks.setdefault(frame, {})[obj_id] = FrameTask(accepted[frame], 1, accepted)
                    continue
                found = owner_of(accepted, frame, self.direction)
                if found is None or not within_cuts(state.history, obj_id, frame):
                    continue
                owner, sweep = found
                if self._is_due(obj_id, frame, freshness, changed.between(owner.frame, frame)):
                    tasks.setdefault(frame, {})[obj_id] = FrameTask(owner, sweep, accepted)
        return tasks

    def _is_due(self, obj_id: int, frame: int, freshness: Freshness, is_limited_anew: bool) -> bool:
        """Return whether a frame that is not accepted has to be computed."""
        if self.exactly is not None:
            return (obj_id, frame) in self.exactly
        record = self.state.mask_record(obj_id, frame)
        is_kept = record is not None and freshness.is_fresh(frame) and self.state.is_by_this_model(record)
        if self.force or record is None or not is_kept:
            return True
        # A mask that no model computed, such as one between accepted frames, knows no settings.
        value_range, rules = self.state.range_of(obj_id), self.state.rules
        by_others = record.value_range != value_range or is_by_other_rules(record, rules)
        return bool(record.model) and (is_limited_anew or by_others)
