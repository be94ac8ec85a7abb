"""What the dock widget remembers from one time to the next, in a small JSON file of the user. No Qt."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from napari_sam2.core.atomic_write import replacing
from napari_sam2.engine.remote.connection import is_remote
from napari_sam2.errors import WriteError
from napari_sam2.interaction.loaded_model import ModelChoice
from napari_sam2.session.storage.locations import user_folder

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)


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
        try:
            self._file().parent.mkdir(parents=True, exist_ok=True)
            with replacing(self._file()) as part:
                part.write_text(json.dumps({**found, name: value}, indent=1), encoding="utf-8")
        except (OSError, WriteError) as error:
            logger.warning("%s", error)

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._file().read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _file(self) -> Path:
        return user_folder() / "settings.json"


def remembered_choice(preferences: Preferences, otherwise: ModelChoice) -> ModelChoice:
    """Return the model and the device of the last time."""
    name, device = preferences.get(_MODEL, otherwise.name), preferences.get(_DEVICE, otherwise.device)
    return ModelChoice(name, device) if isinstance(name, str) and isinstance(device, str) else otherwise


def remember_choice(preferences: Preferences, choice: ModelChoice) -> None:
    """Keep the model and the device for the next time; a cluster will be another one then."""
    preferences.set(_MODEL, choice.name)
    if not is_remote(choice.device):
        preferences.set(_DEVICE, choice.device)
