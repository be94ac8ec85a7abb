"""Objects keep out of what is forbidden and of each other, in what is shown and in what is remembered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_sam2.core.masks import RunLengthMask
from napari_sam2.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, PromptSet
from napari_sam2.engine.options import TrackingOptions
from napari_sam2.engine.protocols import ConditioningFrame, CropWindow
from napari_sam2.engine.sam2.tracking import limits
from napari_sam2.errors import NapariSam2Error
from support.random_networks import random_predictor

SHAPE = (60, 72)


@pytest.fixture
def frames():
    rng = np.random.default_rng(5)
    return [rng.random((*SHAPE, 1), dtype=np.float32) for _ in range(8)]


@pytest.fixture(scope="module")
def predictor():
    return random_predictor()


def half(column=36):
    forbidden = np.zeros(SHAPE, bool)
    forbidden[:, column:] = True
    return forbidden


def flood(predictor, monkeypatch):
    """From here on the decoder floods the frame: the object grows into all that it is not kept out of."""
    decode = predictor.model.decode

    def everywhere(*args, **kwargs):
        decoding = decode(*args, **kwargs)
        full = torch.full_like(decoding.low_res_logits, 6.0)
        return replace(decoding, low_res_logits=full, all_logits=full.expand(-1, 4, -1, -1))

    monkeypatch.setattr(predictor.model, "decode", everywhere)


def remembered(predictor, monkeypatch):
    """The high-resolution logits of all memories that are encoded from here on."""
    seen = []
    encode = predictor.model.encode_memory

    def watch(s16, logits, *args, **kwargs):
        seen.append(logits.clone())
        return encode(s16, logits, *args, **kwargs)

    monkeypatch.setattr(predictor.model, "encode_memory", watch)
    return seen


@pytest.mark.parametrize("zoom", [None, 1.5])
@pytest.mark.parametrize("step", [1, -1])
def test_flooding_stops_at_what_is_forbidden(predictor, frames, monkeypatch, zoom, step):
    flood(predictor, monkeypatch)
    stream = predictor.open(frames, zoom=zoom)
    box, forbidden = PromptSet(box=BoxPrompt(10, 20, 40, 50)), half()
    free = stream.predict(4, box)
    assert free.mask[15:35, 40:45].all(), "without a limit it flows over"
    seen = remembered(predictor, monkeypatch)
    held = stream.predict(4, box, forbidden=forbidden)
    assert held.logits[forbidden].max() <= -10
    assert held.mask[15:35, 25:34].all()
    track = stream.track(ConditioningFrame(4, held.state), [], step)
    (moved,) = stream.advance([track], forbidden=[forbidden])
    assert moved.logits[forbidden].max() <= -10
    assert moved.mask[15:35, 25:34].all()
    # Of the prompted and of the tracked frame; where the window was cut anew, of the prompted one once more.
    assert len(seen) == 2 + (held.window != moved.window)
    for logits, window in zip(seen, (held.window, moved.window, moved.window), strict=False):
        # The columns of the input from the limit on, a pixel of tolerance for the resampling.
        first = int((36 - window.x0) / window.width * 64) + 2
        last = min(64, int((72 - window.x0) / window.width * 64) - 2)
        assert logits[..., 20:40, first:last].max() <= -10
        assert logits[..., 20:40, 10 : first - 4].max() > 0


def test_each_track_has_its_own_limit_and_none_changes_nothing(predictor, frames):
    stream = predictor.open(frames)
    accepted = ConditioningFrame(2, stream.predict(2, PromptSet(box=BoxPrompt(10, 20, 40, 50))).state)
    (alone,) = stream.advance([stream.track(accepted, [], 1)])
    tracks = [stream.track(accepted, [], 1) for _ in range(2)]
    free, held = stream.advance(tracks, forbidden=[None, np.ones(SHAPE, bool)])
    assert np.allclose(free.logits, alone.logits, atol=1e-5)
    assert (alone.logits > 0).any()
    assert held.logits.max() <= -10


def test_a_mask_that_the_user_drew_is_not_cut(predictor, frames):
    drawn = np.zeros(SHAPE, bool)
    drawn[10:30, 30:50] = True
    stream = predictor.open(frames)
    prompts = PromptSet(mask=MaskPrompt(RunLengthMask.encode(drawn)))
    assert np.array_equal(stream.predict(1, prompts, forbidden=half()).mask, drawn)


@pytest.mark.parametrize("exclusive", [False, True])
def test_touching_objects_flow_into_each_other_unless_memory_is_exclusive(frames, monkeypatch, exclusive):
    """Constructed logits: each object is sure of its own half and less sure of the other half, but inside of both."""
    predictor = random_predictor()
    options = TrackingOptions(exclusive_memory=exclusive)
    stream = predictor.open(frames, options=options)
    left, right = half(), ~half()
    accepted = [
        ConditioningFrame(3, stream.predict(3, PromptSet(mask=MaskPrompt(RunLengthMask.encode(m)))).state)
        for m in (~left, ~right)
    ]
    tracks = [stream.track(a, [], 1) for a in accepted]
    decode = predictor.model.decode

    def overlapping(*args, **kwargs):
        decoding = decode(*args, **kwargs)
        logits = torch.full_like(decoding.low_res_logits, 2.0)
        logits[0, ..., :8], logits[1, ..., 8:] = 5.0, 5.0
        return replace(decoding, low_res_logits=logits)

    monkeypatch.setattr(predictor.model, "decode", overlapping)
    seen = remembered(predictor, monkeypatch)
    shown = stream.advance(tracks)
    assert all(s.mask.all() for s in shown), "the rule is about memory; what is shown is the session's rule of overlap"
    (logits,) = seen
    both = (logits[0] > 0) & (logits[1] > 0)
    if exclusive:
        assert not both.any()
        assert (logits[0, 0, :, :30] > 0).all()
        assert (logits[1, 0, :, 34:] > 0).all()
        assert logits[0, 0, :, 34:].max() <= -10
    else:
        assert both.all()


def test_objects_in_windows_of_their_own_give_way_where_they_overlap():
    near, far = CropWindow(0, 0, 32, 32), CropWindow(0, 16, 32, 48)
    claims = [
        limits.Claim(4, near, torch.full((1, 1, 16, 16), 1.0)),
        limits.Claim(4, far, torch.full((1, 1, 16, 16), 3.0)),
        limits.Claim(5, near, torch.full((1, 1, 16, 16), 9.0)),
        limits.Claim(4, near, torch.full((1, 1, 16, 16), 1.0)),
    ]
    lost = limits.beaten(claims, 32)
    assert not lost[0][..., :16].any(), "the earlier one wins a tie"
    assert lost[0][..., 16:].all()
    assert not lost[1].any()
    assert not lost[2].any(), "another frame"
    assert lost[3].all()


def test_exact_mode_takes_no_options_and_options_are_checked(predictor, frames):
    with pytest.raises(NapariSam2Error, match="Exact mode"):
        predictor.open(frames, exact=True, options=TrackingOptions(exclusive_memory=True))
    for wrong in ({"memory": "tree"}, {"click_mask": "best"}, {"chunk": 0}, {"chunk": True}, {"pixel_spacing": (1, 0)}):
        with pytest.raises(NapariSam2Error, match=next(iter(wrong))):
            TrackingOptions(**wrong)


def test_default_options_are_bit_identical_to_none(predictor, frames):
    answers = []
    for options in (None, TrackingOptions(), TrackingOptions(reports_rivals=True)):
        stream = predictor.open(frames, options=options)
        first = stream.predict(2, PromptSet(points=(PointPrompt(20, 30),)))
        tracks = [stream.track(ConditioningFrame(2, first.state), [], 1)]
        answers.append(np.stack([first.logits] + [stream.advance(tracks)[0].logits for _ in range(4)]))
    assert np.array_equal(answers[0], answers[1])
    assert np.array_equal(answers[0], answers[2])
    assert (answers[0] > 0).any()
