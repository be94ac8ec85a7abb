"""Where the system wants what is kept for the user."""

from __future__ import annotations

import os
import sys

import pytest

from napari_sam2.core.user_folders import cache_folder, config_folder, data_folder


@pytest.mark.skipif(sys.platform != "linux", reason="the variables of freedesktop.org")
@pytest.mark.parametrize(
    ("folder", "variable"),
    [(data_folder, "XDG_DATA_HOME"), (config_folder, "XDG_CONFIG_HOME"), (cache_folder, "XDG_CACHE_HOME")],
)
def test_folders_follow_the_system_and_are_not_made(tmp_path, monkeypatch, folder, variable) -> None:
    monkeypatch.setenv(variable, os.fspath(tmp_path))
    assert folder() == tmp_path / "napari-sam2"
    assert list(tmp_path.iterdir()) == []
