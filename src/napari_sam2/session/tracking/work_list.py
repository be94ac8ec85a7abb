"""What a run has still to compute, kept so that the next frames are found without a look at all the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from napari_sam2.session.tracking.planning import FrameTask

    Tasks = Mapping[int, Mapping[int, FrameTask]]


class WorkList:
    """The tasks of a run that are left, by the way in which their frames are reached.

    Parameters
    ----------
    tasks
        By frame and object.
    computed
        The objects that are computed already, by frame.
    """

    def __init__(self, tasks: Tasks, computed: Mapping[int, Container[int]]) -> None:
        self._accepted: dict[tuple[int, int], FrameTask] = {}
        self._sweeps: dict[int, dict[int, dict[int, FrameTask]]] = {1: {}, -1: {}}
        for frame, found in sorted(tasks.items()):
            for obj_id, task in found.items():
                if obj_id in computed.get(frame, ()):
                    continue
                if task.owner.frame == frame:
                    self._accepted[obj_id, frame] = task
                self._sweeps[task.sweep].setdefault(frame, {})[obj_id] = task

    def next(self) -> list[tuple[int, int, FrameTask]]:
        """Return the (object, frame, task) triples to compute next: accepted frames first, then both sweeps."""
        for (obj_id, frame), task in self._accepted.items():
            return [(obj_id, frame, task)]
        tick = []
        for sweep, frames in self._sweeps.items():
            if frames:
                frame = min(frames) if sweep == 1 else max(frames)
                tick += [(obj_id, frame, task) for obj_id, task in frames[frame].items()]
        return tick

    def done(self, obj_id: int, frame: int) -> None:
        """Note that an object was computed on a frame."""
        self._accepted.pop((obj_id, frame), None)
        for frames in self._sweeps.values():
            found = frames.get(frame, {})
            if found.pop(obj_id, None) is not None and not found:
                del frames[frame]
