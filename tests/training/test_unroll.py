"""Unrolling gives what the engine's session machinery gives for the same frames and prompts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_sam2.core.masks import RunLengthMask, deepest_pixel
from napari_sam2.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, PromptSet
from napari_sam2.engine.protocols import ConditioningFrame, Prediction
from napari_sam2.engine.sam2.checkpoint import load_model
from napari_sam2.engine.sam2.network.model import ABSENT_LOGIT, MaskDecoding, Sam2Model
from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor
from training.clip_sampling import ClipBatch
from training.clip_script import BothEndsClip, CorrectedClip, FrameCorrection
from training.simulated_prompts import Points
from training.synthetic import make_scene
from training.train import set_input_size
from training.unroll import DecoderOutput, unroll

SIZE, FRAMES = 192, 4
TOLERANCE = 1e-3


class Fixed:
    """Prompts that are given beforehand, the same for every object of the batch."""

    def __init__(self, first: tuple[list, list], corrections: list[tuple[float, float, int]]) -> None:
        self._first, self._corrections = first, list(corrections)

    def first_prompt(self, masks: torch.Tensor, kind: str) -> Points:
        points, labels = self._first
        return self._batch(masks, points, labels)

    def correction_click(self, masks: torch.Tensor, predicted: torch.Tensor) -> Points:
        x, y, label = self._corrections.pop(0)
        return self._batch(masks, [(x, y)], [label])

    def corrupt(self, found: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Everything is the object."""
        return torch.full((*found.shape,), 8.0)[:, None]

    @staticmethod
    def _batch(masks: torch.Tensor, points: list, labels: list) -> Points:
        count = masks.shape[0]
        return torch.tensor([points] * count).float(), torch.tensor([labels] * count, dtype=torch.int32)


@pytest.fixture(scope="module")
def model(bundled_weights: Path) -> Sam2Model:
    bundled = load_model(bundled_weights)
    set_input_size(bundled, SIZE)
    return bundled


@pytest.fixture(scope="module")
def clips() -> ClipBatch:
    """Cells; the second clip of the batch is another, so that mixing up rows would show."""
    images, masks = [], []
    for seed in (3, 5):
        scene = make_scene(np.random.default_rng(seed), FRAMES, SIZE, cell_share=1.0)
        image = torch.from_numpy(scene.image.astype(np.float32)).clamp(0, 1)
        areas = {k: o.area for k, o in scene.boxes[0].items() if all(k in boxes for boxes in scene.boxes)}
        largest = sorted(areas, key=lambda k: areas[k])[-2:]
        images.append(image)
        masks.append(torch.stack([torch.from_numpy(scene.labels == k) for k in largest]))
    return ClipBatch(torch.stack(images), torch.stack(masks))


def _stream(model: Sam2Model, clip: torch.Tensor):  # type: ignore[no-untyped-def]
    frames = [frame[..., None].numpy() for frame in clip]
    return Sam2VideoPredictor(model, "starter").open(frames, zoom=None)


def _engine(
    stream, prediction: Prediction, frames: range, context: list[ConditioningFrame], owner: int
) -> list[Prediction]:  # type: ignore[no-untyped-def]
    track = stream.track(ConditioningFrame(owner, prediction.state), context, 1)
    return [stream.advance([track])[0] for _ in frames]


def _same(output: DecoderOutput, prediction: Prediction, row: int) -> None:
    found, expected = output.decoding.low_res_logits[row, 0].numpy(), prediction.state.low_res_logits[0, 0].numpy()
    # The loss is of what the network says, the engine's masks have no strays: they have the opposite sign there.
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=TOLERANCE)
    assert not ((expected > TOLERANCE) & (found < 0)).any()
    assert ((expected < 0) & (found > TOLERANCE)).mean() < 0.1
    assert float(output.decoding.iou[row]) == pytest.approx(prediction.scores.iou, abs=TOLERANCE)
    assert float(output.decoding.object_score[row]) == pytest.approx(prediction.scores.object_score, abs=TOLERANCE)


@pytest.mark.parametrize("kind", ["click", "box", "mask"])
def test_as_the_engine_answers_and_tracks(model: Sam2Model, clips: ClipBatch, kind: str) -> None:
    given = {
        "click": (([(90.0, 101.0)], [1]), PromptSet(points=(PointPrompt(101, 90),))),
        "box": (([(60.0, 70.0), (120.0, 131.0)], [2, 3]), PromptSet(box=BoxPrompt(70, 60, 131, 120))),
    }
    with torch.no_grad():
        outputs = unroll(model, clips, CorrectedClip(kind), Fixed(given.get(kind, given["click"])[0], []))
    assert len(outputs) == FRAMES - (kind == "mask")
    for row in range(4):
        clip, obj = divmod(row, 2)
        mask = RunLengthMask.encode(clips.masks[clip, obj, 0].numpy())
        prompts = PromptSet(mask=MaskPrompt(mask)) if kind == "mask" else given[kind][1]
        stream = _stream(model, clips.images[clip])
        prompted = stream.predict(0, prompts)
        tracked = _engine(stream, prompted, range(1, FRAMES), [], 0)
        expected = tracked if kind == "mask" else [prompted, *tracked]
        for output, prediction in zip(outputs, expected, strict=True):
            _same(output, prediction, row)
    # The comparison is of masks, not of empty frames.
    assert (outputs[-1].decoding.low_res_logits > 0).flatten(1).any(1).sum() >= 2


def test_as_the_engine_corrects(model: Sam2Model, clips: ClipBatch) -> None:
    """A click upon the first output, then one on a tracked frame, from which tracking starts anew."""
    one = ClipBatch(clips.images[:1], clips.masks[:1, :1])
    prompter = Fixed(([(60.0, 70.0), (120.0, 131.0)], [2, 3]), [(75.0, 80.0, 0), (96.0, 100.0, 1), (70.0, 110.0, 1)])
    script = CorrectedClip("box", first_corrections=1, correction=FrameCorrection(2, 2))
    with torch.no_grad():
        outputs = unroll(model, one, script, prompter)
    assert [a.frame for a in outputs] == [0, 0, 1, 2, 2, 2, 3]

    stream = _stream(model, one.images[0])
    prompts = PromptSet(points=(PointPrompt(80, 75, False),), box=BoxPrompt(70, 60, 131, 120))
    prompted = stream.predict(0, prompts)
    _same(outputs[1], prompted, 0)
    first, second = _engine(stream, prompted, range(1, 3), [], 0)
    _same(outputs[2], first, 0)
    _same(outputs[3], second, 0)
    context = [ConditioningFrame(0, prompted.state)]
    clicks = PromptSet(points=(PointPrompt(100, 96), PointPrompt(110, 70)))
    assert (second.logits > 0).any()
    corrected = stream.predict(2, clicks, base=second.logits > 0, window=second.window, context=context)
    _same(outputs[5], corrected, 0)
    (last,) = _engine(stream, corrected, range(3, 4), context, 2)
    _same(outputs[6], last, 0)


def test_as_the_engine_finds_a_lost_object(model: Sam2Model, clips: ClipBatch, monkeypatch: pytest.MonkeyPatch) -> None:
    """A click where the second tracked frame has nothing."""
    one = ClipBatch(clips.images[:1], clips.masks[:1, 1:])
    decode, tracked = model.decode, []

    def losing(*args: Any, **kwargs: Any) -> MaskDecoding:
        decoding = decode(*args, **kwargs)
        tracked.extend([decoding] * kwargs.get("averaged", False))
        if len(tracked) == 2 and kwargs.get("averaged"):
            return replace(decoding, low_res_logits=torch.full_like(decoding.low_res_logits, ABSENT_LOGIT))
        return decoding

    monkeypatch.setattr(model, "decode", losing)
    y, x = deepest_pixel(one.masks[0, 0, 2].numpy())
    with torch.no_grad():
        outputs = unroll(model, one, CorrectedClip("mask", correction=FrameCorrection(2)), Fixed(([], []), [(x, y, 1)]))
    assert [a.frame for a in outputs] == [1, 2, 2, 3]
    tracked.clear()
    stream = _stream(model, one.images[0])
    prompted = stream.predict(0, PromptSet(mask=MaskPrompt(RunLengthMask.encode(one.masks[0, 0, 0].numpy()))))
    first, lost = _engine(stream, prompted, range(1, 3), [], 0)
    assert first.mask.any()
    assert not lost.mask.any()
    context, click = [ConditioningFrame(0, prompted.state)], PromptSet(points=(PointPrompt(y, x),))
    found = stream.predict(2, click, base=lost.mask, window=lost.window, context=context, nearest=first.mask)
    assert found.mask.any()
    _same(outputs[2], found, 0)
    (last,) = _engine(stream, found, range(3, 4), context, 2)
    _same(outputs[3], last, 0)


@pytest.mark.parametrize("kind", ["box", "mask"])
def test_as_the_engine_tracks_between_accepted_frames(model: Sam2Model, clips: ClipBatch, kind: str) -> None:
    """The last frame is prompted too, and is in the memory of those between."""
    end = FRAMES - 1
    box = PromptSet(box=BoxPrompt(70, 60, 131, 120))
    with torch.no_grad():
        given = Fixed(([(60.0, 70.0), (120.0, 131.0)], [2, 3]), [])
        outputs = unroll(model, clips, BothEndsClip(kind), given)
        alone = unroll(model, clips, CorrectedClip(kind), given)
    tracked = [a for a in outputs if a.frame not in (0, end)]
    assert [a.frame for a in tracked] == list(range(1, end))
    for row in range(4):
        clip, obj = divmod(row, 2)
        stream = _stream(model, clips.images[clip])
        masks = [MaskPrompt(RunLengthMask.encode(clips.masks[clip, obj, f].numpy())) for f in (0, end)]
        first, last = (
            stream.predict(f, PromptSet(mask=m) if kind == "mask" else box)
            for f, m in zip((0, end), masks, strict=True)
        )
        expected = _engine(stream, first, range(1, end), [ConditioningFrame(end, last.state)], 0)
        for output, prediction in zip(tracked, expected, strict=True):
            _same(output, prediction, row)
    without = [a for a in alone if a.frame in range(1, end)]
    assert not torch.allclose(tracked[0].decoding.low_res_logits, without[0].decoding.low_res_logits, atol=TOLERANCE)


def test_an_accepted_end_without_the_object_is_empty(model: Sam2Model, clips: ClipBatch) -> None:
    """Whatever the network says upon no prompt: an object that has ended is not known to be there."""
    masks = clips.masks.clone()
    masks[:, :, -1] = False
    prompter = Fixed(([(60.0, 70.0), (120.0, 131.0)], [2, 3]), [])
    with torch.no_grad():
        box = unroll(model, ClipBatch(clips.images, masks), BothEndsClip("box"), prompter)
        given = unroll(model, ClipBatch(clips.images, masks), BothEndsClip("mask"), prompter)
        ahead = unroll(model, clips, BothEndsClip("box"), prompter)
    assert [a.frame for a in box] == [0, FRAMES - 1, 1, 2]
    assert [a.frame for a in given] == [1, 2]
    assert not torch.allclose(box[2].decoding.object_score, ahead[2].decoding.object_score, atol=TOLERANCE)


@pytest.mark.parametrize("part", ["some of it", "all of it"])
def test_as_the_engine_erases(model: Sam2Model, clips: ClipBatch, part: str) -> None:
    """A negative click on a tracked frame takes away what it points at, and what is left is accepted as it is."""
    one = ClipBatch(clips.images[:1], clips.masks[:1, 1:])
    stream = _stream(model, one.images[0])
    given = PromptSet(mask=MaskPrompt(RunLengthMask.encode(one.masks[0, 0, 0].numpy())))
    prompted = stream.predict(0, given)
    second = _engine(stream, prompted, range(1, 3), [], 0)[-1]
    found = second.logits > 0
    y, x = deepest_pixel(found) if part == "all of it" else np.argwhere(found)[0].tolist()
    context = [ConditioningFrame(0, prompted.state)]
    clicks = PromptSet(points=(PointPrompt(y, x, False),))
    corrected = stream.predict(2, clicks, base=found, window=second.window, context=context)
    assert 0 <= (corrected.logits > 0).sum() < found.sum()
    (last,) = _engine(stream, corrected, range(3, 4), context, 2)

    with torch.no_grad():
        outputs = unroll(model, one, CorrectedClip("mask", correction=FrameCorrection(2)), Fixed(([], []), [(x, y, 0)]))
    assert [a.frame for a in outputs] == [1, 2, 2, 3]
    _same(outputs[1], second, 0)
    _same(outputs[3], last, 0)


@pytest.mark.parametrize(("kind", "corrupted"), [("click", 1), ("mask", 0)])
def test_a_corrupted_mask_goes_on(model: Sam2Model, clips: ClipBatch, kind: str, corrupted: int) -> None:
    """The frames up to it are answered as ever, those after it otherwise, and none is left out."""
    with torch.no_grad():
        given: tuple[list, list] = ([(90.0, 101.0)], [1])
        plain, wrong = (
            unroll(model, clips, CorrectedClip(kind, corrupted_frame=f), Fixed(given, [])) for f in (None, corrupted)
        )
    assert [a.frame for a in wrong] == [a.frame for a in plain]
    for one, other in zip(plain, wrong, strict=True):
        same = torch.equal(one.decoding.low_res_logits, other.decoding.low_res_logits)
        assert same == (one.frame <= corrupted)


def test_skipped_frames_lead_to_the_same_masks(model: Sam2Model, clips: ClipBatch) -> None:
    """They are tracked like others, but are no outputs, and gradients pass them in the first frame's memory only."""
    given: tuple[list, list] = ([(90.0, 101.0)], [1])
    with torch.no_grad():
        plain = unroll(model, clips, CorrectedClip("click"), Fixed(given, []))
    skipped = unroll(
        model, clips, CorrectedClip("click", skipped_frames=2, gradient_through_masks=True), Fixed(given, [])
    )
    assert [a.frame for a in skipped] == [0, 3]
    for one, other in zip((plain[0], plain[3]), skipped, strict=True):
        torch.testing.assert_close(one.decoding.low_res_logits, other.decoding.low_res_logits, atol=1e-4, rtol=1e-4)


def test_gradients_reach_every_part(model: Sam2Model, clips: ClipBatch) -> None:
    trained = Sam2Model(model.config)
    trained.load_state_dict(model.state_dict())
    set_input_size(trained, 64)
    small = ClipBatch(
        torch.nn.functional.interpolate(clips.images, size=(64, 64)),
        torch.nn.functional.interpolate(clips.masks.flatten(0, 1).float(), size=(64, 64)).view(2, 2, 4, 64, 64) > 0.5,
    )
    outputs = unroll(
        trained, small, CorrectedClip("click", gradient_through_masks=True), Fixed(([(30.0, 30.0)], [1]), [])
    )
    total = sum((a.decoding.all_logits.sigmoid().mean() + a.decoding.all_iou.mean() for a in outputs), torch.zeros(()))
    total.backward()
    for part in ("image_encoder", "memory_attention", "memory_encoder", "sam_prompt_encoder", "sam_mask_decoder"):
        gradients = [p.grad for n, p in trained.named_parameters() if n.startswith(part) and p.grad is not None]
        assert sum(float(g.abs().sum()) for g in gradients) > 0, part
