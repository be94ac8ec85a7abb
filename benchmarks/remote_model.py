"""A model on a Dask worker of this computer against the same model in this process, in turn, in one run.

Both have one thread of a CPU. Each round has an image of its own (the CT sample with fresh noise), so that no embedding
is found again; the first round warms up and is not counted.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import time

import numpy as np
import torch
from distributed import LocalCluster

import napari_sam2 as ns
from napari_sam2.samples import load_sample

ROUNDS, FRAMES = 3, 24


def image(seed: int) -> tuple[ns.ImageVolume, tuple[float, float]]:
    """The sample with noise of its own, and a point inside the liver on its middle slice."""
    sample = load_sample("ct_abdomen")
    start = (sample.truth.shape[0] - FRAMES) // 2
    array = np.asarray(sample.volume.array)[start : start + FRAMES]
    noise = np.random.default_rng(seed).normal(0, 5, array.shape)
    rows, columns = np.nonzero(sample.truth[start + FRAMES // 2] == 1)
    middle = len(rows) // 2
    volume = ns.ImageVolume((array + noise).astype(np.int16), axes="zyx", spacing=sample.volume.spacing, units="mm")
    return volume, (float(rows[middle]), float(columns[middle]))


def work(predictor, volume, point) -> dict[str, float]:
    """First click, a second click on the same slice, a click on another one, and a run."""
    session = ns.VideoSession(predictor, volume, window=(-160, 240))
    sent = getattr(predictor, "bytes_sent", 0)

    def timed(call) -> float:
        start = time.perf_counter()
        call()
        return time.perf_counter() - start

    def click(frame: int, y: float, x: float) -> None:
        session.add_points(1, frame, [(y, x)])
        session.predict_frame(frame)

    y, x = point
    found = {"first click, ms": 1000 * timed(lambda: click(FRAMES // 2, y, x))}
    found["second click, same slice, ms"] = 1000 * timed(lambda: click(FRAMES // 2, y + 2, x + 2))
    count = 0

    def run() -> None:
        nonlocal count
        for _ in session.propagate(stop_when_gone=0):
            count += 1

    seconds = timed(run)
    found["ms a frame"] = 1000 * seconds / count
    found["frames a second"] = count / seconds
    found["kB sent a frame"] = (getattr(predictor, "bytes_sent", 0) - sent) / 1000 / FRAMES
    session.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.INFO)
    with LocalCluster(
        n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0", silence_logs=50
    ) as cluster:
        sides = {
            "here": ns.load_predictor(arguments.model, device="cpu"),
            "worker": ns.load_predictor(arguments.model, device=cluster.scheduler_address.replace("tcp", "dask")),
        }
        results: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
        for i in range(arguments.rounds + 1):
            volume, point = image(i)
            for name in sorted(sides, reverse=bool(i % 2)):
                results[name].append(work(sides[name], volume, point))
        sides["worker"].unload()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{arguments.model}, {FRAMES} frames of 192 × 192, one thread, {os.cpu_count()} cores, load {load:.1f}")
    print(f"{'median of ' + str(arguments.rounds) + ' rounds':30s} {'here':>10s} {'worker':>10s}")
    for key in results["here"][0]:
        here, there = (statistics.median(r[key] for r in results[name][1:]) for name in ("here", "worker"))
        print(f"{key:30s} {here:10.1f} {there:10.1f}")
    extra = [b["ms a frame"] - a["ms a frame"] for a, b in zip(results["here"][1:], results["worker"][1:], strict=True)]
    print(f"overhead of the worker, ms a frame, by round: {', '.join(f'{e:.1f}' for e in extra)}")


if __name__ == "__main__":
    main()
