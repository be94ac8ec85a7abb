"""The bundled model at work on a synthetic stack: prompts, tracking, windows, bounded work."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_sam2.analysis.metrics import dice
from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.intensity import WindowedFrames
from napari_sam2.core.masks import bounding_box
from napari_sam2.core.prompts import BoxPrompt, PromptSet
from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine import load_predictor
from napari_sam2.engine.protocols import ConditioningFrame
from napari_sam2.engine.sam2.tracking.embedding_store import Budget
from napari_sam2.errors import NapariSam2Error
from napari_sam2.session import VideoSession


def box_of(mask):
    ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return ys[0], xs[0], ys[-1] + 1, xs[-1] + 1


@pytest.mark.parametrize("kind", ["click", "box", "mask"])
def test_object_is_found_and_followed_both_ways(predictor, stack, kind):
    volume, truth = stack
    session = VideoSession(predictor, volume)
    if kind == "click":
        session.add_points(1, 6, [(86, 102)])
    elif kind == "box":
        session.add_box(1, 6, box_of(truth[6]))
    else:
        session.add_mask(1, 6, truth[6])
    list(session.propagate())
    labels = session.labels() == 1
    assert dice(labels, truth) > 0.85
    if kind == "mask":
        assert np.array_equal(labels[6], truth[6])


def test_cache_keeps_to_its_budget(stack):
    volume, truth = stack
    small = load_predictor("starter", device="cpu")
    small.store.set_budget(Budget(device=0, ram=1_000_000, disk=0))
    session = VideoSession(small, volume)
    session.add_box(1, 6, box_of(truth[6]))
    list(session.propagate())
    assert 0 < small.store.used()["ram"] <= 1_000_000
    assert small.store.used()["disk"] == 0


@pytest.mark.parametrize("zoom", [None, 2.5])
def test_zoom_can_be_set(predictor, stack, zoom):
    volume, truth = stack
    session = VideoSession(predictor, volume, zoom=zoom)
    session.add_box(1, 6, box_of(truth[6]))
    session.predict_frame(6)
    window = session.prompt_window(1, 6)
    if zoom is None:
        assert window is None
    else:
        y0, _, y1, x1 = box_of(truth[6])
        longest = max(y1 - y0, x1 - box_of(truth[6])[1])
        assert window[2] - window[0] == pytest.approx(2.5 * longest)


def test_bad_zoom_and_unloaded_model(stack):
    volume, _ = stack
    other = load_predictor("starter", device="cpu")
    session = VideoSession(other, volume, zoom=0.5)
    session.add_points(1, 6, [(86, 102)])
    with pytest.raises(NapariSam2Error, match="zoom"):
        session.predict_frame(6)
    other.unload()
    assert len(other.fingerprint) == 64, "a session that is saved now still says which model made its masks"
    session = VideoSession(other, volume)
    session.add_points(1, 6, [(86, 102)])
    with pytest.raises(NapariSam2Error, match="unloaded"):
        session.predict_frame(6)


def test_a_box_is_answered_without_crumbs(predictor, stack, monkeypatch):
    volume, truth = stack
    decode = predictor.model.decode

    def with_a_crumb(*args, **kwargs):
        decoding = decode(*args, **kwargs)
        logits = decoding.low_res_logits.clone()
        logits[..., 1:4, 1:4] = 5.0
        return replace(decoding, low_res_logits=logits)

    monkeypatch.setattr(predictor.model, "decode", with_a_crumb)
    parts = []
    for obj_id in (1, 2):
        session = VideoSession(predictor, volume)
        session.add_box(obj_id, 5, bounding_box(truth[5]))
        parts.append(ndimage.label(session.predict_frame(5)[obj_id])[1])
        monkeypatch.setattr("napari_sam2.engine.sam2.tracking.prompt_decoding.drop_small", lambda logits, *_: logits)
    assert parts == [1, 2]


def test_memory_does_not_grow_with_the_stack(predictor, stack):
    """After sixty frames a track holds what it held after twenty: six maps, sixteen pointers, its prompt."""
    volume, truth = stack
    still = ImageVolume(np.stack([volume.array[6]] * 60), axes="zyx", window=(0, 1))
    stream = predictor.open(WindowedFrames(still, FrameGrid.of(still), still.window))
    accepted = stream.predict(0, PromptSet(box=BoxPrompt(*box_of(truth[6]))))
    track = stream.track(ConditioningFrame(0, accepted.state), [], 1)
    held = {}
    for frame in range(1, 60):
        stream.advance([track])
        if frame in (20, 59):
            bank = track.bank
            held[frame] = (len(bank.conditioning), len(bank.tracked), len(bank.pointers))
    assert held == {20: (1, 6, 16), 59: (1, 6, 16)}


def test_fingerprint_tells_weights_apart(predictor):
    other = load_predictor("starter", device="cpu")
    assert other.fingerprint == predictor.fingerprint
    changed = load_predictor("starter", device="cpu")
    with torch.no_grad():
        next(changed.model.parameters()).add_(1e-3)
    assert changed.fingerprint != predictor.fingerprint
