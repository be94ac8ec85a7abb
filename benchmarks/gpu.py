"""All that is measured on a GPU, in one command of at most ten minutes."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from benchmarks import peers
from benchmarks.clips import make_clip
from benchmarks.machine import describe
from benchmarks.measure import Setting, iou_of, measure
from benchmarks.ours import Ours
from benchmarks.weights import random_model
from napari_sam2.engine.sam2.precision import set_precision
from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor

SECONDS = 570.0
_FRAMES = 48


def plan(peer: str, device: str, seed: int) -> list[Setting]:
    """Return what is measured, the most important first; what is compiled comes last, since compiling may take long."""
    usual = Setting(
        peer=peer, size=1024, frames=_FRAMES, frames_vanish=_FRAMES, device=device, seed=seed, memory=False, repeats=2
    )
    settings = [
        usual,
        replace(usual, objects=4),
        replace(usual, model="sam2.1-large"),
        replace(usual, size=512),
        replace(usual, objects=16, frames=24, frames_vanish=24, repeats=1),
    ]
    if peer == "sam2":
        settings.append(replace(usual, compiled=True, repeats=1))
    return settings


def measure_gpu(
    peer: str, device: str, seed: int, say: Callable[[str], None], seconds: float = SECONDS
) -> dict[str, Any]:
    """Measure the plan until the time is up.

    Returns
    -------
    dict
        ``runs``: a result of `measure` for each setting; ``left_out``: settings for which there was no time, or that
        failed, with the reason; ``precision``: IoU of our masks in half precision against float32; ``waits``: how
        often a step of tracking made the host wait, by torch's own count.
    """
    began = time.perf_counter()
    found: dict[str, Any] = {"machine": describe(device), "runs": [], "left_out": []}
    why_not = peers.why_not(peer)
    if why_not:
        say(why_not)
        found["peer_missing"], peer = why_not, "none"
    for key, work in (("precision", half_against_full), ("waits", waits_of_a_step)):
        try:
            found[key] = work(device, seed)
            say(f"{key}: {found[key]}")
        except (RuntimeError, ValueError) as error:
            found["left_out"].append({"what": key, "why": str(error).splitlines()[0]})
    longest = 0.0
    for setting in plan(peer, device, seed):
        name = f"{setting.model} at {setting.size}, {setting.objects} objects{', compiled' * setting.compiled}"
        left = seconds - (time.perf_counter() - began)
        if left < 1.3 * longest:
            found["left_out"].append({"what": name, "why": f"{left:.0f} s were left"})
            continue
        say(f"== {name} ({left:.0f} s left)")
        start = time.perf_counter()
        try:
            found["runs"].append(measure(setting, say))
        except (RuntimeError, ValueError) as error:
            found["left_out"].append({"what": name, "why": (str(error).splitlines() or [repr(error)])[0]})
        longest = max(longest, time.perf_counter() - start)
    found["seconds"] = time.perf_counter() - began
    return found


def half_against_full(device: str, seed: int, size: int = 1024, frames: int = 16) -> dict[str, float]:
    """Return the IoU of masks in half precision against float32."""
    model = random_model("sam2.1-tiny", size, seed, device)
    clip = make_clip(size, frames, 1, seed)
    full = Ours(Sam2VideoPredictor(model, "full"), clip, 0).first()
    asked = "auto" if device.startswith("cuda") else "bfloat16"
    half, _ = set_precision(model, asked)
    ious = iou_of(Ours(Sam2VideoPredictor(half, "half"), clip, 0).first(), full)
    return {"precision": str(half.dtype).removeprefix("torch."), "iou": sum(ious) / len(ious), "iou_min": min(ious)}


def waits_of_a_step(device: str, seed: int, size: int = 1024) -> dict[str, float]:
    """Count how often a slice made the host wait for the device, with one object and with four."""
    model, _ = set_precision(random_model("sam2.1-tiny", size, seed, device))
    found = {}
    for objects in (1, 4):
        ours = Ours(Sam2VideoPredictor(model, "waits"), make_clip(size, 20, objects, seed), 0)
        ours.prompt()
        results = ours.session.propagate("forward", stop_when_gone=0)
        for _ in range(10):
            next(results)
        before = torch.cuda.get_sync_debug_mode() if torch.cuda.is_available() else 0
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if torch.cuda.is_available():
                torch.cuda.set_sync_debug_mode("warn")
            try:
                for _ in range(8):
                    next(results)
            finally:
                if torch.cuda.is_available():
                    torch.cuda.set_sync_debug_mode(before)
        results.close()
        found[f"{objects}_objects"] = sum("synchroniz" in str(w.message) for w in caught) / 8
    return found
