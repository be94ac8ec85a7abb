"""Both sides in turn on the same slices with the same weights: seconds, and masks compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any
from unittest import mock

import numpy as np
import torch

from benchmarks import peers
from benchmarks.clips import Clip, make_clip
from benchmarks.machine import describe
from benchmarks.memory import peaks
from benchmarks.ours import Masks, Ours
from benchmarks.weights import presence_is_as_drawn, random_model
from napari_sam2.engine import load_predictor
from napari_sam2.engine.sam2 import Sam2Model
from napari_sam2.engine.sam2.precision import set_precision
from napari_sam2.engine.sam2.tracking import video_predictor, video_stream
from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor

STARTER = "starter"
TASKS = ("first", "again", "vanish")
SHARE_SHOWN = 0.3
_PREVIEWS = 8
Say = Callable[[str], None]


@dataclass(frozen=True)
class Setting:
    """What is measured; see the help of ``python -m benchmarks``."""

    peer: str = "transformers"
    model: str = "sam2.1-tiny"
    size: int = 512
    frames: int = 10
    objects: int = 1
    device: str = "cpu"
    threads: int | None = None
    repeats: int = 2
    frames_vanish: int | None = None
    seed: int = 7
    memory: bool = True
    compiled: bool = False
    precision: str = "auto"

    @property
    def vanishing_frames(self) -> int:
        """Slices of the clip in which the object is in the first 30 %: a stack, not a handful."""
        return max(self.frames, 40) if self.frames_vanish is None else self.frames_vanish


@dataclass
class Sides:
    """Both sides, ready to work on clips."""

    predictor: Sam2VideoPredictor
    peer: peers.Peer | None
    model: Sam2Model | None


def measure(setting: Setting, say: Say) -> dict[str, Any]:
    """Measure one setting.

    Returns
    -------
    dict
        As it is written to JSON: ratios are the seconds of the peer over ours, None where no peer was measured.
    """
    if setting.device == "cpu" and setting.threads:
        torch.set_num_threads(setting.threads)
    missing = _why_no_peer(setting)
    if missing:
        say(missing)
    with _on_equal_terms(has_peer=not missing):
        say(f"weights of {setting.model} (seed {setting.seed})")
        sides = _load(setting, with_peer=not missing)
        say("warming up")
        warm = make_clip(setting.size, 2, setting.objects, setting.seed + 2)
        for start in _starts(sides, warm, 0):
            start().first()
        times, masks = _times(setting, sides, say)
    preview = _preview(setting, sides)
    say(
        f"preview of a click on an encoded slice: {preview['wall_ms']:.0f} ms, {preview['cpu_ms']:.0f} of the processor"
    )
    memory = peaks(setting, sides.model, say) if setting.memory else {}
    best = {side: {task: min(found) for task, found in of.items()} for side, of in times.items()}
    result: dict[str, Any] = {
        "setting": {**asdict(setting), "frames_vanish": setting.vanishing_frames},
        "machine": describe(setting.device),
        "versions": {"peer": sides.peer.version if sides.peer else None, "torch": torch.__version__},
        "precision": sides.predictor.precision,
        **{f"ratio_{task}": _ratio(best, task) for task in TASKS},
        # Of the time that cores worked, which other programs on the machine change less than the time that passed.
        "ratio_cpu": {task: _ratio(best, task, "_cpu") for task in TASKS},
        **_compared(masks),
        "seconds": times,
        "seconds_best": best,
        "object_slices_per_second": {
            side: setting.frames * setting.objects / best[side]["first"] for side in ("ours", "peer") if side in best
        },
        "preview_ms": preview["wall_ms"],
        "preview_cpu_ms": preview["cpu_ms"],
        "memory": memory,
    }
    if missing:
        result["peer_missing"] = missing
    return result


def _why_no_peer(setting: Setting) -> str:
    if setting.peer == "none":
        return "No peer was asked for."
    if setting.model == STARTER:
        return "The starter is a network of this project, which no peer can run; only this project was measured."
    return peers.why_not(setting.peer)


def _load(setting: Setting, with_peer: bool) -> Sides:
    if setting.model == STARTER:
        return Sides(load_predictor(STARTER, device=setting.device), None, None)
    model = random_model(setting.model, setting.size, setting.seed, setting.device)
    ours, _ = set_precision(model, setting.precision)
    precision = str(ours.dtype).removeprefix("torch.")
    peer = peers.load(setting.peer, model, precision, setting.compiled) if with_peer else None
    return Sides(Sam2VideoPredictor(ours, setting.model), peer, model)


@contextmanager
def _on_equal_terms(has_peer: bool) -> Iterator[None]:
    """Do without what the peers do not do, or what would do them good as well.

    Holes of a few pixels stay as they are: Meta fills them on CUDA alone. What our engine asks of the C library holds
    for the whole process, so beside a peer, which has it from nobody, it is not asked.
    """
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(video_stream, "fill_holes", lambda logits, _area: logits))
        if has_peer:
            stack.enter_context(mock.patch.object(video_predictor, "keep_freed_memory"))
        yield


def _starts(sides: Sides, clip: Clip, patience: int | None) -> list[Callable[[], peers.Run]]:
    starts: list[Callable[[], peers.Run]] = [lambda: Ours(sides.predictor, clip, patience)]
    peer = sides.peer
    if peer is not None:
        starts.append(lambda: peer.start(clip))
    return starts


def _times(
    setting: Setting, sides: Sides, say: Say
) -> tuple[dict[str, dict[str, list[float]]], dict[str, dict[str, Masks]]]:
    """Run all tasks, our side and the peer in turn; the seconds of every try, and the masks of the last."""
    whole = make_clip(setting.size, setting.frames, setting.objects, setting.seed)
    frames = setting.vanishing_frames
    part = make_clip(setting.size, frames, setting.objects, setting.seed, max(1, round(SHARE_SHOWN * frames)))
    times: dict[str, dict[str, list[float]]] = {}
    masks: dict[str, dict[str, Masks]] = {}

    def timed(side: str, task: str, work: Callable[[], Masks]) -> None:
        began, began_cpu = time.perf_counter(), time.process_time()
        found = work()
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
        times.setdefault(side, {}).setdefault(task, []).append(seconds)
        times.setdefault(f"{side}_cpu", {}).setdefault(task, []).append(cpu_seconds)
        masks.setdefault(task, {})[side] = found
        say(f"{task:7s} {side:5s} {seconds:8.2f} s, {1000 * seconds / frames_of[task]:7.0f} ms a slice")

    frames_of = {"first": setting.frames, "again": setting.frames, "vanish": frames}
    names = ("ours", "peer")
    for repeat in range(setting.repeats):
        say(f"try {repeat + 1} of {setting.repeats}")
        runs = [start() for start in _starts(sides, whole, 0)]
        for task in ("first", "again"):
            for side, run in zip(names, runs, strict=False):
                timed(side, task, run.first if task == "first" else run.again)
        del runs, run
        # Once: it is the longest task by far, and its ratio the least likely to be a matter of luck.
        for side, start in zip(names, _starts(sides, part, None) if repeat == 0 else [], strict=False):
            timed(side, "vanish", start().first)
    if not presence_is_as_drawn(masks["vanish"]["ours"], part):
        say("note: with these weights the object is not on exactly the slices on which it was drawn")
    return times, masks


def _preview(setting: Setting, sides: Sides) -> dict[str, float]:
    """Time clicks on a slice that is encoded already: the best of a few."""
    clip = make_clip(setting.size, 2, 1, setting.seed)
    ours = Ours(sides.predictor, clip, 0)
    ours.preview(0.0)
    wall, cpu = [], []
    for shift in range(1, _PREVIEWS + 1):
        began, began_cpu = time.perf_counter(), time.process_time()
        ours.preview(float(shift))
        wall.append(1000 * (time.perf_counter() - began))
        cpu.append(1000 * (time.process_time() - began_cpu))
    return {"wall_ms": min(wall), "cpu_ms": min(cpu)}


def _ratio(best: dict[str, dict[str, float]], task: str, clock: str = "") -> float | None:
    return best[f"peer{clock}"][task] / best[f"ours{clock}"][task] if "peer" in best else None


def _compared(masks: dict[str, dict[str, Masks]]) -> dict[str, Any]:
    """Compare the masks of the first pass and of the object that vanishes.

    Those of a correction say nothing of the engine: this project keeps a correction, the peers track over it.
    """
    area = fmean(float(m.mean()) for m in masks["first"]["ours"].values())
    if "peer" not in masks["first"]:
        return {"iou": None, "iou_min": None, "iou_vanish": None, "mean_area": area}
    first, vanish = (iou_of(masks[task]["ours"], masks[task]["peer"]) for task in ("first", "vanish"))
    return {"iou": fmean(first), "iou_min": min(first), "iou_vanish": fmean(vanish), "mean_area": area}


def iou_of(ours: Masks, theirs: Masks) -> list[float]:
    """IoU of every object on every slice; 1 where both masks are empty."""
    return [_iou(ours[key], theirs[key]) for key in ours]


def _iou(one: np.ndarray, other: np.ndarray) -> float:
    union = np.logical_or(one, other).sum()
    return float(np.logical_and(one, other).sum() / union) if union else 1.0
