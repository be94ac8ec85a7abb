"""Cost of a slice against the number of slices, of objects, and the size of the plane; memory beside it.

With the bundled model, through its zoom window, so that the rest of a run is as large a part of it as it ever is. Each
point is a process of its own, whose peak of memory is its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import napari_sam2 as ns
from benchmarks.machine import describe
from benchmarks.memory import forget_peak, peak_of_this_process
from benchmarks.tries import run_alone, why_it_failed
from napari_sam2.engine.sam2.tracking.embedding_store import Budget

SLICES, OBJECTS, SIDES = (200, 500, 1000, 2000), (1, 4, 16, 64), (256, 512, 1024, 2048, 4096, 8192)
USUAL = {"slices": 20, "objects": 1, "side": 256}
EMBEDDINGS = 256 * 2**20
_MIB = 2**20


class Slices:
    """Slices that are drawn when they are read, so that the image itself takes no memory."""

    def __init__(self, slices: int, side: int, objects: int) -> None:
        self.shape, self.dtype, self.ndim = (slices, side, side), np.dtype(np.float32), 3
        columns = int(np.ceil(np.sqrt(objects)))
        step = min(side, 1024) / (columns + 1)
        self.centres = [(step * (1 + k // columns), step * (1 + k % columns)) for k in range(objects)]
        self.radius = min(16.0, 0.35 * step)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> np.ndarray:
        frame, *rest = index if isinstance(index, tuple) else (index,)
        if not isinstance(frame, int | np.integer):
            return np.stack([self[(f, *rest)] for f in range(*frame.indices(len(self)))])
        plane = np.full(self.shape[1:], 20, np.float32)
        # No two slices are alike, because embeddings are found again by what a slice shows.
        plane[:64, :64] += np.random.default_rng(int(frame)).normal(0, 3, (64, 64)).astype(np.float32)
        reach = int(self.radius) + 2
        for y, x in self.centres:
            y0, x0 = int(y) - reach, int(x) - reach
            rows, columns = np.ogrid[y0 : y0 + 2 * reach, x0 : x0 + 2 * reach]
            inside = (rows - y) ** 2 + (columns - x) ** 2 < self.radius**2
            plane[y0 : y0 + 2 * reach, x0 : x0 + 2 * reach][inside] = 100
        return plane[tuple(rest)] if rest else plane


def measure_point(slices: int, objects: int, side: int, threads: int) -> dict[str, Any]:
    """Measure one run in this process."""
    torch.set_num_threads(threads)
    predictor = ns.load_predictor("starter", device="cpu")
    predictor.store.set_budget(Budget(device=0, ram=EMBEDDINGS, disk=0))
    image = Slices(slices, side, objects)
    session = ns.VideoSession(predictor, ns.ImageVolume(image, axes="zyx"), contrast_limits=(0, 120))
    r = image.radius + 1
    for k, (y, x) in enumerate(image.centres):
        session.add_box(k + 1, 0, (y - r, x - r, y + r, x + r))
    session.predict_frame(0)
    forget_peak()
    began, began_cpu = time.perf_counter(), time.process_time()
    for _ in session.propagate("forward", stop_when_gone=0):
        pass
    seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    return {
        "slices": slices,
        "objects": objects,
        "side": side,
        "ms_a_slice": 1000 * seconds / slices,
        "cpu_ms_a_slice": 1000 * cpu / slices,
        "peak_mib": round(peak_of_this_process()),
        "embeddings_mib": round(sum(predictor.store.used().values()) / _MIB, 1),
    }


def measure_scale(
    threads: int, say: Callable[[str], None], keep: Callable[[dict[str, Any]], Any] = lambda _: None
) -> dict[str, Any]:
    """Measure all points; ``keep`` is called with what is known after each."""
    axes = {"objects": OBJECTS, "side": SIDES, "slices": SLICES}
    found: dict[str, list[dict[str, Any]]] = {}
    result = {"scale": found, "usual": USUAL, "embeddings_budget_mib": EMBEDDINGS // _MIB, "machine": describe("cpu")}
    result["machine"]["threads"] = threads
    for axis, values in axes.items():
        for value in values:
            given = {**USUAL, axis: value, "threads": threads}
            try:
                point = run_alone("benchmarks.scale", json.dumps(given), quietly=True)
            except subprocess.CalledProcessError as error:
                say(f"{axis} {value}: not measured ({why_it_failed(error)})")
                continue
            found.setdefault(axis, []).append(point)
            say(f"{axis} {value}: {point['ms_a_slice']:.0f} ms a slice, {point['peak_mib']} MiB")
            keep(result)
    return result


if __name__ == "__main__":
    print(json.dumps(measure_point(**json.loads(sys.argv[1]))))
