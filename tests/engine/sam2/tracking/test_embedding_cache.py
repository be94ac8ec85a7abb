"""Embeddings of a stack: their keys, and encoding ahead."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam2.core.intensity import WindowedFrames
from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine import load_predictor
from napari_sam2.engine.protocols import CropWindow, EncodesAhead
from napari_sam2.engine.sam2.tracking.embedding_store import Budget
from napari_sam2.session import VideoSession
from support.embeddings import open_stream


def test_contrast_channel_window_and_data_each_have_their_own(own_predictor: Any, volume: ImageVolume) -> None:
    whole = CropWindow(0, 0, 100, 120)

    def passes(crop: CropWindow = whole, **options: Any) -> int:
        stream = open_stream(own_predictor, options.pop("volume", volume), **options)
        stream.embeddings.get([(f, crop) for f in range(3)])
        return stream.embeddings.encoder_passes

    assert passes() == 3
    assert passes() == 0, "another session on the same data finds all"
    assert passes(window=(0, 999)) == 3
    assert passes(channel=1) == 3
    assert passes(CropWindow(10, 10, 60, 60)) == 3
    assert passes() == 0, "going back to the old contrast finds all again"
    changed = volume.array.copy()
    changed[1, 0, 5, 5] += 1
    assert passes(volume=ImageVolume(changed, axes="zcyx", window=(0, 1000))) == 1, "one frame differs"
    assert load_predictor("starter", device="cpu").store is not own_predictor.store


def test_session_recomputes_only_what_a_new_contrast_changes(
    own_predictor: Any, volume: ImageVolume, opened: Callable[[Any], list[Any]]
) -> None:
    streams = opened(own_predictor)
    session = VideoSession(own_predictor, volume, channel=0)
    session.add_box(1, 3, (28, 38, 73, 83))
    list(session.propagate())
    kept = len(own_predictor.store)
    session.set_window(0, 900)
    session.predict_frame(3)
    list(session.propagate(force=True))
    assert len(own_predictor.store) > kept
    session.set_window(0, 1000)
    list(session.propagate(force=True))
    assert streams[-1].embeddings.encoder_passes == 0


def test_encoding_ahead(own_predictor: Any, volume: ImageVolume) -> None:
    stream = open_stream(own_predictor, volume)
    assert isinstance(stream, EncodesAhead)
    seen: list[tuple[int, int]] = []
    stream.embeddings.get([(2, CropWindow(0, 0, 100, 120))])
    assert stream.encode_ahead(range(5), progress=lambda done, total: seen.append((done, total))) == 4
    assert seen == [(2, 5), (4, 5), (5, 5)]
    assert stream.encode_ahead(range(5)) == 0
    assert stream.count_encoded(range(3, 8)) == 2
    assert stream.embeddings.encoder_passes == 5
    calls = iter([False, True])
    assert stream.encode_ahead(range(5, 8), cancelled=lambda: next(calls)) == 2
    assert not isinstance(object(), EncodesAhead)


def test_a_session_encodes_ahead_what_its_run_then_finds(
    own_predictor: Any, volume: ImageVolume, opened: Callable[[Any], list[Any]]
) -> None:
    streams = opened(own_predictor)
    session = VideoSession(own_predictor, volume, zoom=None)
    assert session.count_encoded() == 0
    assert session.encode_ahead([3, 2, 4]) == 3
    assert session.count_encoded() == 3
    session.add_box(1, 3, (20, 20, 60, 60))
    list(session.propagate(frames=range(2, 5)))
    assert sum(stream.embeddings.encoder_passes for stream in streams) == 3
    session.set_window(0, 0.5)
    assert session.count_encoded() == 0, "with another contrast the network sees something else"
    assert VideoSession(own_predictor, volume).encode_ahead() == 0, "each object has a window of its own"


def test_requests_go_before_encoding_ahead(own_predictor: Any, volume: ImageVolume) -> None:
    """While a thread encodes ahead, a user's request is answered and both get all they asked for."""
    big = ImageVolume(np.random.default_rng(0).random((60, 64, 64), np.float32), axes="zyx", window=(0, 1))
    session = VideoSession(own_predictor, big, zoom=None)
    stream = own_predictor.open(WindowedFrames(big, session.grid, (0, 1)), zoom=None)
    done: list[int] = []
    started, finished = threading.Event(), []
    worker = threading.Thread(
        target=lambda: finished.append(
            stream.encode_ahead(range(60), progress=lambda n, _: (done.append(n), started.set()))
        )
    )
    worker.start()
    assert started.wait(30)
    stream.embeddings.get([(59, CropWindow(0, 0, 64, 64))])
    at = done[-1]
    worker.join()
    assert at < 60
    assert finished == [59 if at < 59 else 60]
    assert stream.embeddings.encoder_passes == 60


def test_masks_do_not_depend_on_where_embeddings_are(own_predictor: Any, volume: ImageVolume, tmp_path: Path) -> None:
    labels = []
    for budget in (Budget(), Budget(ram=0, disk=10**9), Budget(ram=0, disk=0)):
        own_predictor.store.clear()
        own_predictor.store._tiers["disk"]._folder = tmp_path
        own_predictor.store.set_budget(budget)
        session = VideoSession(own_predictor, volume, channel=0)
        session.add_box(1, 3, (28, 38, 73, 83))
        list(session.propagate())
        labels.append(session.labels())
    assert (labels[0] == 1).any()
    assert all(np.array_equal(labels[0], other) for other in labels[1:])
