"""What the dock widget remembers from one time to the next, in a small JSON file of the user. No Qt."""

from __future__ import annotations

from typing import Any

from napari_sam2.engine.remote.connection import is_remote
from napari_sam2.interaction.loaded_model import ModelChoice
from napari_sam2.session.storage.locations import read_user_file, write_user_file

# Not settings.json: that holds the models of the user, and on Windows it lies in the same folder.
_FILE = "window.json"
_MODEL, _DEVICE = "model", "device"


class Preferences:
    """Values by name, read from the file each time, so that two windows do not forget each other's."""

    def get(self, name: str, otherwise: Any = None) -> Any:
        """Return a value; ``otherwise`` where there is none, or where the file cannot be read."""
        return self._read().get(name, otherwise)

    def set(self, name: str, value: Any) -> None:
        """Keep a value that JSON can hold; where the file cannot be written, it is not remembered."""
        found = self._read()
        if name in found and found[name] == value:
            return
        write_user_file(_FILE, {**found, name: value})

    def _read(self) -> dict[str, Any]:
        try:
            found = read_user_file(_FILE)
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def remembered_choice(preferences: Preferences, otherwise: ModelChoice) -> ModelChoice:
    """Return the model and the device of the last time."""
    name, device = preferences.get(_MODEL, otherwise.name), preferences.get(_DEVICE, otherwise.device)
    return ModelChoice(name, device) if isinstance(name, str) and isinstance(device, str) else otherwise


def remember_choice(preferences: Preferences, choice: ModelChoice) -> None:
    """Keep the model and the device for the next time; a cluster will be another one then."""
    preferences.set(_MODEL, choice.name)
    if not is_remote(choice.device):
        preferences.set(_DEVICE, choice.device)
