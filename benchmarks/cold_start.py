"""How long a user waits at the start: import, panel, first mask, each try in a process of its own.

python -m benchmarks.cold_start --tries 3

A try opens a napari window with a volume and our panel, takes the tool for points and clicks once: *cold* as soon as
the panel is there, *warm* when the model has been loaded meanwhile. A timer that should beat every 10 ms tells how
long the main thread did not answer. *napari alone* makes the same kinds of layers without us: what napari and the
graphics library (with Xvfb: Mesa, on the processor) take of it. The heartbeat starts when the panel is there: opening
the panel is one block, as long as it takes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.tries import run_in_turn, tries_table

_MODES = ("cold", "warm", "napari alone")
_ROWS = {
    "import_ms": "`import napari_sam2`, ms",
    "panel_s": "panel opens, s",
    "first_mask_s": "first click → first mask, s",
    "next_mask_s": "next click elsewhere on the slice → mask, s",
    "block_loading_ms": "longest block while torch and the model load, ms",
    "block_tool_ms": "longest block with the first tool, ms",
    "block_mask_ms": "longest block with the first mask, ms",
    "load": "load average (1 min) at the start",
}
_IMPORT = "import time; began = time.perf_counter(); import napari_sam2; print(1000 * (time.perf_counter() - began))"
_SLICES, _SIDE = 40, 256
_SETTLED_MS = 300


def main() -> None:
    """Measure in processes of their own, and print a table; or be one of these."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--mode", choices=_MODES, help="one try in this process, as JSON")
    parser.add_argument("--json", metavar="FILE", help="where all tries go")
    given = parser.parse_args()
    if given.mode:
        print(json.dumps(_one_try(given.mode)), flush=True)
        # What is measured is over; napari's own way out takes seconds.
        os._exit(0)
    tries = run_in_turn("benchmarks.cold_start", "--mode", _MODES, given.tries)
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump(tries, file, indent=2)
    print(tries_table(tries, _ROWS))


def _one_try(mode: str) -> dict[str, float]:
    result = {"load": os.getloadavg()[0]}
    if mode != "napari alone":
        # In a process that has imported nothing that this one needs.
        done = subprocess.run([sys.executable, "-c", _IMPORT], check=True, stdout=subprocess.PIPE, text=True)
        result["import_ms"] = float(done.stdout)
    import napari

    from benchmarks.window import example_volume

    volume, middle, radius = example_volume(_SLICES, _SIDE)
    viewer = napari.Viewer(show=True)
    viewer.add_image(volume, name="picture", contrast_limits=(0, 120))
    _let_work(1000)  # what napari itself still has to do
    if mode == "napari alone":
        return result | _bare(viewer)
    began = time.perf_counter()
    from qtpy.QtWidgets import QApplication

    from napari_sam2.plugin.dock_widget import SegmentWidget

    widget = SegmentWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Segment with SAM 2")
    QApplication.processEvents()
    result["panel_s"] = time.perf_counter() - began
    return result | _first_mask(widget.controller, mode == "warm", middle, radius)


def _first_mask(controller: Any, is_warm: bool, middle: int, radius: int) -> dict[str, float]:
    from benchmarks.window import Heartbeat, wait_until

    result: dict[str, float] = {}
    group = controller.selection.layer_group

    def drawn(row: int, column: int) -> bool:
        return group.labels is not None and bool(group.labels.data[0, row, column])

    if is_warm:
        result["block_loading_ms"] = _longest(lambda: wait_until(lambda: controller.selection.model_cache.is_ready))
        _let_work(_SETTLED_MS)

    def take_tool() -> None:
        controller.tools.activate("point")
        _let_work(_SETTLED_MS)

    result["block_tool_ms"] = _longest(take_tool)
    heart, began = Heartbeat(), time.perf_counter()
    group.points.add([0, middle, middle])
    wait_until(lambda: drawn(middle, middle))
    result["first_mask_s"] = time.perf_counter() - began
    _let_work(_SETTLED_MS)
    heart.stop()
    # Without the wait for the model there is nothing to tell apart: loading goes on between click and mask.
    result["block_mask_ms" if is_warm else "block_loading_ms"] = max(heart.gaps_ms)
    wait_until(lambda: not controller.busy)
    began, answers = time.perf_counter(), len(group.points.data)
    group.points.add([0, middle // 3, middle // 3])
    wait_until(lambda: not controller.busy and len(group.points.data) > answers)
    result["next_mask_s"] = time.perf_counter() - began
    return result


def _bare(viewer: Any) -> dict[str, float]:
    """Make the layers that a tool and a mask need, with nothing of ours in the process."""
    import numpy as np

    def take_tool() -> None:
        viewer.add_shapes(ndim=3)
        viewer.add_points(ndim=3).mode = "add"
        _let_work(_SETTLED_MS)

    def draw() -> None:
        viewer.add_labels(np.zeros((_SLICES, _SIDE, _SIDE), np.uint16))
        _let_work(_SETTLED_MS)

    return {"block_tool_ms": _longest(take_tool), "block_mask_ms": _longest(draw)}


def _longest(do: Callable[[], object]) -> float:
    from benchmarks.window import Heartbeat

    heart = Heartbeat()
    do()
    heart.stop()
    return max(heart.gaps_ms)


def _let_work(milliseconds: int) -> None:
    from benchmarks.window import wait_until

    began = time.perf_counter()
    wait_until(lambda: time.perf_counter() - began > milliseconds / 1000)


if __name__ == "__main__":
    main()
