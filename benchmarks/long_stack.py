"""Memory of a run: small frames, stacks of growing length, one process for each.

With the cache of embeddings as it comes, and with a small one: what grows with the length and what does not.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time

import numpy as np

import napari_sam2 as ns
from napari_sam2.engine.sam2.tracking.embedding_store import Budget

SIDE = 128


def run(frames: int, cache_bytes: int) -> None:
    predictor = ns.load_predictor("starter", device="cpu")
    predictor.store.set_budget(Budget(device=0, ram=cache_bytes, disk=0))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    disc = ((rows - 64) ** 2 + (columns - 64) ** 2 < 20**2) * 100
    # Noise, because embeddings are found again by the content of a frame.
    noise = np.random.default_rng(0).normal(20, 5, (frames, SIDE, SIDE)).astype(np.int16)
    volume = ns.ImageVolume(noise + disc.astype(np.int16), axes="tyx")
    session = ns.VideoSession(predictor, volume, window=(0, 150))
    session.add_box(1, 0, (44, 44, 85, 85))
    session.predict_frame(0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    for _ in session.propagate():
        pass
    seconds = time.perf_counter() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    each = 1000 * seconds / frames
    print(f"{frames:6d} frames, cache {cache_bytes >> 20:5d} MiB: +{grown:6.0f} MiB, {each:.0f} ms a frame")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        run(*arguments.one)
        return
    for cache in (64 << 20, 2 << 30):
        for frames in (50, 200, 800):
            subprocess.run([sys.executable, __file__, "--one", str(frames), str(cache)], check=True)


if __name__ == "__main__":
    main()
