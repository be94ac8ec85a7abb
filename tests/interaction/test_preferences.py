"""What is remembered from one time to the next."""

from __future__ import annotations

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
    (user_folder() / "settings.json").write_text("[1, 2", encoding="utf-8")
    assert Preferences().get("folder", "here") == "here"
    Preferences().set("folder", "there")
    assert Preferences().get("folder") == "there"


def test_model_and_device_are_remembered_but_no_cluster():
    assert remembered_choice(Preferences(), FIRST) == FIRST
    remember_choice(Preferences(), ModelChoice("medsam2", "cpu"))
    remember_choice(Preferences(), ModelChoice("sam2.1_hiera_tiny", "dask://10.0.0.1:8786"))
    assert remembered_choice(Preferences(), FIRST) == ModelChoice("sam2.1_hiera_tiny", "cpu")
