"""Hundreds of objects: the same masks in chunks as at once, and a bound on what is held."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.prompts import BoxPrompt, PromptSet
from napari_sam2.engine.options import TrackingOptions
from napari_sam2.engine.protocols import BoundsObjects, ConditioningFrame
from napari_sam2.engine.sam2.tracking import object_budget
from napari_sam2.engine.sam2.tracking.memory_bank import Attended, Evidence
from support.random_networks import random_predictor


@pytest.fixture(scope="module")
def predictor():
    return random_predictor()


@pytest.fixture(scope="module")
def frames():
    rng = np.random.default_rng(4)
    return [rng.random((48, 64, 1), dtype=np.float32) for _ in range(4)]


def start(stream, count):
    states = [stream.predict(0, PromptSet(box=BoxPrompt(5, 2 * i, 25, 2 * i + 20))).state for i in range(4)]
    return [stream.track(ConditioningFrame(0, states[i % 4]), [], 1) for i in range(count)]


@pytest.mark.parametrize("zoom", [None, 2.0])
def test_many_objects_in_chunks_are_the_same_and_prepared_a_few_at_once(predictor, frames, monkeypatch, zoom):
    together = predictor.open(frames, zoom=zoom)
    expected = together.advance(start(together, 40))
    chunked = predictor.open(frames, zoom=zoom, options=TrackingOptions(chunk=8))
    tracks = start(chunked, 40)
    prepared, made, wanted = [], 0, []
    tokens, get, batch = Attended.tokens, chunked.embeddings.get, predictor.model.decode

    def count(self, model):
        nonlocal made
        made += 1
        return tokens(self, model)

    def decode(*args, **kwargs):
        nonlocal made
        prepared.append(made)
        made = 0
        return batch(*args, **kwargs)

    monkeypatch.setattr(Attended, "tokens", count)
    monkeypatch.setattr(predictor.model, "decode", decode)
    monkeypatch.setattr(chunked.embeddings, "get", lambda asked: wanted.append(len(asked)) or get(asked))
    found = chunked.advance(tracks)
    assert max(prepared) == 8, "tokens of no more objects than go through the network at once"
    assert sum(prepared) == 40
    assert max(wanted) == 8
    for a, b in zip(found, expected, strict=True):
        # Batched matrix products may round differently.
        assert np.abs(a.logits - b.logits).max() < 1e-3
    assert any(p.mask.any() for p in expected)


def test_exclusive_memory_is_the_same_in_chunks(predictor, frames):
    answers = []
    for chunk in (3, 64):
        stream = predictor.open(frames, options=TrackingOptions(chunk=chunk, exclusive_memory=True))
        tracks = start(stream, 7)
        stream.advance(tracks)
        answers.append(np.stack([p.logits for p in stream.advance(tracks)]))
    assert np.abs(answers[0] - answers[1]).max() < 1e-2


@pytest.mark.parametrize("rule", ["meta", "selected", "distractor"])
def test_no_track_holds_more_than_is_counted_on(predictor, frames, rule):
    stream = predictor.open(frames, options=TrackingOptions(memory=rule))
    (track,) = start(stream, 1)
    memory = track.bank.conditioning[0]
    for frame in range(-3, 0):
        track.bank.conditioning[frame] = memory
    for frame in range(1, 60):
        track.bank.remember(frame, memory, 1, Evidence(0.9, 5.0, 100, 0.5))
    maps = len(track.bank.conditioning) + len(track.bank.tracked) + len(getattr(track.bank, "distractors", ()))
    nbytes = maps * memory.features.nbytes + len(track.bank.pointers) * memory.pointer.nbytes + track.last_logits.nbytes
    counted = object_budget.track_bytes(predictor.model)
    assert nbytes <= counted <= 3 * nbytes


def test_more_memory_lets_more_objects_be_followed(predictor, frames, monkeypatch):
    stream = predictor.open(frames)
    assert isinstance(stream, BoundsObjects)
    counts = []
    for free in (0, 10**8, 10**9, None):
        monkeypatch.setattr(object_budget, "free_memory", lambda _, free=free: free)
        counts.append(stream.objects_that_fit())
    none, some, more, unknown = counts
    assert none == 1
    assert 1 < some < more
    assert more == pytest.approx(10 * some, rel=0.1)
    assert unknown == 64
