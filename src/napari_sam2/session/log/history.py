"""One log of steps: the state of a session, and undo and redo of every change to it.

The state is a table of immutable values, ``table[kind][obj_id][frame]``; :mod:`napari_sam2.session.log.kinds` declares
the kinds. A step is a list of changes to that table, each with the value before and after, so one mechanism serves
prompts, previews, runs, edits and locks. Where a session has a file, the same changes go to its journal before the call
that made them returns.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeGuard, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from napari_sam2.session.log.kinds import Kind

T = TypeVar("T")
WHOLE = -1  # the "frame" of values that belong to an object as a whole
DEFAULT_BUDGET = 512 * 2**20
_ENTRY_BYTES = 200  # of a change, beside its value


class Put(Protocol):
    """Replaces one value as part of a step; None removes it."""

    def __call__(self, kind: Kind[T], obj_id: int, frame: int, value: T | None) -> None:
        """Replace the value of a kind for an object on a frame."""
        ...


@dataclass(frozen=True)
class Change(Generic[T]):
    """One value replaced; None stands for absent."""

    kind: Kind[T]
    obj_id: int
    frame: int
    before: T | None
    after: T | None


def is_of(change: Change[Any], kind: Kind[T]) -> TypeGuard[Change[T]]:
    """Return whether a change replaces a value of a kind."""
    return change.kind is kind


@dataclass(eq=False)
class Step:
    """The changes of one call: its name, its arguments (JSON-ready), and the changes in their order.

    ``time`` is when it began, in seconds since 1970 (UTC), rounded down; None where that was not noted.
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    changes: list[Change[Any]] = field(default_factory=list)
    time: int | None = None


class Journal(Protocol):
    """The place where the log is kept: what a call was given is durable when it returns; if it raises, none is."""

    def append(self, step: Step, changes: Sequence[Change[Any]]) -> None:
        """Add changes to a step, which is new if the journal does not know it."""
        ...

    def mark(self, step: Step, changes: Sequence[Change[Any]], *, done: bool) -> None:
        """Note that a step was undone or done again; ``changes`` say what that made of the values."""
        ...

    def forget(self, steps: Sequence[Step]) -> None:
        """Drop steps that can be neither undone nor redone any more."""
        ...

    def rewrite(self, history: History) -> None:
        """Make the journal what the history is."""
        ...


class History:
    """The state and its log.

    Parameters
    ----------
    budget_bytes
        About how much memory the values of the log may take; beyond it the oldest steps can no longer be undone.
        The last step always can.
    """

    def __init__(self, budget_bytes: int = DEFAULT_BUDGET) -> None:
        self._table: dict[Kind[Any], dict[int, dict[int, Any]]] = {}
        self._done: list[Step] = []
        self._undone: list[Step] = []
        self._bytes = 0
        self._journal: Journal | None = None
        self._behind = False
        self.budget_bytes = budget_bytes
        # Tells the time of a new step; None: it is not noted.
        self.clock: Callable[[], float] | None = None
        self.revision = 0
        # Whether steps fell out of the log: what remains then does not tell the whole story.
        self.truncated = False

    # ------------------------------------------------------------------ reading

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return the steps that stand, oldest first."""
        return tuple(self._done)

    @property
    def undone(self) -> tuple[Step, ...]:
        """Return the steps that can be redone, the next one last."""
        return tuple(self._undone)

    def get(self, kind: Kind[T], obj_id: int, frame: int = WHOLE) -> T | None:
        """Return one value, or None."""
        return self.frames(kind, obj_id).get(frame)

    def frames(self, kind: Kind[T], obj_id: int) -> Mapping[int, T]:
        """Return all values of a kind for one object, by frame; a live view."""
        return self._table.get(kind, {}).get(obj_id, {})

    def objects(self, kind: Kind[Any]) -> list[int]:
        """Return the ids that have a value of a kind."""
        return [obj_id for obj_id, values in self._table.get(kind, {}).items() if values]

    @property
    def is_complete(self) -> bool:
        """Return whether the log reaches back to the beginning: there was no value before it set one first."""
        known: set[tuple[Kind[Any], int, int]] = set()
        for change in (c for step in self._done for c in step.changes):
            key = (change.kind, change.obj_id, change.frame)
            if key not in known and change.before is not None:
                return False
            known.add(key)
        return all((kind, obj_id, frame) in known for kind, obj_id, frame, _ in self.values())

    def values(self) -> Iterator[tuple[Kind[Any], int, int, Any]]:
        """Yield every value with its kind, object and frame."""
        for kind, objects in self._table.items():
            for obj_id, frames in objects.items():
                for frame, value in frames.items():
                    yield kind, obj_id, frame, value

    # ------------------------------------------------------------------ writing

    @contextmanager
    def step(self, name: str, /, **arguments: Any) -> Iterator[Put]:
        """Change values as one new step; see :meth:`writing`."""
        with self.writing(Step(name, arguments)) as put:
            yield put

    @contextmanager
    def writing(self, step: Step) -> Iterator[Put]:
        """Change values as part of a step: ``put(kind, obj_id, frame, value)``, where None removes.

        The block counts as a whole: if it fails, nothing of it remains; when it ends, it is in the journal. A step
        that changed nothing leaves no trace; the first change of a new step makes redo impossible.

        Raises
        ------
        SessionFileError
            If the journal refused. The changes then stand in memory, and the next write brings the journal up to date.
        """
        first = len(step.changes)

        def put(kind: Kind[T], obj_id: int, frame: int, value: T | None) -> None:
            # NumPy's whole numbers are as good to a caller, but not to the journal.
            obj_id, frame = int(obj_id), int(frame)
            before = self.get(kind, obj_id, frame)
            if before is value or (before is not None and value is not None and before == value):
                return
            step.changes.append(Change(kind, obj_id, frame, before, value))
            self._set(kind, obj_id, frame, value)

        try:
            yield put
        except BaseException:
            for change in reversed(step.changes[first:]):
                self._set(change.kind, change.obj_id, change.frame, change.before)
            del step.changes[first:]
            raise
        new = step.changes[first:]
        if not new:
            return
        lost: list[Step] = []
        if not first:
            if step.time is None and self.clock is not None:
                step.time = int(self.clock())
            lost = list(self._undone)
            self._bytes -= sum(map(_size_of, lost))
            self._undone.clear()
            self._done.append(step)
        self._bytes += sum(_size(change) for change in new)
        self._write(lambda journal: journal.append(step, new))
        lost += self._shrink()
        if lost:
            self._write(lambda journal: journal.forget(lost))

    def undo(self) -> Step | None:
        """Take back the last step; None at the end."""
        if not self._done:
            return None
        step = self._done.pop()
        taken = [Change(c.kind, c.obj_id, c.frame, c.after, c.before) for c in reversed(step.changes)]
        self._replace(taken)
        self._undone.append(step)
        self._write(lambda journal: journal.mark(step, taken, done=False))
        return step

    def redo(self) -> Step | None:
        """Do again what was undone last; None at the end."""
        if not self._undone:
            return None
        step = self._undone.pop()
        self._replace(step.changes)
        self._done.append(step)
        self._write(lambda journal: journal.mark(step, step.changes, done=True))
        return step

    # ------------------------------------------------------------------ journal

    def bind(self, journal: Journal | None) -> None:
        """Write every change to this journal from now on; it must know the history as it is."""
        self._journal = journal
        self._behind = False

    def catch_up(self) -> None:
        """Bring the journal up to date, where a write was refused."""
        self._write(lambda journal: None)

    def restore(
        self, values: Sequence[tuple[Kind[Any], int, int, Any]], done: Sequence[Step], undone: Sequence[Step]
    ) -> None:
        """Become what a journal holds."""
        self._table.clear()
        for kind, obj_id, frame, value in values:
            self._set(kind, obj_id, frame, value)
        self._done, self._undone = list(done), list(undone)
        self._bytes = sum(map(_size_of, (*done, *undone)))

    def _write(self, write: Callable[[Journal], None]) -> None:
        if self._journal is None:
            return
        if self._behind:
            self._journal.rewrite(self)
            self._behind = False
            return
        self._behind = True
        write(self._journal)
        self._behind = False

    # ------------------------------------------------------------------ inside

    def _shrink(self) -> list[Step]:
        """Take the oldest steps out of the log until it fits its budget."""
        lost = []
        while self._bytes > self.budget_bytes and len(self._done) > 1:
            oldest = self._done.pop(0)
            self._bytes -= _size_of(oldest)
            self.truncated = True
            lost.append(oldest)
        return lost

    def _replace(self, changes: Sequence[Change[Any]]) -> None:
        for change in changes:
            self._set(change.kind, change.obj_id, change.frame, change.after)

    def _set(self, kind: Kind[T], obj_id: int, frame: int, value: T | None) -> None:
        values = self._table.setdefault(kind, {}).setdefault(obj_id, {})
        if value is None:
            values.pop(frame, None)
        else:
            values[frame] = value
        self.revision += 1


def _size_of(step: Step) -> int:
    return sum(_size(change) for change in step.changes)


def _size(change: Change[Any]) -> int:
    """Return about how many bytes the new value takes; the old one was counted when it was new."""
    return _ENTRY_BYTES + (0 if change.after is None else change.kind.nbytes(change.after))
