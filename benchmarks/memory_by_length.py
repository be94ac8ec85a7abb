"""Measure the memory of a run by the number of slices: the image in a zarr on disk, the session in its file.

One process for each length, so that each has a peak of its own. The labels are written to a zarr, frame by frame.
With ``--model random``, a network of random weights that computes in milliseconds, so that the reading, the session and
its file are what is measured.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import zarr

import napari_sam2 as ns
from napari_sam2.engine.sam2.tracking.embedding_store import Budget

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

RADIUS = 40


def make_image(path: Path, frames: int, side: int) -> None:
    """Write a stack with a disc that drifts over a texture which compresses well, one chunk a slice."""
    stored = zarr.create_array(str(path), shape=(frames, side, side), chunks=(1, side, side), dtype=np.uint16)
    texture = np.tile(np.random.default_rng(0).integers(80, 120, (64, 64), np.uint16), (side // 64, side // 64))
    rows, columns = np.ogrid[:side, :side]
    for frame in range(frames):
        plane = texture.copy()
        plane[np.hypot(rows - side / 2, columns - side / 2 - 20 * np.sin(frame / 30)) < RADIUS] = 900
        # Embeddings are found again by what a frame shows: no two are alike.
        plane.flat[side // 2 * side + side // 2 :][: RADIUS // 2] += np.uint16(frame % 1000)
        stored[frame] = plane


def load_model(model: str) -> Any:
    if model != "random":
        return ns.load_predictor(model, device="cpu")
    from support.random_networks import random_predictor

    return random_predictor()


def run(image: Path, model: str, cache_bytes: int) -> None:
    predictor = load_model(model)
    predictor.store.set_budget(Budget(device=0, ram=cache_bytes, disk=0))
    array = zarr.open_array(str(image), mode="r")
    frames, side, _ = array.shape
    volume = ns.ImageVolume(array, axes="tyx")
    session = ns.VideoSession(predictor, volume, contrast_limits=(0, 1000))
    session.save(image.with_suffix(".sam2"))
    low, high = side // 2 - RADIUS, side // 2 + RADIUS
    session.add_box(1, 0, (low, low, high, high))
    start = time.perf_counter()
    for count, _ in enumerate(session.propagate()):
        if count % 100 == 99:
            print(f"    {count + 1:5d} frames: {psutil.Process().memory_info().rss / 2**20:6.0f} MiB", flush=True)
    seconds = time.perf_counter() - start
    labels = zarr.create_array(
        str(image.with_suffix(".labels")), shape=array.shape, chunks=(1, side, side), dtype=np.uint16
    )
    session.labels(out=labels)
    session.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    load = os.getloadavg()[0]
    print(
        f"{frames:6d} slices of {side}², cache {cache_bytes >> 20} MiB: peak {peak:.0f} MiB, "
        f"{1000 * seconds / frames:.0f} ms a slice (load {load:.1f})",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--lengths", type=int, nargs="+", default=[200, 2000])
    parser.add_argument("--model", default="starter")
    parser.add_argument("--cache", type=int, default=64, help="MiB of embeddings in memory")
    parser.add_argument("--folder", default=".", help="where the images are made, and removed afterwards")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        image, model, cache = arguments.one
        run(Path(image), model, int(cache))
        return
    for frames in arguments.lengths:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            image = Path(folder) / "image.zarr"
            make_image(image, frames, arguments.side)
            one = [str(image), arguments.model, str(arguments.cache << 20)]
            subprocess.run([sys.executable, __file__, "--one", *one], check=True)


if __name__ == "__main__":
    main()
