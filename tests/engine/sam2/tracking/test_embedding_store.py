"""The store of embeddings: budgets, places, keys; encoding ahead; what happens when memory runs out."""

from __future__ import annotations

import gc
import os
import sys
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine import load_predictor
from napari_sam2.engine.protocols import CropWindow
from napari_sam2.engine.sam2.tracking.embedding_store import Budget, EmbeddingStore
from napari_sam2.errors import NapariSam2Error
from napari_sam2.session import VideoSession
from support.embeddings import CPU, SIZE, features, run_program

WHOLE = CropWindow(0, 0, 48, 56)


def key(number: int) -> tuple[bytes, CropWindow]:
    return bytes([number]), WHOLE


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_what_comes_back_is_what_was_put(tmp_path: Path, dtype: torch.dtype) -> None:
    size = features(0, dtype).nbytes
    store = EmbeddingStore(CPU, Budget(ram=2 * size, disk=3 * size), tmp_path)
    for number in range(5):
        store.put(key(number), features(number + 0.5, dtype))
    assert store.used() == {"ram": 2 * size, "disk": 3 * size}
    for number in range(5):
        found = store.get(key(number))
        assert found is not None
        for ours, theirs in zip(vars(found).values(), vars(features(number + 0.5, dtype)).values(), strict=True):
            assert torch.equal(ours, theirs)
            assert ours.dtype == dtype
    assert store.get(key(9)) is None


def test_oldest_are_forgotten_first_and_use_makes_young(tmp_path: Path) -> None:
    store = EmbeddingStore(CPU, Budget(ram=2 * SIZE, disk=2 * SIZE), tmp_path)
    for number in range(4):
        store.put(key(number), features(number))
    store.get(key(0))  # on the disk, and now younger than 1
    store.put(key(4), features(4))
    assert [key(n) in store for n in range(5)] == [True, False, True, True, True]
    assert len(store) == 4


def test_without_a_disk(tmp_path: Path) -> None:
    store = EmbeddingStore(CPU, Budget(ram=2 * SIZE, disk=0), tmp_path)
    for number in range(4):
        store.put(key(number), features(number))
    assert store.used() == {"ram": 2 * SIZE, "disk": 0}
    assert not list(tmp_path.iterdir())


def test_budget_smaller_than_one() -> None:
    store = EmbeddingStore(CPU, Budget(ram=SIZE - 1, disk=SIZE - 1))
    store.put(key(1), features(1))
    assert len(store) == 0


def test_disk_that_refuses(tmp_path: Path, caplog: Any) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    store = EmbeddingStore(CPU, Budget(ram=SIZE, disk=9 * SIZE), blocked)
    for number in range(3):
        store.put(key(number), features(number))
    assert len(store) == 1
    assert "cannot be kept on the disk" in caplog.text


def test_disk_that_goes_away_is_done_without(tmp_path: Path, caplog: Any) -> None:
    store = EmbeddingStore(CPU, Budget(ram=SIZE, disk=9 * SIZE), tmp_path)
    for number in range(3):
        store.put(key(number), features(number))
    for file in store._tiers["disk"]._pages:  # type: ignore[attr-defined]
        file.close()
    assert store.get(key(0)) is None
    assert store.used() == {"ram": SIZE, "disk": 0}
    assert "cannot be kept on the disk" in caplog.text
    store.put(key(5), features(5))
    assert [key(n) in store for n in (2, 5)] == [False, True]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_what_is_on_the_disk_takes_no_memory(tmp_path: Path) -> None:
    resident = psutil.Process().memory_info
    big = features(0, torch.float32)
    big = type(big)(*(t.repeat_interleave(256, dim=1) for t in vars(big).values()))
    store = EmbeddingStore(CPU, Budget(ram=0, disk=300 * big.nbytes), tmp_path)
    store.put(key(0), big)
    before = resident().rss
    for number in range(1, 200):
        store.put(key(number), big)
    assert store.used()["disk"] == 200 * big.nbytes > 50 * 2**20
    assert resident().rss - before < 15 * 2**20


def test_full_disk_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_sam2.engine.sam2.tracking import embedding_store

    usage = embedding_store.shutil.disk_usage
    monkeypatch.setattr(embedding_store.shutil, "disk_usage", lambda path: usage(path)._replace(free=SIZE))
    store = EmbeddingStore(CPU, Budget(ram=SIZE, disk=9 * SIZE), tmp_path)
    for number in range(3):
        store.put(key(number), features(number))
    assert store.used() == {"ram": SIZE, "disk": 0}


@pytest.mark.skipif(os.name != "posix", reason="elsewhere the file has a name until the process ends")
def test_files_leave_nothing_behind(tmp_path: Path) -> None:
    store = EmbeddingStore(CPU, Budget(ram=0, disk=9 * SIZE), tmp_path)
    store.put(key(1), features(1))
    assert store.used()["disk"] == SIZE
    assert not list(tmp_path.iterdir())
    store.clear()
    assert len(store) == 0


def test_smaller_budget_takes_effect_at_once(tmp_path: Path) -> None:
    store = EmbeddingStore(CPU, Budget(ram=4 * SIZE, disk=4 * SIZE), tmp_path)
    for number in range(4):
        store.put(key(number), features(number))
    store.set_budget(Budget(ram=SIZE, disk=2 * SIZE))
    assert store.used() == {"ram": SIZE, "disk": 2 * SIZE}
    assert [key(n) in store for n in range(4)] == [False, True, True, True]


def test_leaving_the_device(tmp_path: Path) -> None:
    """With the meta device in the place of a GPU: only where things are is looked at."""
    store = EmbeddingStore(torch.device("meta"), Budget(device=2 * SIZE, ram=8 * SIZE, disk=0), tmp_path)
    store._tiers["ram"]._device = torch.device("meta")  # type: ignore[attr-defined]
    for number in range(3):
        store.put(key(number), features(number))
    assert store.used() == {"device": 2 * SIZE, "ram": SIZE, "disk": 0}
    assert store.leave_device()
    assert store.used() == {"device": 0, "ram": 3 * SIZE, "disk": 0}
    assert not store.leave_device()
    assert not EmbeddingStore(CPU).leave_device()


# ---------------------------------------------------------------------- of a stack


# ---------------------------------------------------------------------- out of memory


# ---------------------------------------------------------------------- unload


def test_unload_lets_go_of_network_and_embeddings(volume: ImageVolume) -> None:
    predictor = load_predictor("starter", device="cpu")
    session = VideoSession(predictor, volume, channel=0)
    session.add_box(1, 3, (28, 38, 73, 83))
    session.predict_frame(3)
    mask = session.mask(1, 3)
    network = weakref.ref(predictor.model)
    predictor.unload()
    predictor.unload()
    gc.collect()
    assert network() is None
    assert len(predictor.store) == 0
    assert np.array_equal(session.mask(1, 3), mask), "masks stay"
    session.add_points(1, 3, [(50, 60)])
    with pytest.raises(NapariSam2Error, match="was unloaded; load it again"):
        session.predict_frame(3)


_MEASURE = """
import gc, sys
import numpy as np, psutil, torch
from napari_sam2.engine.sam2 import Sam2Model, released_config
from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor
from napari_sam2.core.intensity import WindowedFrames
from napari_sam2.session.session import VideoSession
from napari_sam2.core.volume import ImageVolume

rss = lambda: psutil.Process().memory_info().rss / 2**20
torch.set_num_threads(1)
volume = ImageVolume(np.random.default_rng(0).random((4, 64, 64), np.float32), axes="zyx", window=(0, 1))
def work():
    model = Sam2Model(released_config("sam2.1-base-plus").with_image_size(256)).eval().requires_grad_(False)
    predictor = Sam2VideoPredictor(model, "random")
    session = VideoSession(predictor, volume)
    session.add_box(1, 1, (10, 10, 40, 40))
    session.predict_frame(1)
    return predictor, session
predictor, session = work()
predictor.unload()
del predictor, session
gc.collect()
start = rss()
predictor, session = work()
full = rss()
predictor.unload()
gc.collect()
print(start, full, rss())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measured where the allocator gives memory back")
def test_unload_frees_memory() -> None:
    """In a process of its own: 323 MB of weights come and go, though the session lives on."""
    done = run_program(_MEASURE)
    start, full, end = (float(value) for value in done.split())
    assert full - start > 250, done
    assert end - start < 0.1 * (full - start), done
