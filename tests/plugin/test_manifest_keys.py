"""Keys in a manifest: napari binds none, so the panel binds its own (docs/keys.md)."""

from __future__ import annotations

from pathlib import Path

from napari._app_model import get_app_model
from npe2 import PluginManager, PluginManifest

import napari_sam2

NAMES = ("mac", "linux", "win")
PROBE = {
    "name": "key-probe",
    "display_name": "Key probe",
    "contributions": {
        "commands": [{"id": "key-probe.run", "title": "Run", "python_name": "builtins:dict"}],
        "keybindings": [{"command": "key-probe.run", "key": "Ctrl+Alt+9", **dict.fromkeys(NAMES), "when": "true"}],
    },
}


def test_napari_registers_a_command_of_a_manifest_but_not_its_key(make_napari_viewer):
    # Once this fails, napari honours keys of manifests: then ours belong into napari.yaml, and docs/keys.md changes.
    make_napari_viewer()
    manager = PluginManager.instance()
    manager.register(PluginManifest(**PROBE))
    try:
        app = get_app_model()
        assert "key-probe.run" in app.commands
        assert app.keybindings.get_keybinding("key-probe.run") is None
    finally:
        manager.unregister("key-probe")


def test_our_manifest_claims_no_keys():
    manifest = PluginManifest.from_file(Path(napari_sam2.__file__).with_name("napari.yaml"))
    assert not manifest.contributions.keybindings
