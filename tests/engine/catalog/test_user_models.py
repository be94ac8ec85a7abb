"""The settings file: own models, and mistakes in it."""

from __future__ import annotations

import json

import pytest

from napari_sam2.engine.catalog.model_files import path_of, resolve
from napari_sam2.engine.catalog.registry import MODELS, known_models
from napari_sam2.engine.catalog.user_models import OwnModel, add_model, load_settings, remove_model, settings_path
from napari_sam2.errors import CheckpointError, SettingsError


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    path = tmp_path / "config" / "settings.json"
    monkeypatch.setenv("NAPARI_SAM2_SETTINGS", str(path))
    return path


def test_default_place(monkeypatch):
    monkeypatch.delenv("NAPARI_SAM2_SETTINGS")
    assert settings_path().name == "settings.json"
    assert settings_path().parent.name == "napari-sam2"


def test_own_model_is_known_by_name(tmp_path, file):
    checkpoint = tmp_path / "liver.pt"
    checkpoint.write_bytes(b"x")
    assert load_settings().models == {}
    add_model("my-liver", checkpoint, input_size=512, good_for="livers", licence="ours")
    assert json.loads(file.read_text())["models"]["my-liver"]["path"] == str(checkpoint)
    assert load_settings().models["my-liver"] == OwnModel(str(checkpoint), "", 512, "ours", "livers")
    entry = known_models()["my-liver"]
    assert (entry.title, entry.filename, entry.input_size) == ("my-liver (own)", "liver.pt", 512)
    assert list(known_models()) == [*MODELS, "my-liver"]
    assert resolve("my-liver") == path_of(entry) == checkpoint
    checkpoint.unlink()
    with pytest.raises(CheckpointError, match=r"liver\.pt of your model 'my-liver' is not there"):
        resolve("my-liver")
    remove_model("my-liver")
    assert load_settings().models == {}
    with pytest.raises(SettingsError, match="has no model 'my-liver'"):
        remove_model("my-liver")


def test_own_model_does_not_hide_a_known_one(tmp_path):
    add_model("starter", tmp_path / "other.pt")
    assert known_models()["starter"] is MODELS["starter"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "cannot be read"),
        ("[]", "has to hold an object"),
        ('{"models": []}', "has to hold an object"),
        ('{"models": {"a": {}}}', "model 'a': it needs a 'path'"),
        ('{"models": {"a": {"path": 3}}}', "model 'a': it needs a 'path'"),
        ('{"models": {"a": {"path": "x.pt", "input_size": 100}}}', "'input_size' must be a multiple of 32"),
        ('{"models": {"a": {"path": "x.pt", "input_size": true}}}', "'input_size' must be a multiple of 32"),
        ('{"models": {"a": {"path": "x.pt", "title": 3}}}', "'title' must be text"),
        ('{"models": {"a": {"path": "x.pt", "size": 3}}}', "'size' is not known; known are good_for"),
    ],
)
def test_mistakes_are_named_and_known_models_stay(file, caplog, text, complaint):
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(SettingsError, match=complaint) as caught:
        load_settings()
    assert "settings.json" in caught.value.headline
    assert known_models() == MODELS
    assert "settings.json" in caplog.text
    assert resolve("starter").is_file()
    with pytest.raises(SettingsError):
        resolve("a")
    with pytest.raises(SettingsError):
        add_model("b", "b.pt")
    assert file.read_text() == text, "a file that is not understood is not overwritten"


@pytest.mark.parametrize("name", ["", "a/b", " "])
def test_bad_names(name):
    with pytest.raises(SettingsError, match="without slashes"):
        add_model(name, "x.pt")


def test_bad_size():
    with pytest.raises(SettingsError, match="multiple of 32"):
        add_model("a", "x.pt", input_size=33)
    assert not settings_path().exists()
