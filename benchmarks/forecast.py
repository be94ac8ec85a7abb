"""The forecast of a run against the run itself: seconds, and the peak of the process's memory.

    python benchmarks/forecast.py starter --frame 256 --frames 40 --objects 3
    python benchmarks/forecast.py sam2.1-tiny --input 512 --frames 16

``--cpu-time`` counts the time of this process alone, with one thread: for machines on which others work too.
Meta's sizes have random weights here, which take the same time. One process a line: memory is only fresh once.
"""

from __future__ import annotations

import argparse
import gc
import threading
import time
from types import SimpleNamespace

import numpy as np
import psutil
import torch

from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine import load_predictor
from napari_sam2.engine.device import release_memory
from napari_sam2.engine.diagnostics import resource_estimate as module
from napari_sam2.engine.diagnostics.resource_estimate import calibrate, forecast
from napari_sam2.engine.sam2 import Sam2Model, released_config
from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor
from napari_sam2.session import VideoSession


def make_predictor(name: str, size: int) -> Sam2VideoPredictor:
    """Load the bundled model, or make a random network of a released size."""
    if name == "starter":
        return load_predictor("starter", device="cpu")
    torch.manual_seed(0)
    model = Sam2Model(released_config(name).with_image_size(size)).eval().requires_grad_(False)
    with torch.no_grad():
        model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(20)  # never absent
    return Sam2VideoPredictor(model, name)


class Peak:
    """Measure the most memory of this process while the block runs, above that at its start."""

    def __enter__(self) -> Peak:
        self._start, self._most, self._over = self._now(), 0, threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()
        self.bytes = self._most - self._start

    @staticmethod
    def _now() -> int:
        return int(psutil.Process().memory_info().rss)

    def _look(self) -> None:
        while not self._over.is_set():
            self._most = max(self._most, self._now())
            time.sleep(0.002)


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="starter, or a released size such as sam2.1-tiny")
    parser.add_argument("--input", type=int, default=512, help="input size in pixels of a released size")
    parser.add_argument("--frame", type=int, default=256, help="side of a frame in pixels")
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--objects", type=int, default=1)
    parser.add_argument("--cpu-time", action="store_true", help="one thread, and only the time of this process")
    asked = parser.parse_args()
    clock = time.process_time if asked.cpu_time else time.perf_counter
    if asked.cpu_time:
        torch.set_num_threads(1)
        module.time = SimpleNamespace(perf_counter=clock, sleep=time.sleep)
    side, count, middle = asked.frame, asked.frames, asked.frames // 2
    rng = np.random.default_rng(0)
    yy, xx = np.mgrid[:side, :side]
    picture = np.where((yy - side / 2) ** 2 + (xx - side / 2) ** 2 < (side / 6) ** 2, 0.7, 0.3)
    stack = np.stack([picture + rng.normal(0, 0.05, picture.shape) for _ in range(count)]).astype(np.float32)
    predictor = make_predictor(asked.name, asked.input)

    start = clock()
    measured = calibrate(predictor, (side, side))
    calibration = clock() - start
    gc.collect()
    release_memory("cpu")
    told = forecast(predictor, count - 1, asked.objects, (side, side), calibration=measured)

    session = VideoSession(predictor, ImageVolume(stack, axes="zyx", window=(0, 1)))
    low, high = side / 2 - side / 6, side / 2 + side / 6
    with Peak() as peak:
        for obj_id in range(1, asked.objects + 1):
            session.add_box(obj_id, middle, (low + 3 * obj_id, low, high + 3 * obj_id, high))
        session.predict_frame(middle)
        start = clock()
        for _ in session.propagate(stop_when_gone=0):
            pass
        seconds = clock() - start
    memory = sum(told.memory.values()) - told.memory["network"]
    print(
        f"{asked.name} | {predictor.model.image_size} px | {count} frames, {asked.objects} objects | "
        f"calibration {calibration:.1f} s | {told.seconds:.1f} s told, {seconds:.1f} s taken "
        f"({told.seconds / seconds - 1:+.0%}) | {memory / 1e6:.0f} MB told, {peak.bytes / 1e6:.0f} MB taken "
        f"({memory / peak.bytes - 1:+.0%})"
    )


if __name__ == "__main__":
    main()
