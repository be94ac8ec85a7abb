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
from napari_sam2.core.masks import RunLengthMask, bounding_box, deepest_pixel
from napari_sam2.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, PromptSet
from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine import load_predictor
from napari_sam2.engine.protocols import ConditioningFrame
from napari_sam2.engine.sam2.tracking.embedding_store import Budget
from napari_sam2.engine.sam2.tracking.mask_cleanup import drop_disconnected, drop_small, fill_holes
from napari_sam2.errors import NapariSam2Error
from napari_sam2.session import VideoSession


@pytest.fixture(scope="module")
def predictor():
    return load_predictor("starter", device="cpu")


@pytest.fixture(scope="module")
def stack():
    """A bright blob that drifts and shrinks on textured ground, and its truth."""
    rng = np.random.default_rng(3)
    yy, xx = np.mgrid[:160, :200]
    image, truth = [], []
    for t in range(14):
        inside = ((yy - 80 - t) / (30 - t)) ** 2 + ((xx - 90 - 2 * t) / (38 - t)) ** 2 < 1
        image.append(np.where(inside, 0.75, 0.3) + rng.normal(0, 0.04, yy.shape))
        truth.append(inside)
    return ImageVolume(np.array(image, np.float32), axes="zyx", window=(0, 1)), np.array(truth)


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


def test_objects_in_one_batch_equal_objects_alone(predictor, stack):
    volume, truth = stack
    together = VideoSession(predictor, volume)
    alone = VideoSession(predictor, volume)
    other = (10, 10, 40, 50)
    for session in (together, alone):
        session.add_box(1, 6, box_of(truth[6]))
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
    session.add_box(1, 6, box_of(truth[6]))
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
    session.add_box(1, 6, box_of(truth[6]))
    first = session.predict_frame(6)[1]
    session.add_points(1, 6, [(86, 80)], [0])
    second = session.predict_frame(6)[1]
    assert first[86, 80]
    assert not second[86, 80]


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


def test_small_holes_are_filled_large_ones_stay():
    logits = torch.full((1, 1, 32, 32), 5.0)
    logits[..., 4:6, 4:6] = -5.0
    logits[..., 12:20, 12:20] = -5.0
    filled = fill_holes(logits, 8)[0, 0]
    assert (filled[4:6, 4:6] > 0).all()
    assert (filled[12:20, 12:20] < 0).all()


def _squares(*places: tuple[int, int]) -> torch.Tensor:
    """Logits (1, 1, 32, 32) of squares of four pixels at these corners."""
    logits = torch.full((1, 1, 32, 32), -5.0)
    for y, x in places:
        logits[..., y : y + 4, x : x + 4] = 5.0
    return logits


@pytest.mark.parametrize(
    ("now", "before", "left"),
    [
        ([(4, 4), (20, 20)], [(5, 5)], [(4, 4)]),  # something like the object elsewhere
        ([(4, 4), (20, 20)], [(5, 5), (21, 21)], [(4, 4), (20, 20)]),  # two parts that both were there
        ([(4, 4), (20, 20)], [(5, 5), (23, 23)], [(4, 4)]),  # one pixel of it was there
        ([(4, 4), (20, 20)], [(13, 13)], [(4, 4), (20, 20)]),  # a cell that jumped
        ([(4, 4), (20, 20)], [], [(4, 4), (20, 20)]),  # found again
        ([], [(4, 4)], []),
    ],
)
def test_parts_that_nothing_leads_to_are_dropped(now, before, left):
    other = _squares((9, 9))  # another object in the batch
    cleaned = drop_disconnected(torch.cat([_squares(*now), other]), torch.cat([_squares(*before), other]))
    assert torch.equal(cleaned > 0, torch.cat([_squares(*left), other]) > 0)


@pytest.mark.parametrize(
    ("clicked", "left"),
    [
        ([], [(9, 9)]),
        ([(21.5, 5.5)], [(9, 9), (4, 20)]),  # (x, y); the crumb at the right is what the user clicked on
        ([(99.0, 99.0)], [(9, 9)]),  # a click beside the window
    ],
)
def test_small_parts_of_an_answer_are_dropped_unless_clicked(clicked, left):
    large = _squares((9, 9))
    large[..., 9:21, 9:21] = 5.0
    answer, other = torch.maximum(large, _squares((4, 20), (26, 3))), _squares((4, 4), (20, 20))
    wanted = torch.maximum(large, _squares(*left))
    # Inputs of four pixels for one of the logits; of each object a click beside everything is negative.
    points = torch.tensor([[*clicked, (1.5, 30.5)][:1], [(1.5, 30.5)]]) * 4
    labels = torch.tensor([[int(bool(clicked))], [0]])
    cleaned = drop_small(torch.cat([answer, other]), points, labels, 128)
    assert torch.equal(cleaned > 0, torch.cat([wanted, other]) > 0), "two parts of one size both stay"
    assert torch.equal(cleaned.abs(), torch.cat([answer, other]).abs())


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


def test_a_lost_object_looks_as_it_does_nearby(predictor, stack, monkeypatch):
    volume, truth = stack
    stream = predictor.open([f[..., None] for f in volume.array])
    y, x = deepest_pixel(truth[6])
    click, empty = PromptSet(points=(PointPrompt(y, x),)), np.zeros(truth[0].shape, bool)
    accepted = stream.predict(2, PromptSet(mask=MaskPrompt(RunLengthMask.encode(truth[2]))))
    context = [ConditioningFrame(2, accepted.state)]
    asked = []
    answer = stream._answer
    monkeypatch.setattr(stream, "_answer", lambda *args: asked.append(args[2:]) or answer(*args))
    elsewhere = np.roll(truth[5], (-20, 30), (0, 1))
    found = stream.predict(6, click, base=empty, context=context, nearest=elsewhere)
    base, window, known = asked[0]
    assert base[y, x]
    assert dice(base, truth[5]) > 0.9, "moved onto the click"
    assert (window, known) == (None, context)
    assert dice(found.mask, truth[6]) > 0.85
    around = PromptSet(points=click.points, box=BoxPrompt(*bounding_box(truth[6])))
    stream.predict(6, click, base=empty, context=context)
    stream.predict(6, around, base=empty, context=context, nearest=elsewhere)
    assert asked[1:] == [(None, None, ())] * 2, "nothing is known of it, or the box says more"


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
