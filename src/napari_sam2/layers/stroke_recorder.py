"""Strokes on our labels layer with napari's own brush, eraser, bucket and polygon.

A stroke is found by comparing the shown frame with how we left it, never by reading napari's history; that history
is emptied after each stroke, because our session is the one that undoes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.drawings import Stroke
from napari_sam2.io.label_store import LabelStore
from napari_sam2.layers.labels import write_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari.layers import Labels
    from numpy.typing import NDArray

Index = tuple[int | slice, ...]
# napari's ways of editing a labels layer by hand.
BRUSH_MODES = ("paint", "erase", "fill", "polygon")


class StrokeRecorder:
    """Watches the shown frame of a labels layer for strokes.

    Parameters
    ----------
    labels
        Our labels layer.
    on_stroke
        Called without arguments when a stroke is complete.
    channel
        Which axis of the layer is the channel, one voxel long; frames and their places have none.
    """

    def __init__(self, labels: Labels, on_stroke: Callable[[], None], channel: int | None = None) -> None:
        self.labels = labels
        self._on_stroke = on_stroke
        self._channel = channel
        self._index: Index | None = None
        self._before: NDArray[Any] | None = None
        self._stroke: Stroke | None = None
        self._finished: list[Stroke] = []
        self._painted = False
        self._frame = 0
        self._owner: Any = None
        labels.events.paint.connect(self._on_paint)
        labels.events.data.connect(self._look)
        labels.events.n_edit_dimensions.connect(self._stay_on_the_slice)

    @property
    def array(self) -> Any:
        """Return the layer's array without the channel: a view, on the labels grid of the volume."""
        data = self.labels.data
        if isinstance(data, LabelStore):
            return data.without_channel()
        return data if self._channel is None else data[(slice(None),) * self._channel + (0,)]

    def watch(self, frame: int, index: Index, owner: Any) -> None:
        """Say which frame is shown, its place in the layer's array, and to whom strokes on it belong."""
        if index != self._index or owner is not self._owner:
            self._gather()
            self._finish()
            if self._finished:
                self._on_stroke()
            self._frame, self._index, self._owner = frame, index, owner
        self._look()

    def write(self, frames: Iterable[tuple[Index, NDArray[np.uint16]]]) -> None:
        """Put frames into the layer, under a stroke that is being drawn."""
        self._gather()
        write_frames(self.array, frames)
        picture, stroke = self._picture(), self._stroke
        if picture is not None and stroke is not None:
            for mask in stroke.erased.values():
                picture[mask] = 0
            for obj_id, mask in stroke.painted.items():
                picture[mask] = obj_id
            # Of labels on disk, what was read is a copy.
            self.labels.data[self._index] = picture
        self._look()

    def redraw(self, fill: Callable[[NDArray[Any]], Any]) -> None:
        """Empty the layer's array and fill it anew; what was being drawn is complete with that."""
        self._gather()
        self._finish()
        self.labels.data[...] = 0
        fill(self.array)
        self._look()

    def take(self) -> list[Stroke]:
        """Hand over the strokes that are complete."""
        if self._painted:
            self._gather()
            self._finish()
            self._painted = False
        strokes, self._finished = self._finished, []
        if strokes:
            self._forget_history()
        return strokes

    def allow(self, allowed: bool) -> bool:
        """Let the user draw on the layer, or no longer; return whether that put a brush down."""
        had_brush = self.labels.mode in BRUSH_MODES
        self.labels.editable = allowed
        return had_brush and not allowed

    def close(self) -> None:
        """Stop watching; the layer can be drawn on."""
        self.labels.editable = True
        self.labels.events.paint.disconnect(self._on_paint)
        self.labels.events.data.disconnect(self._look)
        self.labels.events.n_edit_dimensions.disconnect(self._stay_on_the_slice)

    # ------------------------------------------------------------------ inside

    def _on_paint(self, event: Any = None) -> None:
        # Some of napari's tools say so before they write.
        self._painted = True
        self._on_stroke()

    def _finish(self) -> None:
        if self._stroke is not None:
            self._finished.append(self._stroke)
            self._stroke = None

    def _gather(self) -> None:
        """Add what differs from the frame as we left it to the stroke."""
        now, before = self._picture(), self._before
        if now is None or before is None or now.shape != before.shape:
            return
        changed = now != before
        if not changed.any():
            return
        if self._stroke is None:
            self._stroke = Stroke(self._frame, self._owner)
        painted, erased = self._stroke.painted, self._stroke.erased
        for obj_id in np.unique(before[changed]):
            pixels = changed & (before == obj_id)
            if obj_id in painted:
                painted[obj_id] = painted[obj_id] & ~pixels
            gone = pixels & (now == 0)
            if obj_id and gone.any():
                erased[int(obj_id)] = erased.get(int(obj_id), False) | gone
        for obj_id in np.unique(now[changed]):
            if obj_id:
                pixels = changed & (now == obj_id)
                painted[int(obj_id)] = painted.get(int(obj_id), False) | pixels
                if obj_id in erased:
                    erased[int(obj_id)] = erased[int(obj_id)] & ~pixels
        self._before = now.copy()

    def _look(self, event: Any = None) -> None:
        picture = self._picture()
        self._before = None if picture is None else picture.copy()

    def _picture(self) -> NDArray[Any] | None:
        return None if self._index is None else np.asarray(self.labels.data[self._index])

    def _forget_history(self) -> None:
        # Old strokes of napari's history would be written over newer masks. A layer that is made uneditable
        # forgets them; it also puts its tool down.
        mode, allowed = self.labels.mode, self.labels.editable
        for editable in (True, False, allowed):
            self.labels.editable = editable
        self.labels.mode = mode

    def _stay_on_the_slice(self, event: Any = None) -> None:
        # A brush through neighbouring slices would edit, and lock, frames that nobody looks at.
        if self.labels.n_edit_dimensions != 2:
            self.labels.n_edit_dimensions = 2
