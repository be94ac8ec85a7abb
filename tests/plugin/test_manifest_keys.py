"""Keys in a manifest: napari binds none, so the panel binds its own (docs/keys.md)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from npe2 import PluginManifest

import napari_sam2

# In a process of its own: napari registers commands once.
PROBE = """
import napari
from app_model import Application
from npe2 import PluginManager, PluginManifest

viewer = napari.Viewer(show=False)
key = {"command": "key-probe.run", "key": "Ctrl+Alt+9", "mac": None, "linux": None, "win": None, "when": "true"}
command = {"id": "key-probe.run", "title": "Run", "python_name": "builtins:dict"}
contributions = {"commands": [command], "keybindings": [key]}
PluginManager.instance().register(PluginManifest(name="key-probe", contributions=contributions))
app = Application.get_app("napari")
print("key-probe.run" in app.commands, app.keybindings.get_keybinding("key-probe.run"))
viewer.close()
"""


def test_napari_registers_a_command_of_a_manifest_but_not_its_key():
    # Once this fails, napari honours keys of manifests: then ours belong into napari.yaml, and docs/keys.md changes.
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", PROBE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "True None"


def test_our_manifest_claims_no_keys():
    manifest = PluginManifest.from_file(Path(napari_sam2.__file__).with_name("napari.yaml"))
    assert not manifest.contributions.keybindings
