"""Measure the cost of a commit to the session file, and the time that a large session takes to open."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine.protocols import CropWindow, FrameScores, Prediction
from napari_sam2.session import VideoSession

SIDE, FRAMES, OBJECTS = 512, 400, 20


class Blobs:
    """A predictor without a network, whose masks are organ-sized blobs with a ragged edge."""

    name = "blobs"

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        rows, columns = np.mgrid[:SIDE, :SIDE] - SIDE / 2
        angle = np.arctan2(rows, columns)
        self.masks = []
        for _ in range(32):
            edge = sum(random.normal(0, 12 / k) * np.cos(k * angle + random.uniform(0, 6)) for k in range(1, 12))
            self.masks.append(np.hypot(rows, columns) < 120 + edge + random.normal(0, 1, (SIDE, SIDE)))

    def open(self, frames: Any, *, zoom: Any = "auto", exact: bool = False) -> Blobs:
        return self

    def unload(self) -> None:
        pass

    def predict(self, frame: int, prompts: Any, **_: Any) -> Prediction:
        return self._answer(frame)

    def track(self, owner: Any, context: Any, step: int) -> Any:
        return type("Track", (), {"frame": owner.frame, "step": step})()

    def advance(self, tracks: Any) -> list[Prediction]:
        for track in tracks:
            track.frame += track.step
        return [self._answer(track.frame) for track in tracks]

    def _answer(self, frame: int) -> Prediction:
        logits = np.where(self.masks[frame % 32], np.float32(9), np.float32(-9))
        return Prediction(logits, FrameScores(0.9, 5.0), CropWindow(0, 0, SIDE, SIDE))


def run(file: Path | None, frames: int, objects: int) -> tuple[float, VideoSession]:
    """Measure the seconds of a run over a stack, with a session file or without."""
    volume = ImageVolume(np.broadcast_to(np.zeros((1, SIDE, SIDE), np.int16), (frames, SIDE, SIDE)), axes="zyx")
    session = VideoSession(Blobs(), volume, window=(0, 1))
    if file is not None:
        session.save(file)
    for obj in range(1, objects + 1):
        session.add_box(obj, frames // 2, (100, 100, 400, 400))
    start = time.perf_counter()
    for _ in session.propagate():
        pass
    return time.perf_counter() - start, session


def main() -> None:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        without = [run(None, 100, 1)[0] for _ in range(3)]
        with_file = []
        for i in range(3):
            seconds, session = run(Path(folder) / f"{i}.sam2", 100, 1)
            session.close()
            with_file.append(seconds)
        cost = (min(with_file) - min(without)) / 100
        print(f"commit of a frame of {SIDE}x{SIDE}, one object: {1000 * cost:.1f} ms (best of 3 runs of 100 frames)")

        file = Path(folder) / "large.sam2"
        seconds, session = run(file, FRAMES, OBJECTS)
        labels = session.labels()
        session.close()
        megabytes = file.stat().st_size / 2**20
        print(f"{FRAMES} frames, {OBJECTS} objects: saved while running in {seconds:.1f} s, {megabytes:.1f} MiB")
        start = time.perf_counter()
        again = VideoSession.open(file, Blobs(), session.volume)
        opened = time.perf_counter() - start
        same = np.array_equal(again.labels(), labels)
        print(f"opened in {opened:.2f} s, labels identical: {same}")
        again.close()


if __name__ == "__main__":
    main()
