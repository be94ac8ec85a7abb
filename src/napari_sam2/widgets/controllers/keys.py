"""The keys: which the user chose, where they are bound, and when they are napari's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels, Points, Shapes
from qtpy.QtCore import QObject, Signal

from napari_sam2.widgets.actions import DEFAULT_KEYS, chosen_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_sam2.interaction.preferences import Preferences
    from napari_sam2.widgets.controllers.image_selection import ImageSelection
    from napari_sam2.widgets.shortcuts import KeyBinder

_KEYS = "keys"


class Keys(QObject):
    """Binds the keys of the actions.

    While one of the user's own layers with keys of its own is active, none of ours is bound in the viewer: else half
    of them would do ours and half napari's.

    Parameters
    ----------
    selection
        Knows the viewer and our layers.
    binder
        Binds them.
    actions
        What each action does, by its name.
    preferences
        Remembers the keys that the user chose.
    """

    changed = Signal(object)
    # The keys are those of another layer now; nothing: they are ours.
    owner_changed = Signal(str)

    def __init__(
        self,
        selection: ImageSelection,
        binder: KeyBinder,
        actions: Mapping[str, Callable[[], None]],
        preferences: Preferences,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._selection, self._viewer, self._binder, self._preferences = (
            selection,
            selection.viewer,
            binder,
            preferences,
        )
        self.actions, self._owner = actions, ""
        own = preferences.get(_KEYS, {})
        self.keys = chosen_keys(own if isinstance(own, dict) else {})
        self._bind()
        self._viewer.layers.selection.events.active.connect(self._follow)
        self._follow()

    def choose(self, keys: Mapping[str, str]) -> None:
        """Take these keys from now on; those of the list are not kept as the user's."""
        self.keys = {**DEFAULT_KEYS, **keys}
        self._preferences.set(_KEYS, {name: key for name, key in self.keys.items() if key != DEFAULT_KEYS[name]})
        self._bind()
        self.changed.emit(self.keys)

    def run(self, name: str) -> None:
        """Do what the key of an action does."""
        self._binder.first()
        self.actions[name]()

    def others_layer(self) -> str:
        """Return the name of the active layer where it is the user's own and has keys of its own; else nothing."""
        active, layer_group = self._viewer.layers.selection.active, self._selection.layer_group
        ours = [] if layer_group is None else layer_group.owned()
        # Layers for a moment, such as that of the clicks into daughters, are ours as well.
        if not isinstance(active, (Labels, Points, Shapes)) or str(active.name).startswith("SAM 2 "):
            return ""
        return "" if any(active is layer for layer in ours) else str(active.name)

    def close(self) -> None:
        """Give all keys back."""
        self._viewer.layers.selection.events.active.disconnect(self._follow)
        self._binder.unbind_all()

    def _bind(self) -> None:
        self._binder.set_actions({key: self.actions[name] for name, key in self.keys.items() if key})

    def _follow(self, event: Any = None) -> None:
        owner = self.others_layer()
        if owner != self._owner:
            self._owner = owner
            self.owner_changed.emit(owner)
        if owner:
            self._binder.unbind(self._viewer)
        else:
            self._binder.bind([self._viewer])
