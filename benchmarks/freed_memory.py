"""What it brings on glibc to keep freed memory for the next array (`core.heap.keep_freed_memory`).

python -m benchmarks.freed_memory --tries 3

Each try is a process of its own, with and without in turn: clicks of the bundled model at places that are not encoded
yet, its first pass, and that of sam2.1-tiny at 512 px with random weights.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import time
from unittest import mock

from benchmarks.clips import make_clip
from benchmarks.ours import Ours
from benchmarks.tries import run_in_turn, tries_table
from benchmarks.weights import random_model
from napari_sam2.engine import load_predictor
from napari_sam2.engine.sam2.tracking import video_predictor
from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor

_SIDES = ("kept", "given back")
_CLICKS, _SLICES, _TINY_SLICES = 20, 20, 6


def main() -> None:
    """Measure in processes of their own, and print a table; or be one of these."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--side", choices=_SIDES, help="one try in this process, as JSON")
    given = parser.parse_args()
    if given.side:
        print(json.dumps(_one_try(given.side)), flush=True)
        return
    tries = run_in_turn("benchmarks.freed_memory", "--side", _SIDES, given.tries)
    print(f"load average at the end: {os.getloadavg()[0]:.1f}")
    print(tries_table(tries, {key: key for key in tries["kept"][0]}))


def _one_try(side: str) -> dict[str, float]:
    if side == "kept":
        return _measured()
    with mock.patch.object(video_predictor, "keep_freed_memory", return_value=None):
        return _measured()


def _measured() -> dict[str, float]:
    starter = load_predictor("starter", device="cpu")
    result: dict[str, float] = {}
    clip = make_clip(256, _SLICES, 1, 7)
    clicks = Ours(starter, clip, 0)
    clicks.preview(0.0)
    spent = []
    for shift in range(1, _CLICKS + 1):
        starter.store.clear()
        began = time.perf_counter()
        clicks.preview(float(shift))
        spent.append(1000 * (time.perf_counter() - began))
    result["starter: click at a new place, ms"] = statistics.median(spent)
    result |= _first_pass("starter", starter, _SLICES, 256)
    tiny = Sam2VideoPredictor(random_model("sam2.1-tiny", 512, 7), "sam2.1-tiny")
    result |= _first_pass("tiny, 512 px", tiny, _TINY_SLICES, 512)
    result["peak of the process, MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return result


def _first_pass(name: str, predictor: Sam2VideoPredictor, slices: int, side: int) -> dict[str, float]:
    """Time the second of two first passes, the first one being for the caches of the processor and of torch."""
    clip = make_clip(side, slices, 1, 7)
    Ours(predictor, clip, 0).first()
    faults, began = _cleared_pages(), time.perf_counter()
    Ours(predictor, clip, 0).first()
    return {
        f"{name}: first pass, ms a slice": 1000 * (time.perf_counter() - began) / slices,
        f"{name}: pages cleared by the system, a slice": (_cleared_pages() - faults) / slices,
    }


def _cleared_pages() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


if __name__ == "__main__":
    main()
