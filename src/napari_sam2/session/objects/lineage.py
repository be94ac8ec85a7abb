"""Which object came from which by division: kept right when objects are deleted or made one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam2.session.log.history import WHOLE
from napari_sam2.session.log.kinds import PARENT

if TYPE_CHECKING:
    from napari_sam2.session.log.history import History, Put


def parents(history: History) -> dict[int, int]:
    """Return ``{daughter: parent}``, by daughter."""
    return {i: parent for i in sorted(history.objects(PARENT)) if (parent := history.get(PARENT, i)) is not None}


def remove(history: History, put: Put, obj_id: int) -> None:
    """Take an object out of the lineage; its daughters then come from no other."""
    for daughter, parent in parents(history).items():
        if obj_id in (daughter, parent):
            put(PARENT, daughter, WHOLE, None)


def merge(history: History, put: Put, into: int, other: int) -> None:
    """Let one object take the place of two: the daughters of ``other`` become its own.

    It keeps its own parent, or takes that of ``other`` where it has none, or where it came from ``other`` itself.
    """
    known = parents(history)
    parent = known.get(into)
    if parent is None or other in _ancestors(known, into):
        parent = known.get(other)
    if parent is not None and (parent == into or into in _ancestors(known, parent)):
        parent = None
    for daughter, of in known.items():
        if of == other and daughter != into:
            put(PARENT, daughter, WHOLE, into)
    put(PARENT, other, WHOLE, None)
    put(PARENT, into, WHOLE, parent)


def _ancestors(known: dict[int, int], obj_id: int) -> list[int]:
    """Return the parent of an object, its parent, and so on."""
    found = []
    while (parent := known.get(obj_id)) is not None and parent not in found:
        found.append(parent)
        obj_id = parent
    return found
