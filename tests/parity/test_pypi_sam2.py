"""Our engine against the package ``sam2`` 1.1.0 of PyPI, which is Meta's code of December 2024.

Both are given the same calls, ours through `VideoSession(exact=True)`, and compared after every one of them: all that
either knows of any object on any frame. Run with ``make parity``, in an environment of its own. Both have the same
random weights and keep memory in float32: the package casts it to bfloat16, whose rounding would hide errors a hundred
times larger than the tolerance. Hole filling is off on both sides; the package does it on CUDA only. Figures are in
docs/parity.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine.sam2 import Sam2Model, released_config
from napari_sam2.engine.sam2.network.layers import resize_antialiased
from napari_sam2.engine.sam2.network.released_configs import RELEASED_NAMES
from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor
from napari_sam2.session import VideoSession
from support.exact import stream_of
from support.hf_oracle import randomise

pytestmark = [pytest.mark.parity, pytest.mark.timeout(1800)]
TOLERANCE = 1e-4
CLEAR = 1e-3
"""Logits nearer to 0 than this are rounding: there a pixel may be in one mask and not in the other."""
_YAML = {"tiny": "t", "small": "s", "base-plus": "b+", "large": "l"}

Answers = dict[tuple[int, int], tuple[torch.Tensor, torch.Tensor]]
"""(object, frame) → low-resolution logits and object score."""


def make_clip(size: int, count: int) -> np.ndarray:
    """``(T, 3, S, S) float32`` in 0…1: a disc that moves, on ground that changes from frame to frame."""
    rng = np.random.default_rng(5)
    yy, xx = np.mgrid[:size, :size] * (256 / size)
    frames = []
    for t in range(count):
        coarse = torch.from_numpy(rng.random((1, 3, 9, 9), dtype=np.float32))
        picture = F.interpolate(coarse, size=(size, size), mode="bicubic").numpy()[0]
        picture[:, (yy - 90 - 5 * t) ** 2 + (xx - 110 - 3 * t) ** 2 < 45**2] += 0.4
        frames.append(np.clip(picture, 0, 1))
    return np.stack(frames).astype(np.float32)


def normalised(model: Sam2Model, clip: np.ndarray) -> torch.Tensor:
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (model.config.pixel_mean, model.config.pixel_std))
    pixels, size = torch.from_numpy(clip), (model.image_size, model.image_size)
    if pixels.shape[-2:] != size:
        pixels = resize_antialiased(pixels, size, "bicubic").clamp(0, 1)
    return (pixels - mean) / std


class _Float32Memory:
    """The torch module, but for bfloat16."""

    bfloat16 = torch.float32

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


class Meta:
    """The package's predictor with the weights of one of our models, on one clip."""

    def __init__(self, model: Sam2Model, clip: np.ndarray) -> None:
        pytest.importorskip("sam2", reason="PyPI's sam2 1.1.0 is not here: make parity")
        from sam2 import sam2_video_predictor
        from sam2.build_sam import build_sam2_video_predictor

        self.module = sam2_video_predictor
        version, _, size = model.config.name.partition("-")
        keeps = model.config.add_all_frames_to_correct_as_cond
        overrides = [
            f"++model.image_size={model.image_size}",
            # Left alone where our model does not ask for it: that is how the package comes.
            *(["++model.add_all_frames_to_correct_as_cond=true"] if keeps else []),
        ]
        yaml = f"configs/{version}/{version}_hiera_{_YAML[size]}.yaml"
        self.predictor = build_sam2_video_predictor(yaml, device="cpu", hydra_overrides_extra=overrides)
        self.predictor.fill_hole_area = 0
        missing = self.predictor.load_state_dict(model.state_dict(), strict=True)
        assert not missing.missing_keys
        self.pixels = normalised(model, clip)
        self.shape = clip.shape[-2:]
        with self.patched():
            self.state = self.predictor.init_state("no file")

    @contextmanager
    def patched(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.module, "torch", _Float32Memory())
            patch.setattr(self.module, "tqdm", lambda frames, **_: frames)
            patch.setattr(self.module, "load_video_frames", lambda **_: (self.pixels, *self.shape))
            yield

    def answers(self) -> Answers:
        """All that it knows; what is newer stands for what is older."""
        found: Answers = {}
        for index in self.state["output_dict_per_obj"]:
            obj_id = self.predictor._obj_idx_to_id(self.state, index)
            for table in ("output_dict_per_obj", "temp_output_dict_per_obj"):
                for kind in ("non_cond_frame_outputs", "cond_frame_outputs"):
                    for frame, out in self.state[table][index][kind].items():
                        found[obj_id, frame] = out["pred_masks"], out["object_score_logits"]
        return found


def new_session(model: Sam2Model, clip: np.ndarray) -> VideoSession:
    volume = ImageVolume(clip, axes="tcyx", window=(0.0, 1.0))
    return VideoSession(Sam2VideoPredictor(model, "random"), volume, exact=True)


def ours(session: VideoSession) -> Answers:
    """All that the model of a session knows."""
    stream = stream_of(session)
    found: Answers = {}
    for obj_id, known in stream._objects.items():
        frames = {*known.conditioning, *known.tracked, *known.new_conditioning, *known.new_tracked}
        for frame in frames:
            output = known.shown(frame)
            assert output is not None
            found[obj_id, frame] = output.decoding.low_res_logits, output.decoding.object_score
    return found


class Pair:
    """A session and the package on the same clip. Coordinates are those of 256 pixels, ``(y, x)``."""

    def __init__(self, model: Sam2Model, clip: np.ndarray, title: str) -> None:
        self.model, self.title = model, title
        self.session, self.meta = new_session(model, clip), Meta(model, clip)
        self.scale = (clip.shape[-2] / 256, clip.shape[-1] / 256)
        self.worst = 0.0

    def click(self, obj_id: int, frame: int, points: Sequence[tuple[float, float]], labels: list[int]) -> None:
        points = [self._scaled(p) for p in points]
        self.session.add_points(obj_id, frame, points, labels)
        with self.meta.patched():
            _, ids, masks = self.meta.predictor.add_new_points_or_box(
                self.meta.state, frame, obj_id, [[x, y] for y, x in points], labels, clear_old_points=False
            )
        self._compare_shown(obj_id, frame, masks[ids.index(obj_id), 0])

    def prompts(self, obj_id: int, frame: int, points: Any, labels: list[int], box: Any = None) -> None:
        """Replace the prompts of a frame."""
        points = [self._scaled(p) for p in points]
        corners = None if box is None else [*self._scaled(box[:2]), *self._scaled(box[2:])]
        self.session.set_prompts(obj_id, frame, points, labels, corners)
        xyxy = None if corners is None else [corners[1], corners[0], corners[3], corners[2]]
        given = {"points": [[x, y] for y, x in points], "labels": labels} if points else {}
        with self.meta.patched():
            _, ids, masks = self.meta.predictor.add_new_points_or_box(self.meta.state, frame, obj_id, box=xyxy, **given)
        self._compare_shown(obj_id, frame, masks[ids.index(obj_id), 0])

    def box(self, obj_id: int, frame: int, box: tuple[float, float, float, float]) -> None:
        """Set a box beside the clicks that are there."""
        (y0, x0), (y1, x1) = self._scaled(box[:2]), self._scaled(box[2:])
        self.session.add_box(obj_id, frame, (y0, x0, y1, x1))
        prompts = self.session.prompts(obj_id, frame)
        assert prompts is not None
        given = {"points": prompts.coordinates[:, ::-1].tolist(), "labels": prompts.labels} if prompts.points else {}
        with self.meta.patched():
            _, ids, masks = self.meta.predictor.add_new_points_or_box(
                self.meta.state, frame, obj_id, box=[x0, y0, x1, y1], **given
            )
        self._compare_shown(obj_id, frame, masks[ids.index(obj_id), 0])

    def mask(self, obj_id: int, frame: int, mask: np.ndarray) -> None:
        self.session.add_mask(obj_id, frame, mask)
        with self.meta.patched():
            _, ids, masks = self.meta.predictor.add_new_mask(self.meta.state, frame, obj_id, mask)
        self._compare_shown(obj_id, frame, masks[ids.index(obj_id), 0])

    def clear(self, obj_id: int, frame: int) -> None:
        self.session.clear_prompts(obj_id, frame)
        with self.meta.patched():
            _, ids, masks = self.meta.predictor.clear_all_prompts_in_frame(self.meta.state, frame, obj_id)
        if self.session.mask(obj_id, frame) is None:
            assert float(masks[ids.index(obj_id)].max()) == -1024.0
        else:
            self._compare_shown(obj_id, frame, masks[ids.index(obj_id), 0])

    def delete(self, obj_id: int) -> None:
        self.session.delete_object(obj_id)
        with self.meta.patched():
            self.meta.predictor.remove_object(self.meta.state, obj_id, need_output=False)

    def propagate(self, direction: Any = "both", frames: range | None = None) -> None:
        """All frames that either comes to, in the same order, with the same masks."""
        wanted = []
        for reverse in {"both": (False, True), "forward": (False,), "backward": (True,)}[direction]:
            start = None if frames is None else frames[-1] if reverse else frames[0]
            most = None if frames is None else len(frames) - 1
            with self.meta.patched():
                run = self.meta.predictor.propagate_in_video(self.meta.state, start, most, reverse)
                wanted += [(frame, dict(zip(ids, masks[:, 0], strict=True))) for frame, ids, masks in run]
        found = [(step.frame, step.masks) for step in self.session.propagate(direction, frames)]
        for frame, masks in found:
            at = next(i for i, (other, _) in enumerate(wanted) if other == frame)
            for obj_id, logits in wanted.pop(at)[1].items():
                self._compare_masks(obj_id, frame, masks[obj_id], logits)
        # A frame is not yielded once more where nothing is new on it.
        assert {frame for frame, _ in wanted} <= {frame for frame, _ in found}
        self.compare()

    def compare(self) -> None:
        """Both know the same of the same frames."""
        got, wanted = ours(self.session), self.meta.answers()
        assert set(got) == set(wanted)
        keys = sorted(wanted)
        # All scores together: one alone may be so near 0 that nothing is near to it.
        scores = (torch.cat([answers[key][1].flatten() for key in keys]) for answers in (got, wanted))
        self._note("scores", _difference(*scores))
        for key in keys:
            self._note(f"object and frame {key}", _difference(got[key][0], wanted[key][0]))

    def record(self, record_property: Any) -> None:
        config = self.model.config
        keeps = ", corrections kept" if config.add_all_frames_to_correct_as_cond else ""
        record_property("parity", self.worst)
        print(f"PARITY sam2-1.1.0 | {config.name}{keeps} | {config.image_size} px | {self.title} | {self.worst:.1e}")

    def _compare_shown(self, obj_id: int, frame: int, logits: torch.Tensor) -> None:
        mask = self.session.mask(obj_id, frame)
        assert mask is not None
        self._compare_masks(obj_id, frame, mask, logits)
        self.compare()

    def _compare_masks(self, obj_id: int, frame: int, mask: np.ndarray, logits: torch.Tensor) -> None:
        clear = (logits.abs() > CLEAR).numpy()
        assert (mask == (logits > 0).numpy())[clear].all(), f"{self.title}: the mask of {obj_id} on frame {frame}"

    def _note(self, what: str, off: float) -> None:
        self.worst = max(self.worst, off)
        assert off <= TOLERANCE, f"{self.title}, {what}: off by {off:.1e}"

    def _scaled(self, point: Sequence[float]) -> tuple[float, float]:
        y, x = point
        return y * self.scale[0], x * self.scale[1]


def _difference(mine: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((mine.float() - theirs.float()).abs().max() / theirs.float().abs().max().clamp(min=1e-12))


BOX = (50, 70, 150, 160)


def make_model(name: str, clip: np.ndarray, size: int | None = None, keeps: bool = False) -> Sam2Model:
    """A random network whose object comes and goes: both gates are in use, and no score is near 0."""
    config = replace(released_config(name), add_all_frames_to_correct_as_cond=keeps)
    for seed in (7, 8, 9):
        # A new one each time: a network keeps tables that it made of its weights.
        model = Sam2Model(config.with_image_size(size or clip.shape[-1])).eval().requires_grad_(False)
        randomise(model, seed)
        head = model.sam_mask_decoder.pred_obj_score_head.layers[-1]
        head.weight.mul_(8)  # scores that differ from frame to frame
        for _ in range(5):
            session = new_session(model, clip)
            session.add_box(1, 1, tuple(v * n / 256 for v, n in zip(BOX, clip.shape[-2:] * 2, strict=True)))
            for _ in session.propagate():
                pass
            scores = [float(score) for _, score in ours(session).values()]
            if 1 <= sum(s > 0 for s in scores) < len(clip) and min(abs(s) for s in scores) > 5e-4:
                return model
            head.bias.sub_(float(np.median(scores)) + 1e-3)
    pytest.fail(f"No bias makes the object come and go: {scores}")


def square(clip: np.ndarray, y0: int = 60, x0: int = 70) -> np.ndarray:
    mask = np.zeros((256, 256), bool)
    mask[y0 : y0 + 80, x0 : x0 + 80] = True
    rows, columns = (np.arange(n) * 256 // n for n in clip.shape[-2:])
    return mask[np.ix_(rows, columns)]


PROMPTS = {
    "box": lambda pair, _: pair.box(1, 1, BOX),
    "one click": lambda pair, _: pair.click(1, 1, [(100, 118)], [1]),
    "three clicks": lambda pair, _: pair.click(1, 1, [(100, 118), (30, 40), (120, 130)], [1, 0, 1]),
    "mask": lambda pair, clip: pair.mask(1, 1, square(clip)),
}


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    return make_clip(256, 10)


@pytest.fixture(scope="module")
def tiny(clip: np.ndarray) -> Sam2Model:
    return make_model("sam2.1-tiny", clip)


@pytest.mark.parametrize("title", PROMPTS)
def test_prompts(tiny: Sam2Model, clip: np.ndarray, title: str, record_property: Any) -> None:
    pair = Pair(tiny, clip, title)
    PROMPTS[title](pair, clip)
    pair.propagate()
    pair.record(record_property)


@pytest.mark.parametrize("name", RELEASED_NAMES)
def test_released_sizes(name: str, record_property: Any) -> None:
    clip = make_clip(256, 5)
    pair = Pair(make_model(name, clip), clip, "box")
    pair.box(1, 1, BOX)
    pair.propagate()
    pair.record(record_property)


@pytest.mark.parametrize("size", [512, 1024])
def test_input_sizes(size: int, record_property: Any) -> None:
    clip = make_clip(size, 4)
    pair = Pair(make_model("sam2.1-tiny", clip), clip, "box")
    pair.box(1, 1, BOX)
    pair.propagate()
    pair.record(record_property)


def test_frames_that_are_not_square(record_property: Any) -> None:
    clip = make_clip(256, 6)[:, :, 20:212]
    pair = Pair(make_model("sam2.1-tiny", clip, size=128, keeps=True), clip, "frames of 192 x 256")
    pair.box(1, 1, BOX)
    pair.propagate()
    pair.click(1, 3, [(100, 118), (20, 200)], [1, 0])
    pair.mask(2, 2, square(clip))
    pair.propagate()
    pair.record(record_property)


# ---------------------------------------------------------------------- corrections


@pytest.fixture(scope="module")
def small_clip() -> np.ndarray:
    return make_clip(128, 9)


@pytest.fixture(scope="module", params=[False, True], ids=["as it comes", "corrections kept"])
def model(request: pytest.FixtureRequest, small_clip: np.ndarray) -> Sam2Model:
    return make_model("sam2.1-tiny", small_clip, keeps=request.param)


@pytest.mark.parametrize("clicks", [1, 2])
def test_correction_of_a_tracked_frame(
    model: Sam2Model, small_clip: np.ndarray, clicks: int, record_property: Any
) -> None:
    """As the package comes, the next propagation tracks the corrected frame anew, and the correction is lost."""
    pair = Pair(model, small_clip, f"a correction by {clicks} click(s)")
    pair.box(1, 1, BOX)
    pair.propagate()
    pair.click(1, 5, [(100, 118), (40, 30)][:clicks], [1, 0][:clicks])
    corrected = ours(pair.session)[1, 5][0]
    pair.propagate()
    assert torch.equal(ours(pair.session)[1, 5][0], corrected) == model.config.add_all_frames_to_correct_as_cond
    pair.record(record_property)


def test_corrections_call_by_call(model: Sam2Model, small_clip: np.ndarray, record_property: Any) -> None:
    """Each on the answer to the one before; also where tracking began, in reverse, and with a box."""
    pair = Pair(model, small_clip, "corrections call by call")
    pair.click(1, 3, [(100, 118)], [1])
    pair.click(1, 3, [(40, 30)], [0])
    pair.box(1, 3, BOX)
    pair.propagate()
    pair.click(1, 6, [(100, 118)], [1])
    pair.click(1, 6, [(130, 140)], [1])
    pair.prompts(1, 6, [(60, 60)], [0], box=BOX)
    pair.click(1, 1, [(90, 100)], [1])  # tracked in reverse
    pair.propagate()
    pair.click(1, 3, [(110, 110)], [1])
    pair.propagate("forward")
    pair.click(1, 8, [(120, 100)], [1])
    pair.propagate("backward")
    pair.propagate()
    pair.record(record_property)


def test_masks_and_cleared_prompts(model: Sam2Model, small_clip: np.ndarray, record_property: Any) -> None:
    pair = Pair(model, small_clip, "masks, clicks on them, prompts taken back")
    pair.mask(1, 2, square(small_clip))
    pair.click(1, 2, [(200, 200)], [1])
    pair.box(1, 7, BOX)
    pair.clear(1, 7)
    pair.box(1, 7, BOX)
    pair.propagate()
    pair.mask(1, 5, square(small_clip, 80, 90))
    pair.click(1, 4, [(100, 118)], [1])
    pair.clear(1, 4)
    pair.clear(1, 7)
    pair.propagate()
    pair.click(1, 7, [(100, 118)], [1])
    pair.propagate()
    pair.record(record_property)


# ---------------------------------------------------------------------- later objects, and directions


def test_two_objects_from_different_frames(model: Sam2Model, small_clip: np.ndarray, record_property: Any) -> None:
    pair = Pair(model, small_clip, "two objects from different frames")
    pair.box(1, 1, BOX)
    pair.click(2, 4, [(30, 200)], [1])
    pair.propagate()
    pair.record(record_property)


def test_objects_prompted_after_a_propagation(model: Sam2Model, small_clip: np.ndarray, record_property: Any) -> None:
    pair = Pair(model, small_clip, "objects prompted after a propagation")
    pair.box(1, 3, BOX)
    pair.propagate()
    pair.click(2, 6, [(30, 200)], [1])
    pair.mask(3, 1, square(small_clip))
    pair.propagate()
    pair.click(2, 2, [(30, 200), (200, 30)], [1, 0])
    pair.click(1, 8, [(100, 118)], [1])
    pair.propagate()
    pair.delete(3)  # the earliest prompt was its
    pair.propagate()
    pair.record(record_property)


def test_directions(model: Sam2Model, small_clip: np.ndarray, record_property: Any) -> None:
    """In reverse first, then forward; from a frame of one's own; and again."""
    pair = Pair(model, small_clip, "in reverse, then forward, from chosen frames")
    pair.box(1, 6, BOX)
    pair.propagate("backward")
    pair.propagate("forward")
    pair.click(1, 4, [(100, 118)], [1])
    pair.propagate("backward", range(2, 9))
    pair.click(2, 0, [(30, 200)], [1])
    pair.propagate("backward")
    pair.propagate("forward", range(3, 7))
    pair.propagate()
    pair.record(record_property)


@pytest.mark.parametrize("name", ["sam2.1-base-plus", "sam2-small"])
@pytest.mark.parametrize("keeps", [False, True], ids=["as it comes", "corrections kept"])
def test_corrections_of_other_sizes(name: str, keeps: bool, record_property: Any) -> None:
    clip = make_clip(128, 6)
    pair = Pair(make_model(name, clip, keeps=keeps), clip, "a correction and a later object")
    pair.box(1, 1, BOX)
    pair.propagate()
    pair.click(1, 3, [(100, 118)], [1])
    pair.click(2, 4, [(30, 200)], [1])
    pair.propagate()
    pair.click(1, 1, [(100, 118)], [1])
    pair.propagate()
    pair.record(record_property)
