"""Changes of the prompts in the window until the session is told of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from napari_sam2.core.prompts import PromptSet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_sam2.core.prompts import PromptKey, PromptTable

# Prompts before and after, None for none.
Change = tuple["PromptSet | None", "PromptSet | None"]


class NetChanges(NamedTuple):
    """The result of several changes.

    ``prompts`` are the new prompts by key, None where there are none any more, the latest last; ``removed_together``
    are groups of keys whose prompts were removed by one act of the user.
    """

    prompts: dict[PromptKey, PromptSet | None]
    removed_together: list[set[PromptKey]]


class PendingPrompts:
    """The prompts that the window shows, and the changes of them that the session was not told yet.

    The main thread adds changes, a worker thread takes them. Each call of :meth:`add` has a number, so that the worker
    can take the changes up to the moment in which its work was asked for, and no later ones. The length is the number
    of calls whose changes wait.
    """

    def __init__(self) -> None:
        self._shown: dict[PromptKey, PromptSet] = {}
        self._last_number = 0
        self._waiting: list[tuple[int, dict[PromptKey, Change]]] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def shown(self) -> PromptTable:
        """Return the prompts that the window shows."""
        return self._shown

    @property
    def last_number(self) -> int:
        """Return the number of the latest change; 0 before there was one."""
        return self._last_number

    def set_shown(self, table: PromptTable) -> None:
        """Say which prompts the window shows now, without making a change of it."""
        self._shown = dict(table)

    def add(self, changes: Iterable[tuple[PromptKey, PromptSet | None]]) -> None:
        """Add changes of the shown prompts that the user made at once.

        Parameters
        ----------
        changes
            Object and frame, with the prompts there from now on; None or an empty set for none.
        """
        added = {key: (self._shown.get(key), prompts or None) for key, prompts in changes}
        now = {**self._shown, **{key: after for key, (_, after) in added.items()}}
        self._shown = {key: prompts for key, prompts in now.items() if prompts}
        if added:
            with self._lock:
                self._last_number += 1
                self._waiting.append((self._last_number, added))

    def change_to(self, table: PromptTable) -> None:
        """Add what the user changed since, where the window shows these prompts now."""
        self.add(changed_prompts(self._shown, table))

    def rebase(self, table: PromptTable) -> dict[PromptKey, PromptSet]:
        """Let the waiting changes follow upon these prompts of the session, and return what the window should show.

        What was drawn while an undo or a reset was on its way does not bring back what that took away.
        """
        merged = dict(table)
        with self._lock:
            for _, changes in self._waiting:
                for key, (before, after) in changes.items():
                    now = merged.pop(key, None)
                    new = rebased(before, after, now)
                    changes[key] = now, new
                    if new is not None:
                        merged[key] = new
        return merged

    def peek(self, up_to: int | None = None) -> NetChanges:
        """Return what the waiting changes come to, and let them wait.

        Parameters
        ----------
        up_to
            Number of the last change that counts; default all.
        """
        return _net(self._until(up_to))

    def take(self, up_to: int | None = None) -> NetChanges:
        """Return what the waiting changes come to, which wait no more; see :meth:`peek`."""
        changes = self._until(up_to)
        with self._lock:
            self._waiting = self._waiting[len(changes) :]
        return _net(changes)

    def _until(self, number: int | None) -> list[dict[PromptKey, Change]]:
        with self._lock:
            return [changes for each, changes in self._waiting if number is None or each <= number]


def _net(several: list[dict[PromptKey, Change]]) -> NetChanges:
    found: dict[PromptKey, Change] = {}
    for changes in several:
        for key, (before, after) in changes.items():
            found[key] = found.pop(key, (before,))[0], after
    # A mark that came and went before anyone looked is none.
    prompts = {key: after for key, (before, after) in found.items() if before != after}
    removed = [{key for key, (_, after) in changes.items() if after is None and key in prompts} for changes in several]
    return NetChanges(prompts, [group for group in removed if len(group) > 1])


def rebased(before: PromptSet | None, after: PromptSet | None, now: PromptSet | None) -> PromptSet | None:
    """Apply a change of points and box that was made on other prompts than those that are there now.

    Parameters
    ----------
    before, after
        The prompts on which the change was made, and what it made of them; None for none.
    now
        The prompts that are there now.

    Returns
    -------
    PromptSet or None
        The prompts after the change; None for none.
    """
    if now == before:
        return after
    old, new, here = (p or PromptSet() for p in (before, after, now))
    points, added = list(here.points), list(new.points)
    for point in old.points:
        if point in added:
            added.remove(point)
        elif point in points:
            points.remove(point)
    box = here.box if new.box == old.box else new.box
    return PromptSet(tuple(points + added), box) or None


def changed_prompts(before: PromptTable, after: PromptTable) -> list[tuple[PromptKey, PromptSet | None]]:
    """List how prompts differ: the new ones of a key, or None where the last one went."""
    keys = sorted({*before, *after})
    return [(key, after.get(key)) for key in keys if before.get(key) != after.get(key)]
