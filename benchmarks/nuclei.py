"""Track every nucleus of a field through a time-lapse: seconds, memory and accuracy.

The movie is made on the fly: discs of different brightness that drift, in noise. The labels of the first frame are the
prompts, as from any segmentation of one frame. Defaults: 300 nuclei through 50 frames.
"""

from __future__ import annotations

import argparse
import os
import resource
import time

import numpy as np
from scipy.ndimage import gaussian_filter

import napari_sam2 as ns

CELL, SPEED = 40, 0.6


def make_movie(nuclei: int, frames: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Make an image ``(t, y, x) uint16`` and its labels; each nucleus stays in a cell of its own, so none collide."""
    rng = np.random.default_rng(seed)
    columns = int(np.ceil(np.sqrt(nuclei)))
    side = columns * CELL
    home = np.stack(np.unravel_index(np.arange(nuclei), (columns, columns)), axis=1) * CELL + CELL / 2
    place = home + rng.uniform(-4, 4, home.shape)
    speed = rng.normal(0, SPEED, home.shape)
    radius, brightness = rng.uniform(7, 11, nuclei), rng.uniform(250, 600, nuclei)
    image = np.empty((frames, side, side), np.uint16)
    labels = np.zeros((frames, side, side), np.uint16)
    for frame in range(frames):
        picture = np.full((side, side), 100.0)
        for n in range(nuclei):
            top, left = (home[n] - CELL / 2).astype(int)
            rows, cols = np.mgrid[top : top + CELL, left : left + CELL]
            inside = np.hypot(rows - place[n, 0], cols - place[n, 1]) <= radius[n]
            picture[top : top + CELL, left : left + CELL][inside] = brightness[n]
            labels[frame, top : top + CELL, left : left + CELL][inside] = n + 1
        image[frame] = rng.normal(gaussian_filter(picture, 1.0), 15).clip(0)
        speed += rng.normal(0, 0.1, speed.shape)
        place += speed
        # Turned back at the border of the cell.
        room = CELL / 2 - radius[:, None] - 1.5
        out = np.abs(place - home) > room
        speed[out] *= -1
        place = home + np.clip(place - home, -room, room)
    return image, labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nuclei", type=int, default=300)
    parser.add_argument("--frames", type=int, default=50)
    parser.add_argument("--model", default="starter")
    arguments = parser.parse_args()
    image, truth = make_movie(arguments.nuclei, arguments.frames)
    session = ns.VideoSession(ns.load_predictor(arguments.model, device="cpu"), ns.ImageVolume(image, axes="tyx"))
    start = time.perf_counter()
    session.add_labels(truth, frames=[0])
    prompted = time.perf_counter() - start
    start = time.perf_counter()
    for _ in session.propagate():
        pass
    seconds = time.perf_counter() - start
    labels = session.labels()
    ids = np.arange(arguments.nuclei + 1)
    scores = []
    for frame in range(1, arguments.frames):
        both = np.bincount(truth[frame].ravel(), (truth[frame] == labels[frame]).ravel(), minlength=len(ids))
        total = sum(np.bincount(p[frame].ravel(), minlength=len(ids))[: len(ids)] for p in (truth, labels))
        scores.append(2 * both[1:] / total[1:])
    dice = np.array(scores)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    count = arguments.nuclei * (arguments.frames - 1)
    print(
        f"{arguments.nuclei} nuclei, {arguments.frames} frames of {image.shape[1]}²: prompts {prompted:.1f} s, ", end=""
    )
    print(f"run {seconds:.0f} s, {1000 * seconds / count:.1f} ms an object and frame, peak {peak:.0f} MiB")
    print(f"Dice: mean {dice.mean():.3f}, last frame {dice[-1].mean():.3f}; ", end="")
    print(f"followed to the end (Dice above 0.5): {np.count_nonzero(dice[-1] > 0.5)} of {arguments.nuclei}; ", end="")
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
