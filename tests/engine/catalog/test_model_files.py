"""Where models lie, and how they are found by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import napari_sam2 as ns
from napari_sam2.engine.catalog import model_files
from napari_sam2.engine.catalog.model_files import path_of, resolve
from napari_sam2.engine.catalog.registry import MODELS
from napari_sam2.errors import (
    CheckpointError,
    ModelNotDownloadedError,
)
from support.hub import TOY, FakeHub


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    monkeypatch.setenv("NAPARI_SAM2_SETTINGS", str(tmp_path / "settings.json"))
    monkeypatch.setenv("NAPARI_SAM2_MODELS", str(folder))
    return folder


def test_resolve_downloaded_model(cache: Path) -> None:
    assert path_of(MODELS["sam2.1-tiny"]) is None
    how = r"download_model\('sam2\.1-tiny'\).*napari-sam2 download sam2\.1-tiny"
    with pytest.raises(ModelNotDownloadedError, match=how):
        resolve("sam2.1-tiny")
    cache.mkdir()
    (cache / "sam2.1_hiera_tiny.pt").write_bytes(b"x")
    assert resolve("sam2.1-tiny") == cache / "sam2.1_hiera_tiny.pt"


@pytest.mark.usefixtures("cache")
def test_licence_that_must_be_accepted_is_named() -> None:
    with pytest.raises(ModelNotDownloadedError) as caught:
        resolve("medsam2")
    assert "accept_licence=True" in str(caught.value)
    assert "--accept-licence" in str(caught.value)
    assert "CC-BY-SA-4.0" in str(caught.value)


def test_resolve_path_and_unknown_name(small_file: Path) -> None:
    assert resolve(small_file) == small_file
    assert resolve(str(small_file)) == small_file
    with pytest.raises(CheckpointError, match=r"no model called 'sam9'.*starter, sam2\.1-tiny"):
        resolve("sam9")
    with pytest.raises(CheckpointError, match="no checkpoint file"):
        resolve(small_file.with_name("gone.pt"))


def test_file_put_there_by_hand(hub: FakeHub, content: bytes, tmp_path: Path, caplog: Any) -> None:
    folder = tmp_path / "data/models"
    folder.mkdir(parents=True)
    (folder / "toy.safetensors").write_bytes(content)
    assert ns.load_predictor("toy", device="cpu").model.image_size == 64
    assert "no checksum is known" in caplog.text
    assert ns.download_model("toy") == folder / "toy.safetensors"
    assert not hub.requests


@pytest.mark.parametrize("text", ["{", "[]", '{"repo": "us/toy"}', '{"a": 1}', ""])
def test_unreadable_record_is_no_obstacle(hub: FakeHub, text: str) -> None:
    ns.download_model("toy")
    record = model_files.models_dir() / "toy.json"
    record.write_text(text)
    ns.load_predictor("toy", device="cpu")
    ns.download_model("toy")
    assert model_files.read_record(TOY) is not None
