"""A napari window with the dock widget, for pictures: what a user does in it, and what it looks like then."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
import numpy as np
from qtpy.QtCore import QCoreApplication

from napari_sam2.samples import load_sample
from tools.pictures.film import Film

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

SIZE = (1600, 1000)
PATIENCE_S = 600
logger = logging.getLogger(__name__)


class Stage:
    """A viewer with an image and the docked widget.

    Parameters
    ----------
    sample
        Name of a sample to open; empty for none.
    """

    out = Path()
    """Folder of the pictures."""

    def __init__(self, sample: str = "") -> None:
        from napari_sam2.plugin import samples

        self.viewer = napari.Viewer()
        self.viewer.window.resize(*SIZE)
        self.truth: NDArray[Any] = np.zeros(0)
        if sample:
            for data, arguments, kind in getattr(samples, sample)():
                if kind == "image":
                    self.viewer.add_image(data, **arguments)
            found = load_sample(sample)
            self.truth = np.asarray(found.truth)
            self.names = {name: label for label, name in found.names.items()}
        _, self.widget = self.viewer.window.add_plugin_dock_widget("napari-sam2", "Segment with SAM 2")
        self.controller = self.widget.controller
        self.film = Film(self.look)
        self.settle()

    # ------------------------------------------------------------------ time

    @staticmethod
    def turn() -> None:
        """Let the window work for a moment."""
        QCoreApplication.processEvents()
        time.sleep(0.01)

    def settle(self, busy: Callable[[], bool] | None = None, moment: float = 0.5) -> None:
        """Wait until nothing runs or waits, and a moment longer for it to be drawn."""
        end, calm_since = time.monotonic() + PATIENCE_S, time.monotonic()
        while time.monotonic() < end and time.monotonic() - calm_since < moment:
            self.turn()
            if self.controller.busy or (busy is not None and busy()):
                calm_since = time.monotonic()

    # ------------------------------------------------------------------ what is seen

    def look(self) -> NDArray[np.uint8]:
        """Return the window as it is."""
        return np.asarray(self.viewer.screenshot(canvas_only=False, flash=False))

    def shoot(self, name: str) -> None:
        """Save the window as it is when nothing runs any more."""
        self.settle()
        self.viewer.screenshot(str(self.out / name), canvas_only=False, flash=False)
        logger.info("%s", self.out / name)

    def scroll(self, frames: Iterable[int], milliseconds: int = 160) -> None:
        """Film the slices one after the other."""
        for frame in frames:
            self.frame(frame)
            self.settle(moment=0.1)
            self.film.add(milliseconds)

    def finish(self, name: str) -> None:
        """Save the film, and close the window."""
        self.film.save(self.out / name)
        self.close()

    def close(self) -> None:
        """Close the window."""
        self.viewer.close()

    # ------------------------------------------------------------------ what a user does

    @property
    def layers(self) -> Any:
        """The layers that the widget works with."""
        group = self.controller.selection.layer_group
        assert group is not None
        return group

    @property
    def labels(self) -> NDArray[Any]:
        """What the labels layer holds."""
        return np.asarray(self.layers.ensure_labels().data)

    def frame(self, frame: int) -> None:
        """Go to a slice or frame."""
        self.controller.selection.show_frame(frame)

    def take(self, tool: str) -> None:
        """Take a tool up, whatever is in the hand."""
        self.controller.tools.deactivate()
        self.controller.tools.activate(tool)

    def click(self, *where: float) -> None:
        """Click with the tool *Point* at data coordinates."""
        if self.controller.tools.active_tool() != "point":
            self.take("point")
        self.layers.ensure_prompt_layers()[0].add(np.array(where, float))
        self.settle()

    def drag(self, frame: int, y0: float, x0: float, y1: float, x1: float) -> None:
        """Drag a box with the tool *Box* on a slice."""
        if self.controller.tools.active_tool() != "box":
            self.take("box")
        corners = [(frame, y0, x0), (frame, y0, x1), (frame, y1, x1), (frame, y1, x0)]
        self.layers.ensure_prompt_layers()[1].add_rectangles(np.array(corners, float))
        self.settle()

    def drag_around(self, mask: NDArray[Any], frame: int, margin: float = 2.0) -> None:
        """Drag a box around an object, with a margin as people leave it."""
        rows, columns = np.nonzero(mask[frame])
        self.drag(frame, rows.min() - margin, columns.min() - margin, rows.max() + margin, columns.max() + margin)

    def propagate(self, most: int = 20, direction: str = "both") -> None:
        """Run, on film."""
        self.controller.propagate(direction)
        self.film.watch(lambda: bool(self.controller.busy), self.turn, most, PATIENCE_S)
        self.settle()

    def open_dock(self, name: str) -> Any:
        """Open another dock of the plugin, a tab beside the panel as from its menu *Finish*, and return it."""
        place, dock = self.viewer.window.add_plugin_dock_widget("napari-sam2", name, tabify=True)
        self.settle()
        place.raise_()
        self.settle()
        return dock


def largest_frame(mask: NDArray[Any]) -> int:
    """Return the frame on which an object is largest."""
    return int(mask.sum(axis=(1, 2)).argmax())


def dice(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return the overlap of two masks, 0…1."""
    return float(2 * (first & second).sum() / max(1, first.sum() + second.sum()))
