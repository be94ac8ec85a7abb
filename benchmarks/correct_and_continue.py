"""The interactive loop on a real volume, recorded: box, stop half-way, correct, continue, lock, undo, kill, reopen.

A child process works and tells of everything that a call has acknowledged; it is killed in the middle of a run, and
the session file is opened again and compared with what was told.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np

import napari_sam2 as ns
from napari_sam2.analysis.metrics import dice
from napari_sam2.evaluation import correct_worst, load_set, prompt_object


class Work:
    """One labelled object, segmented step by step; every step prints a line of JSON."""

    def __init__(self, data: Path, name: str, file: Path) -> None:
        case = load_set(data)
        label = next((k for k, v in case.names.items() if v == name), None)
        if label is None:
            raise SystemExit(f"{data} has no object {name!r}; it has: {', '.join(case.names.values())}.")
        self.truth = case.truth == label
        self.case, self.file = case, file
        self.predictor = ns.load_predictor("starter", device="cpu")
        self.session: Any = None

    def begin(self) -> None:
        axis = self.case.volume.axes[0]
        self.session = ns.VideoSession(self.predictor, self.case.volume, frame_axis=axis, window=self.case.window)
        self.session.save(self.file)

    def reopen(self) -> None:
        self.session = ns.VideoSession.open(self.file, self.predictor, self.case.volume)

    def score(self) -> float:
        return dice(self.session.labels() > 0, self.truth)

    def encoder_passes(self) -> int:
        return int(self.session._state.stream().embeddings.encoder_passes)

    def tell(self, what: str, **figures: Any) -> None:
        print(json.dumps({"step": what, **figures}), flush=True)

    def run(self, what: str, stop_after: int | None = None) -> None:
        start, before, frames = time.perf_counter(), self.encoder_passes(), 0
        for step in self.session.propagate():
            frames += 1
            self.tell("frame", frame=step.frame, mask=_sum(step.masks[1]))
            if frames == stop_after:
                break
        seconds = time.perf_counter() - start
        passes = self.encoder_passes() - before
        self.tell(what, frames=frames, seconds=round(seconds, 2), encoder_passes=passes, dice=round(self.score(), 3))

    def correct(self) -> None:
        """Click once at the deepest wrong pixel of the worst slice."""
        before = {f: self.session.mask(1, f) for f in range(len(self.truth))}
        passes, start = self.encoder_passes(), time.perf_counter()
        frame = correct_worst(self.session, 1, self.truth, range(len(self.truth)))
        target = self.truth[frame]
        self.tell(
            "click",
            frame=frame,
            seconds=round(time.perf_counter() - start, 3),
            encoder_passes=self.encoder_passes() - passes,
            dice_before=round(dice(before[frame], target), 3),
            dice_after=round(dice(self.session.mask(1, frame), target), 3),
        )

    def first_half(self) -> None:
        areas = self.truth.sum(axis=(1, 2))
        frame = int(areas.argmax())
        self.begin()
        prompt_object(self.session, 1, frame, self.truth[frame], "box")
        answer = self.session.predict_frame(frame)[1]
        self.tell("box", frame=frame, dice_of_frame=round(dice(answer, self.truth[frame]), 3))
        self.run("stopped half-way", stop_after=len(self.truth) // 2)
        self.correct()
        self.run("continued")
        outside = {f: _sum(self.session.mask(1, f)) for f in range(len(self.truth))}
        self.correct()
        self.run("corrected again, propagated locally")
        changed = [f for f in outside if _sum(self.session.mask(1, f)) != outside[f]]
        self.tell("changed", first=min(changed), last=max(changed), count=len(changed))
        locked = int(areas.argmax()) + 1
        self.session.lock(frame=locked, obj_id=1)
        labels = self.session.labels()
        while self.session.undo():
            pass
        empty = not self.session.labels().any()
        while self.session.redo():
            pass
        same = bool(np.array_equal(labels, self.session.labels()))
        self.tell("undone to the beginning and redone", empty_at_the_beginning=empty, identical=same)
        self.correct()
        for step in self.session.propagate(force=True):
            self.tell("frame", frame=step.frame, mask=_sum(step.masks[1]))
        self.tell("not killed in time")

    def second_half(self, told: list[dict[str, Any]]) -> None:
        start = time.perf_counter()
        self.reopen()
        last = {t["frame"]: t["mask"] for t in told if t["step"] == "frame"}
        lost = [f for f, value in last.items() if _sum(self.session.mask(1, f)) != value]
        # A mask that a later call replaced is not lost; only those of the run that was killed must be there.
        end = max(i for i, t in enumerate(told) if t["step"] != "frame")
        killed = {t["frame"] for t in told[end:] if t["step"] == "frame"}
        self.tell(
            "reopened",
            seconds=round(time.perf_counter() - start, 2),
            acknowledged=len(told),
            in_the_killed_run=len(killed),
            lost=len(killed & set(lost)),
            dice=round(self.score(), 3),
        )
        self.run("went on")
        start = time.perf_counter()
        differing = self.session.replay()
        self.tell("replayed", masks_that_differ=differing, seconds=round(time.perf_counter() - start, 1))
        self.session.close()
        self.tell("file", kilobytes=self.file.stat().st_size // 1024)


def _sum(mask: np.ndarray) -> int:
    return zlib.crc32(np.packbits(mask).tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("volume", type=Path)
    parser.add_argument("object")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child is not None:
        Work(arguments.volume, arguments.object, arguments.child).first_half()
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "case.sam2"
        command = [sys.executable, __file__, str(arguments.volume), arguments.object, "--child", str(file)]
        told = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            after = 0
            for line in child.stdout:
                told.append(json.loads(line))
                if told[-1]["step"] != "frame":
                    print(line, end="", flush=True)
                after += bool(after) or told[-1]["step"].startswith("undone")
                if after == 12:
                    child.send_signal(signal.SIGKILL)
                    break
        print(json.dumps({"step": "killed"}), flush=True)
        Work(arguments.volume, arguments.object, file).second_half(told)


if __name__ == "__main__":
    main()
