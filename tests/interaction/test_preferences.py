"""What is remembered from one time to the next."""

from __future__ import annotations

import platformdirs

from napari_sam2.engine.catalog.user_models import add_model, load_settings, remove_model
from napari_sam2.interaction.loaded_model import ModelChoice
from napari_sam2.interaction.preferences import Preferences, remember_choice, remembered_choice
from napari_sam2.session.storage.locations import user_folder

FIRST = ModelChoice("starter", "auto")


def test_values_are_kept_and_those_of_another_window_stay():
    Preferences().set("folder", "/images")
    Preferences().set("keys", {"box": "Shift-B"})
    assert Preferences().get("folder") == "/images"
    assert Preferences().get("keys") == {"box": "Shift-B"}
    assert Preferences().get("other", 3) == 3


def test_a_file_that_cannot_be_read_is_no_reason_to_stop():
    user_folder().mkdir(parents=True)
    (user_folder() / "window.json").write_text("[1, 2", encoding="utf-8")
    assert Preferences().get("folder", "here") == "here"
    Preferences().set("folder", "there")
    assert Preferences().get("folder") == "there"


def test_the_models_of_the_user_are_not_in_the_way_where_configuration_and_data_share_a_folder(monkeypatch, tmp_path):
    # As on Windows.
    monkeypatch.delenv("NAPARI_SAM2_DATA", raising=False)
    monkeypatch.delenv("NAPARI_SAM2_SETTINGS", raising=False)
    for kind in ("user_data_dir", "user_config_dir"):
        monkeypatch.setattr(platformdirs, kind, lambda *_, **__: str(tmp_path))
    (tmp_path / "mine.pt").write_bytes(b"")
    Preferences().set("keys", {"box": "Shift-B"})
    add_model("mine", tmp_path / "mine.pt")
    Preferences().set("folder", "/images")
    assert list(load_settings().models) == ["mine"]
    remove_model("mine")
    assert Preferences().get("keys") == {"box": "Shift-B"}


def test_model_and_device_are_remembered_but_no_cluster():
    assert remembered_choice(Preferences(), FIRST) == FIRST
    remember_choice(Preferences(), ModelChoice("medsam2", "cpu"))
    remember_choice(Preferences(), ModelChoice("sam2.1_hiera_tiny", "dask://10.0.0.1:8786"))
    assert remembered_choice(Preferences(), FIRST) == ModelChoice("sam2.1_hiera_tiny", "cpu")
