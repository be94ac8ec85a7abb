"""Keys that are bound while the widget is open, and given back when it closes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class KeyBinder:
    """Binds the same keys on the viewer and on some layers.

    napari asks the active layer and its class before the viewer, so a key of the viewer alone never fires
    while a layer whose class owns that key is active.

    Parameters
    ----------
    actions
        What each key does, by its name, e.g. ``"Control-Z"``.
    first
        Called before each of them.
    """

    def __init__(self, actions: Mapping[str, Callable[[], None]], first: Callable[[], None]) -> None:
        self.first = first
        self._bound: dict[int, tuple[Any, dict[str, Any]]] = {}
        self.set_actions(actions)

    def set_actions(self, actions: Mapping[str, Callable[[], None]]) -> None:
        """Bind other keys, or other actions, on the owners that have ours."""
        owners = [owner for owner, _ in self._bound.values()]
        self.unbind_all()
        self._actions = {key: _ignoring_owner(self.first, action) for key, action in actions.items()}
        self.bind(owners)

    def bind(self, owners: Iterable[Any]) -> None:
        """Bind the keys on these owners (viewer, layers); owners that have them already are left alone."""
        for owner in owners:
            if id(owner) not in self._bound:
                earlier = {key: owner.bind_key(key, do, overwrite=True) for key, do in self._actions.items()}
                self._bound[id(owner)] = (owner, earlier)

    def unbind(self, owner: Any) -> None:
        """Give one owner its earlier keys back."""
        entry = self._bound.pop(id(owner), None)
        if entry is not None:
            for key, before in entry[1].items():
                owner.bind_key(key, before, overwrite=True)

    def unbind_all(self) -> None:
        """Give every owner its earlier keys back."""
        for owner, _ in list(self._bound.values()):
            self.unbind(owner)


def _ignoring_owner(*actions: Callable[[], None]) -> Callable[[Any], None]:
    def run(_owner: Any) -> None:
        for action in actions:
            action()

    return run
