"""Going back to the accepted frame tells right masks from wrong ones of which the network is sure."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_sam2.core.prompts import BoxPrompt, PromptSet
from napari_sam2.engine import load_predictor
from napari_sam2.engine.protocols import Checks, ConditioningFrame
from napari_sam2.errors import NapariSam2Error


@pytest.fixture(scope="module")
def predictor():
    return load_predictor("starter", device="cpu")


@pytest.fixture(scope="module")
def stack():
    """Two discs that drift apart, 20 pixels from each other, and their truths."""
    rng = np.random.default_rng(3)
    yy, xx = np.mgrid[:96, :128]
    frames, left, right = [], [], []
    for t in range(9):
        one = np.hypot(yy - 48, xx - 36 + t / 2) < 14
        other = np.hypot(yy - 48, xx - 92 - t / 2) < 14
        frames.append((np.where(one | other, 0.75, 0.3) + rng.normal(0, 0.04, yy.shape)).astype(np.float32)[..., None])
        left.append(one)
        right.append(other)
    return frames, left, right


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("anchor", [0, 8])
def test_the_right_object_comes_back_and_another_does_not(predictor, stack, stride, anchor):
    frames, left, right = stack
    stream = predictor.open(frames)
    assert isinstance(stream, Checks)
    far, near = abs(anchor - 7), abs(anchor - 3)
    masks = {far: left[far], near: right[near], anchor: left[anchor]}
    found = dict(stream.check(anchor, left[anchor], masks, stride=stride))
    assert sorted(found) == sorted({far, near}), "the anchor itself is not asked for"
    assert found[far] > 0.8
    assert found[near] < 0.05, "a sharp mask of the wrong object"


def test_empty_masks_have_no_way_back_and_strides_are_whole_frames(predictor, stack):
    frames, left, _ = stack
    stream = predictor.open(frames)
    found = dict(stream.check(0, left[0], {2: np.zeros_like(left[0]), 1: left[1]}))
    assert math.isnan(found[2])
    assert found[1] > 0.8
    with pytest.raises(NapariSam2Error, match="stride"):
        next(stream.check(0, left[0], {1: left[1]}, stride=0))


def test_a_stride_saves_steps_and_no_more_than_so_many_are_on_their_way(predictor, stack, monkeypatch):
    frames, left, _ = stack
    stream = predictor.open(frames)
    monkeypatch.setattr(predictor.batch_sizer, "objects_at_once", 2)
    moves = []
    advance = stream.advance
    monkeypatch.setattr(stream, "advance", lambda tracks, **k: moves.append(len(tracks)) or advance(tracks, **k))
    masks = {frame: left[frame] for frame in (2, 5, 8)}
    assert len(list(stream.check(0, left[0], masks, stride=1))) == 3
    assert sum(moves) == 2 + 5 + 8
    assert max(moves) == 2
    moves.clear()
    scores = dict(stream.check(0, left[0], masks, stride=4))
    assert sum(moves) == 1 + 2 + 2
    assert all(score > 0.7 for score in scores.values())


def test_checking_leaves_tracks_alone(predictor, stack):
    frames, left, _ = stack
    stream = predictor.open(frames)
    first = stream.predict(0, PromptSet(box=BoxPrompt(33, 21, 63, 51)))
    track = stream.track(ConditioningFrame(0, first.state), [], 1)
    other = stream.track(ConditioningFrame(0, first.state), [], 1)
    stream.advance([track])
    dict(stream.check(0, left[0], {3: left[3]}))
    stream.advance([other])
    assert np.array_equal(stream.advance([track])[0].logits, stream.advance([other])[0].logits)
