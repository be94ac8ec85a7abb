"""The recipe of docs/contributing/add_architecture.md: its code, run as it stands in the page."""

from __future__ import annotations

import inspect
import tomllib

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2 import engine
from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine.catalog.registry import MODELS
from napari_sam2.engine.protocols import VideoPredictor, VideoStream, check_model
from napari_sam2.errors import CheckpointError
from support.recipe_pages import RecipePage, module_name, run_module

PAGE = RecipePage("add_architecture.md")
REGISTRY, LOADERS = "src/napari_sam2/engine/catalog/registry.py", "src/napari_sam2/engine/__init__.py"


@pytest.fixture
def added(tmp_path, monkeypatch):
    """All new files and edits of the page are made; the folder of models has a checkpoint."""
    monkeypatch.setenv("NAPARI_SAM2_SETTINGS", str(tmp_path / "settings.json"))
    monkeypatch.setenv("NAPARI_SAM2_MODELS", str(tmp_path))
    for path, source in PAGE.new_files.items():
        run_module(module_name(path), source, monkeypatch)
    registry = run_module("edited_registry", PAGE.edited(REGISTRY), monkeypatch)
    loaders = run_module("edited_loaders", PAGE.edited(LOADERS), monkeypatch)
    (name,) = set(registry.MODELS) - set(MODELS)
    monkeypatch.setitem(MODELS, name, registry.MODELS[name])
    monkeypatch.setitem(engine.LOADERS, name, loaders.LOADERS[MODELS[name].family])
    (tmp_path / MODELS[name].filename).write_text('{"tolerance": 0.1}', encoding="utf-8")
    return name


@pytest.fixture
def volume():
    """A bright cylinder that moves by a column a frame, in a dark image."""
    data = np.zeros((6, 24, 30), np.float32)
    y, x = np.ogrid[:24, :30]
    for frame in range(6):
        data[frame][np.hypot(y - 12, x - 10 - frame) <= 4] = 1
    return ImageVolume(data, axes="zyx", window=(0, 1))


def test_the_predictor_has_what_the_protocols_ask_for(added, volume):
    predictor = ns.load_predictor(added)
    check_model(predictor, "auto")
    stream = predictor.open([frame[..., None] for frame in volume.array])
    for protocol, made in ((VideoPredictor, predictor), (VideoStream, stream)):
        for name, method in inspect.getmembers(protocol, inspect.isfunction):
            if not name.startswith("_"):
                expected = [p for p in inspect.signature(method).parameters if p != "self"]
                assert list(inspect.signature(getattr(made, name)).parameters) == expected, name


@pytest.mark.parametrize("kind", ["click", "box", "mask"])
def test_an_object_is_found_and_followed_both_ways(added, volume, kind):
    session = ns.VideoSession(ns.load_predictor(added), volume)
    if kind == "click":
        session.add_points(1, 3, [(12, 13)])
    elif kind == "box":
        session.add_box(1, 3, (8, 9, 17, 18))
    else:
        session.add_mask(1, 3, volume.array[3] > 0.5)
    for _ in session.propagate():
        pass
    assert np.array_equal(session.labels() > 0, volume.array > 0.5)


def test_a_session_continues_after_a_stop_and_is_corrected(added, volume):
    session = ns.VideoSession(ns.load_predictor(added), volume)
    session.add_points(1, 0, [(12, 10)])
    stopped_after = next(iter(session.propagate())).frame
    assert stopped_after not in [result.frame for result in session.propagate()]
    assert np.array_equal(session.labels() > 0, volume.array > 0.5)
    session.add_points(1, 5, [(12, 15)], [0])
    session.predict_frame(5)
    assert not session.mask(1, 5).any()


def test_a_file_that_is_no_checkpoint_is_a_clear_error(added, tmp_path):
    (tmp_path / MODELS[added].filename).write_text("{}", encoding="utf-8")
    with pytest.raises(CheckpointError, match="must hold a tolerance"):
        ns.load_predictor(added)


def test_the_contract_has_the_new_package():
    contracts = tomllib.loads(PAGE.edited("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    rows = next(c["layers"] for c in contracts if c["name"] == "Within the engine, imports go downwards")
    package = next(iter(PAGE.new_files)).split("/")[3]
    assert any({"sam2", package} == {part.strip() for part in row.split("|")} for row in rows)
