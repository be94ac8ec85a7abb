"""How long a real window's main thread is blocked during a run: a timer that should beat every 10 ms."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

BEAT_MS = 10
_POLL_MS = 20
_BLOCK_MS = 100
_REST_S = 3.0


class Heartbeat:
    """Notes how late a timer of the main thread is.

    Attributes
    ----------
    gaps_ms : list of float
        Times between beats.
    """

    def __init__(self) -> None:
        from qtpy.QtCore import QTimer

        self.gaps_ms: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setTimerType(_precise())
        self._timer.timeout.connect(self._beat)
        self._timer.start(BEAT_MS)

    def _beat(self) -> None:
        now = time.perf_counter()
        self.gaps_ms.append(1000 * (now - self._last))
        self._last = now

    def stop(self) -> None:
        """End it."""
        self._timer.stop()


def _precise() -> Any:
    from qtpy.QtCore import Qt

    return Qt.TimerType.PreciseTimer


def measure_window(slices: int, side: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Propagate one object through a volume in a napari window, with the bundled model.

    Returns
    -------
    dict
        The longest block in milliseconds, how many were longer than 100, how the beats are spread, and the same of the
        window at rest, which says what the machine itself does.
    """
    import napari

    import napari_sam2 as ns
    from benchmarks.machine import describe
    from napari_sam2.plugin.dock_widget import SegmentWidget

    predictor = ns.load_predictor("starter", device="cpu")
    volume, middle, radius = example_volume(slices, side)
    viewer = napari.Viewer(show=True)
    viewer.add_image(volume, name="picture", contrast_limits=(0, 120))
    widget = SegmentWidget(viewer, load=lambda name, device: predictor)
    viewer.window.add_dock_widget(widget, name="Segment with SAM 2")
    controller = widget.controller
    wait_until(lambda: not controller.busy)
    controller.tools.activate("box")
    low, high = middle - radius - 1, middle + radius + 1
    corners = [(0, low, low), (0, low, high), (0, high, high), (0, high, low)]
    controller.selection.layer_group.boxes.add_rectangles(np.array(corners, float))
    wait_until(lambda: not controller.busy)
    at_rest = _beats(lambda began: time.perf_counter() - began > _REST_S)
    say(f"at rest: {at_rest}")
    controller.propagate("both")
    wait_until(lambda: controller.runs.running)
    began = time.perf_counter()
    during = _beats(lambda _: not controller.runs.running)
    seconds = time.perf_counter() - began
    say(f"during a run of {slices} slices of {side}²: {during}")
    controller.close()
    wait_until(lambda: not controller.busy)
    viewer.close()
    given = {"slices": slices, "side": side, "seconds": seconds}
    return {"window": {"at_rest": at_rest, "during_run": during, **given}, "machine": describe("cpu")}


def example_volume(slices: int, side: int) -> tuple[np.ndarray, int, int]:
    """Return noise with a bright cylinder, ``(slice, row, column)``, the middle of its discs and their radius."""
    rows, columns = np.mgrid[:side, :side]
    rng = np.random.default_rng(0)
    radius, middle = side // 8, side // 2
    disc = 80 * ((rows - middle) ** 2 + (columns - middle) ** 2 < radius**2)
    return np.stack([rng.normal(20, 4, (side, side)) + disc for _ in range(slices)]).astype(np.float32), middle, radius


def _beats(done: Callable[[float], bool]) -> dict[str, Any]:
    """Let the window work until ``done``, and tell how evenly the timer beat."""
    heart, began = Heartbeat(), time.perf_counter()
    wait_until(lambda: done(began))
    heart.stop()
    gaps = np.array(heart.gaps_ms[1:] or [0.0])
    return {
        "beats": len(gaps),
        "longest_ms": round(float(gaps.max()), 1),
        "p99_ms": round(float(np.percentile(gaps, 99)), 1),
        "median_ms": round(float(np.median(gaps)), 1),
        "over_100_ms": int((gaps > _BLOCK_MS).sum()),
    }


def wait_until(until: Callable[[], bool], most_s: float = 300.0) -> None:
    """Let Qt work as its own loop does, until something holds."""
    from qtpy.QtCore import QEventLoop, QTimer

    loop, timer, began = QEventLoop(), QTimer(), time.perf_counter()
    timer.timeout.connect(lambda: loop.quit() if until() or time.perf_counter() - began > most_s else None)
    timer.start(_POLL_MS)
    loop.exec()
    timer.stop()
    if not until():
        raise TimeoutError(f"The window did not come to an end within {most_s:.0f} s.")
