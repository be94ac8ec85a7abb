"""A stream: answers, corrections and tracking of objects in one stack."""

from __future__ import annotations

import numpy as np
import torch

from napari_sam2.analysis.metrics import dice
from napari_sam2.core.masks import RunLengthMask, bounding_box, deepest_pixel
from napari_sam2.core.prompts import MaskPrompt, PointPrompt, PromptSet
from napari_sam2.engine.protocols import ConditioningFrame
from napari_sam2.session import VideoSession


def test_objects_in_one_batch_equal_objects_alone(predictor, stack):
    volume, truth = stack
    together = VideoSession(predictor, volume)
    alone = VideoSession(predictor, volume)
    other = (10, 10, 40, 50)
    for session in (together, alone):
        session.add_box(1, 6, bounding_box(truth[6]))
    together.add_box(2, 6, other)
    list(together.propagate())
    list(alone.propagate())
    for frame in range(14):
        a, b = together.mask(1, frame), alone.mask(1, frame)
        # Batched matrix products may round differently.
        assert (a != b).sum() <= 2


def test_correction_on_the_same_window_costs_no_encoder_pass(predictor, stack, opened):
    volume, truth = stack
    streams = opened(predictor)
    session = VideoSession(predictor, volume)
    session.add_box(1, 6, bounding_box(truth[6]))
    list(session.propagate())
    (stream,) = streams
    before = stream.embeddings.encoder_passes
    session.add_points(1, 8, [(88, 106)])
    session.predict_frame(8)
    assert stream.embeddings.encoder_passes == before
    assert streams == [stream]


def test_history_leaves_no_trace_in_an_answer(predictor, stack):
    volume, _ = stack
    wandering, direct = VideoSession(predictor, volume), VideoSession(predictor, volume)
    for y in (60, 70, 80):
        wandering.set_prompts(1, 6, points=[(y, 100)], labels=[1])
        wandering.predict_frame(6)
    wandering.set_prompts(1, 6, points=[(86, 102), (30, 30)], labels=[1, 0])
    direct.set_prompts(1, 6, points=[(86, 102), (30, 30)], labels=[1, 0])
    assert np.array_equal(wandering.predict_frame(6)[1], direct.predict_frame(6)[1])


def test_negative_click_takes_away(predictor, stack):
    volume, truth = stack
    session = VideoSession(predictor, volume)
    session.add_box(1, 6, bounding_box(truth[6]))
    first = session.predict_frame(6)[1]
    session.add_points(1, 6, [(86, 80)], [0])
    second = session.predict_frame(6)[1]
    assert first[86, 80]
    assert not second[86, 80]


def test_a_click_in_a_hollow_keeps_what_an_accepted_frame_shows(predictor, stack):
    volume, truth = stack
    stream = predictor.open([f[..., None] for f in volume.array])
    y, x = deepest_pixel(truth[6])
    outside = PromptSet(points=(PointPrompt(y, x, False),))
    accepted = stream.predict(2, PromptSet(mask=MaskPrompt(RunLengthMask.encode(truth[6]))))
    assert not stream.predict(6, outside, base=truth[6]).mask.any()
    kept = stream.predict(6, outside, base=truth[6], context=[ConditioningFrame(2, accepted.state)]).mask
    assert not kept[y, x]
    assert 0.5 < kept.sum() / truth[6].sum() < 1
    assert not (kept & ~truth[6]).any()


def test_between_accepted_frames_an_object_is_never_lost(predictor, stack, monkeypatch):
    volume, truth = stack
    session = VideoSession(predictor, volume)
    for frame in (3, 9):
        session.add_mask(1, frame, truth[frame])
    decoder = predictor.model.sam_mask_decoder
    decode = decoder.forward

    def nowhere(*args, **kwargs):
        logits, iou, tokens, score = decode(*args, **kwargs)
        return logits, iou, tokens, torch.full_like(score, -5.0)

    monkeypatch.setattr(decoder, "forward", nowhere)
    list(session.propagate(stop_when_gone=0))
    there = [f for f in range(14) if session.mask(1, f).any()]
    assert there == list(range(3, 10)), "the network says that it is nowhere, the user that it is on 3 and on 9"
    assert (session.scores(1).loc[there, "object_score"] > 0).all()
    assert dice(np.stack([session.mask(1, f) for f in there]), truth[3:10]) > 0.85
