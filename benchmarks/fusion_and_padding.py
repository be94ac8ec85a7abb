"""Compare ways to segment one object of a labelled volume; print two Markdown tables of Dice.

The first: along one axis, from one box or from three, against the consensus of three axes with a box on each. The
second: what the model sees of a frame, so its own zoom window, windows of other sizes, and the whole frame, squeezed
into the square of its input or padded to one. Boxes are those of the truth, on the largest slice; each run goes on
until the object is gone. Dice is over the whole volume.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import napari_sam2 as ns
from napari_sam2.analysis.metrics import dice
from napari_sam2.core.masks import bounding_box
from napari_sam2.engine.options import TrackingOptions
from napari_sam2.evaluation.sets import find_entries, objects_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_sam2.evaluation.sets import LabelledSet

AXES = ("z", "y", "x")
ALONG = ("z", "y", "x", "z, three boxes", "vote", "mean")
SEEN = ("auto", "zoom 1.5", "zoom 2", "zoom 3", "squeezed", "padded")


@contextmanager
def padding(predictor: Any, spacing: tuple[float, float]) -> Iterator[None]:
    """Let whole frames be padded by a predictor, which a session has no setting for."""
    opened = predictor.open

    def open_padded(frames: Any, *, options: TrackingOptions | None = None, **how: Any) -> Any:
        options = replace(options or TrackingOptions(), letterbox=True, pixel_spacing=spacing)
        return opened(frames, options=options, **how)

    predictor.open = open_padded
    try:
        yield
    finally:
        del predictor.open


def boxed_frames(truth: NDArray[np.bool_], count: int) -> list[int]:
    """Return the largest slice, or three: with those at a quarter and at three quarters of the object."""
    areas = truth.sum(axis=(1, 2))
    filled = np.flatnonzero(areas)
    more = [int(filled[len(filled) * k // 4]) for k in (1, 3)] if count == 3 else []
    return sorted({int(areas.argmax()), *more})


def track(
    predictor: Any, case: LabelledSet, mask: NDArray[np.bool_], axis: str, boxes: int = 1, zoom: Any = "auto"
) -> tuple[ns.VideoSession, float]:
    """Box an object along an axis and propagate; return the session, and the seconds."""
    session = ns.VideoSession(predictor, case.volume, axis, case.window, zoom=zoom)
    turned = np.moveaxis(mask, case.volume.axes.index(axis), 0)
    start = time.perf_counter()
    for frame in boxed_frames(turned, boxes):
        box = bounding_box(turned[frame])
        assert box is not None
        session.add_box(1, frame, box)
    for _ in session.propagate():
        pass
    return session, time.perf_counter() - start


def along(predictor: Any, case: LabelledSet, mask: NDArray[np.bool_]) -> tuple[list[float], list[float]]:
    """Return Dice and seconds of each of `ALONG`."""
    tracked = [track(predictor, case, mask, axis) for axis in AXES]
    tracked.append(track(predictor, case, mask, "z", boxes=3))
    scores = [dice(session.labels() == 1, mask) for session, _ in tracked]
    seconds = [taken for _, taken in tracked]
    for rule in ("vote", "mean"):
        start = time.perf_counter()
        fused = ns.fuse_axes([session for session, _ in tracked[:3]], rule=rule)
        scores.append(dice(fused == 1, mask))
        seconds.append(sum(seconds[:3]) + time.perf_counter() - start)
    for session, _ in tracked:
        session.close()
    return scores, seconds


def seen(predictor: Any, case: LabelledSet, mask: NDArray[np.bool_]) -> tuple[list[float], list[float]]:
    """Return Dice and seconds of each of `SEEN`, along the first axis."""
    axis = case.volume.axes[0]
    y, x = (case.volume.spacing_of(a) for a in case.volume.axes[1:])
    scores, seconds = [], []
    for zoom in ("auto", 1.5, 2.0, 3.0, None):
        session, taken = track(predictor, case, mask, axis, zoom=zoom)
        scores.append(dice(session.labels() == 1, mask))
        seconds.append(taken)
        session.close()
    with padding(predictor, (y, x)):
        session, taken = track(predictor, case, mask, axis, zoom=None)
        scores.append(dice(session.labels() == 1, mask))
        seconds.append(taken)
        session.close()
    return scores, seconds


def print_table(names: Sequence[str], rows: list[tuple[str, list[float], list[float]]]) -> None:
    print(f"\n| object | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for called, scores, _ in rows:
        print(f"| {called} | {' | '.join(f'{s:.3f}' for s in scores)} |")
    scores, seconds = (np.array([row[k] for row in rows], float) for k in (1, 2))
    print(f"| **mean Dice** | {' | '.join(f'{s:.3f}' for s in scores.mean(axis=0))} |")
    print(f"| better than *{names[0]}* | – | {' | '.join(str((s > scores[:, 0]).sum()) for s in scores[:, 1:].T)} |")
    print(f"| mean seconds | {' | '.join(f'{s:.1f}' for s in seconds.mean(axis=0))} |", flush=True)


def cases(places: Sequence[Path], most: int) -> Iterator[LabelledSet]:
    """Yield the volumes of sets, and of each pack the first few."""
    taken: Counter[Path] = Counter()
    for entry in find_entries(places):
        if entry.reason or taken[entry.path] >= most:
            continue
        case = entry.load()
        if case.volume.axes == "zyx" and min(case.volume.shape) >= 20:
            taken[entry.path] += 1
            yield case


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", type=Path, nargs="+", help=".npz files, packs or folders of them")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--objects", type=int, default=2, help="of each volume, the first ones")
    parser.add_argument("--cases", type=int, default=2, help="of each pack, the first ones")
    arguments = parser.parse_args()
    predictor = ns.load_predictor(arguments.model, device="cpu")
    tables: dict[Any, list[Any]] = {along: [], seen: []}
    for case in cases(arguments.sets, arguments.cases):
        for label, mask in objects_of(case.truth, arguments.objects, 20):
            called = f"{case.name} {case.names.get(label, label)}"
            for way, rows in tables.items():
                rows.append((called, *way(predictor, case, mask)))
                print(called, way.__name__, [f"{s:.3f}" for s in rows[-1][1]], flush=True)
    print_table(ALONG, tables[along])
    print_table(SEEN, tables[seen])
    print(f"\nload {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
