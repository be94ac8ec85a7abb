"""Measure this project's engine against transformers or PyPI's sam2, in one run and in turn.

python -m benchmarks --peer transformers --model sam2.1-tiny --size 512 --frames 10 --objects 1 --json result.json
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu import measure_gpu
from benchmarks.measure import STARTER, TASKS, Setting, measure
from benchmarks.peers import PEERS
from benchmarks.report import RESULTS, write_report
from benchmarks.scale import measure_scale
from benchmarks.window import measure_window
from napari_sam2.engine.sam2.network.released_configs import RELEASED_NAMES

_CPU_THREADS = 2


def say(text: str) -> None:
    """Tell how far it is, beside the result."""
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 0 if all that was asked for was measured."""
    given = _parser().parse_args(arguments)
    if given.report:
        write_report(Path(given.results), Path(given.report))
        return 0
    if (given.gpu or given.device.startswith("cuda")) and not torch.cuda.is_available():
        say("There is no CUDA device here, so nothing was measured. On a machine that has one, run the same command.")
        return 1
    if given.gpu:
        return _write(measure_gpu(given.peer, _gpu(given.device), given.seed, say), given.json)
    if given.scale:
        return _write(measure_scale(given.threads, say, _keeper(given.json)), given.json)
    if given.window:
        return _write(measure_window(given.frames, given.size, say), given.json)
    setting = Setting(
        peer=given.peer,
        model=given.model,
        size=given.size,
        frames=given.frames,
        objects=given.objects,
        device=given.device,
        threads=given.threads if given.device == "cpu" else None,
        repeats=given.repeats,
        frames_vanish=given.frames_vanish,
        seed=given.seed,
        memory=given.memory,
        compiled=given.compiled,
        precision=given.precision,
    )
    result = measure(setting, say)
    _write(result, given.json)
    for task in TASKS:
        ratio = result[f"ratio_{task}"]
        say(f"{task:7s} {'no peer' if ratio is None else f'{ratio:.2f} times as fast as {given.peer}'}")
    if result["iou"] is not None:
        say(f"IoU of the masks: {result['iou']:.4f} on average, {result['iou_min']:.4f} at least")
    return 1 if "peer_missing" in result and given.peer != "none" and given.model != STARTER else 0


def _gpu(device: str) -> str:
    return device if device.startswith("cuda") else "cuda"


def _write(result: dict[str, Any], where: str | None) -> int:
    text = json.dumps(result, indent=2)
    if where == "-":
        print(text)
    elif where:
        Path(where).write_text(text + "\n", encoding="utf-8")
    return 0


def _keeper(where: str | None) -> Callable[[dict[str, Any]], Any]:
    """Return what writes a result while it grows; not to the standard output, which gets it once."""
    return lambda result: _write(result, None if where == "-" else where)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peer", choices=[*PEERS, "none"], default="transformers")
    parser.add_argument("--model", choices=[*RELEASED_NAMES, STARTER], default="sam2.1-tiny")
    parser.add_argument("--size", type=_positive, default=512, help="side of the slices and of the network's input")
    parser.add_argument("--frames", type=_positive, default=10, help="slices of the first pass and of the correction")
    parser.add_argument("--objects", type=_positive, default=1)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:n")
    parser.add_argument("--json", metavar="FILE", help="where the result goes; - is the standard output")
    parser.add_argument("--threads", type=_positive, default=_CPU_THREADS, help="of torch, on a CPU")
    parser.add_argument("--repeats", type=_positive, default=2, help="tries of each side, in turn; the best one counts")
    parser.add_argument("--frames-vanish", type=_positive, help="slices of the stack with the object in 30 %% of them")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--precision", choices=["auto", "float32", "bfloat16", "float16"], default="auto")
    parser.add_argument("--compiled", action="store_true", help="sam2 alone: its predictor compiled as a whole")
    parser.add_argument("--no-memory", dest="memory", action="store_false", help="leave out the peaks of memory")
    other = parser.add_argument_group("instead of one comparison")
    other.add_argument("--gpu", action="store_true", help="all that is measured on a GPU, at most ten minutes")
    other.add_argument("--scale", action="store_true", help="cost of a slice by slices, objects and size of the plane")
    other.add_argument("--window", action="store_true", help="how long a napari window is blocked during a run")
    other.add_argument("--report", metavar="FILE", help="write tables and plots of all results, as Markdown")
    other.add_argument("--results", metavar="FOLDER", default=str(RESULTS), help="JSON files for the report")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not above zero")
    return value


if __name__ == "__main__":
    sys.exit(main())
