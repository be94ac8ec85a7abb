"""The user's settings: one small JSON file, so far with the user's own models.

The file is meant to be read and edited by hand::

    {"models": {"my-liver": {"path": "/data/liver.pt", "input_size": 512, "good_for": "livers in CT"}}}
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from napari_sam2.core.atomic_write import replacing
from napari_sam2.core.paths import NOT_THERE, checked_path, why_no_file
from napari_sam2.core.user_folders import config_folder
from napari_sam2.errors import SettingsError

SETTINGS_VARIABLE = "NAPARI_SAM2_SETTINGS"
"""Environment variable that names another settings file."""


@dataclass(frozen=True)
class OwnModel:
    """A checkpoint of the user's, a fine-tune for instance.

    Attributes
    ----------
    path : str
        The ``.pt``, ``.pth`` or ``.safetensors`` file.
    title : str
        One line for menus; empty: the name.
    input_size : int or None
        Side of the network's input in pixels, a multiple of 32; None: as the checkpoint says.
    licence : str
        SPDX identifier or a few words, for display.
    good_for : str
        What the model is good for, for display.
    """

    path: str
    title: str = ""
    input_size: int | None = None
    licence: str = ""
    good_for: str = ""


@dataclass(frozen=True)
class Settings:
    """The content of the settings file; ``models`` are the user's own ones by name."""

    models: dict[str, OwnModel] = field(default_factory=dict)


def settings_path() -> Path:
    """Return where the settings file is, or would be."""
    moved = os.environ.get(SETTINGS_VARIABLE)
    if moved:
        return Path(moved).expanduser()
    return config_folder() / "settings.json"


def load_settings() -> Settings:
    """Read the settings; an absent file is an empty one.

    Raises
    ------
    SettingsError
        Where the file cannot be read or says something that is not understood; the text names the entry.
    """
    path = settings_path()
    why = why_no_file(path)
    if why == NOT_THERE:
        return Settings()
    if why:
        raise SettingsError(
            f"The settings file {path} cannot be read: {why}.\nMove it away to start with empty settings."
        )
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"The settings file {path} cannot be read: {error}.\nMend it, or move it away to start with empty settings."
        ) from error
    models = data.get("models", {}) if isinstance(data, dict) else None
    if not isinstance(models, dict):
        raise SettingsError(f"The settings file {path} has to hold an object with the entry 'models', by name.")
    return Settings({str(name): _own_model(path, str(name), entry) for name, entry in models.items()})


def _own_model(path: Path, name: str, entry: Any) -> OwnModel:
    def wrong(what: str) -> SettingsError:
        return SettingsError(f"The settings file {path} has a mistake in the model '{name}': {what}.")

    known = {f.name for f in fields(OwnModel)}
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str) or not entry["path"]:
        raise wrong("it needs a 'path', the checkpoint file")
    unknown = sorted(set(entry) - known)
    if unknown:
        raise wrong(f"'{unknown[0]}' is not known; known are {', '.join(sorted(known))}")
    size = entry.get("input_size")
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size <= 0 or size % 32):
        raise wrong(f"'input_size' must be a multiple of 32 or null, not {size!r}")
    for key in ("title", "licence", "good_for"):
        if not isinstance(entry.get(key, ""), str):
            raise wrong(f"'{key}' must be text")
    return OwnModel(**entry)


def add_model(
    name: str,
    path: str | os.PathLike[str],
    *,
    title: str = "",
    input_size: int | None = None,
    licence: str = "",
    good_for: str = "",
) -> OwnModel:
    """Add a checkpoint of the user's under a name, or replace the one of this name; the file is written at once.

    Parameters
    ----------
    name : str
        What ``load_predictor`` will take.
    path, title, input_size, licence, good_for
        See `OwnModel`; a relative path is made absolute.

    Raises
    ------
    SettingsError
        Where the settings file cannot be read, or an entry is not valid.
    WriteError
        Where it cannot be written.
    """
    if not name.strip() or Path(name).name != name:
        raise SettingsError(f"A model cannot be called {name!r}: give it a name without slashes.")
    checkpoint = checked_path(path, SettingsError, "path of the checkpoint").absolute()
    entry = OwnModel(str(checkpoint), title, input_size, licence, good_for)
    _own_model(settings_path(), name, asdict(entry))
    _save(Settings({**load_settings().models, name: entry}))
    return entry


def remove_model(name: str) -> None:
    """Forget one of the user's own models; its checkpoint stays where it is.

    Raises
    ------
    SettingsError
        Where the settings have no such model.
    """
    models = dict(load_settings().models)
    if name not in models:
        raise SettingsError(f"The settings file {settings_path()} has no model '{name}'.")
    del models[name]
    _save(Settings(models))


def _save(settings: Settings) -> None:
    path = settings_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(asdict(settings), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
