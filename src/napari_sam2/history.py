"""One log of steps: the state of a session, and undo and redo of every change to it.

The state is a table of immutable values, ``table[kind][obj_id][frame]``. A step is a list of changes to that
table, each with the value before and after, so one mechanism serves prompts, previews, runs, edits and locks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Change:
    """One value replaced; None stands for absent."""

    kind: str
    obj_id: int
    frame: int
    before: Any
    after: Any


@dataclass
class Step:
    """What one call changed: its name, its arguments (for replay), and the changes in their order."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)


class History:
    """The state and its log."""

    def __init__(self) -> None:
        self._table: dict[str, dict[int, dict[int, Any]]] = {}
        self._done: list[Step] = []
        self._undone: list[Step] = []
        self.revision = 0

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that stand, oldest first."""
        return tuple(self._done)

    def get(self, kind: str, obj_id: int, frame: int) -> Any:
        """One value, or None."""
        return self._table.get(kind, {}).get(obj_id, {}).get(frame)

    def frames(self, kind: str, obj_id: int) -> dict[int, Any]:
        """All values of a kind for one object, by frame; do not change it."""
        return self._table.get(kind, {}).get(obj_id, {})

    def objects(self, kind: str) -> list[int]:
        """Ids that have a value of a kind, in the order in which they came."""
        return [obj_id for obj_id, values in self._table.get(kind, {}).items() if values]

    def begin(self, name: str, /, **arguments: Any) -> Step:
        """Open a step; whatever was undone can no longer be redone."""
        step = Step(name, arguments)
        self._done.append(step)
        self._undone.clear()
        return step

    def put(self, step: Step, kind: str, obj_id: int, frame: int, value: Any) -> None:
        """Set a value as part of a step; None removes it."""
        before = self.get(kind, obj_id, frame)
        if before is value or (before is not None and value is not None and before == value):
            return
        step.changes.append(Change(kind, obj_id, frame, before, value))
        self._set(kind, obj_id, frame, value)

    def drop_if_empty(self, step: Step) -> None:
        """Take a step back out of the log if it changed nothing."""
        if not step.changes and self._done and self._done[-1] is step:
            self._done.pop()

    def undo(self) -> Step | None:
        """Take back the last step; None at the end."""
        if not self._done:
            return None
        step = self._done.pop()
        for change in reversed(step.changes):
            self._set(change.kind, change.obj_id, change.frame, change.before)
        self._undone.append(step)
        return step

    def redo(self) -> Step | None:
        """Do again what was undone last; None at the end."""
        if not self._undone:
            return None
        step = self._undone.pop()
        for change in step.changes:
            self._set(change.kind, change.obj_id, change.frame, change.after)
        self._done.append(step)
        return step

    def _set(self, kind: str, obj_id: int, frame: int, value: Any) -> None:
        values = self._table.setdefault(kind, {}).setdefault(obj_id, {})
        if value is None:
            values.pop(frame, None)
        else:
            values[frame] = value
        self.revision += 1
