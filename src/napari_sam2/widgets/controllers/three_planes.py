"""Two further planes of a volume, which stand where the main view stands."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtCore import QObject, QTimer, Signal

from napari_sam2.errors import NapariSam2Error
from napari_sam2.layers.axis_names import layer_axes
from napari_sam2.layers.planes import Cross, Mirror, camera_of, on_a_voxel, place_of_axes, planes_beside, turn_to
from napari_sam2.widgets.controllers.plane_marks import marks_of
from napari_sam2.widgets.controllers.side_plane import SidePlane

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Layer

# Labels change many times a second during a run or a stroke.
REDRAW_MS = 150
# Farther than that, in pixels of the screen, a press is a drag.
_STILL = 4


class ThreePlanes(QObject):
    """Shows the layers of a viewer in two further planes, links the positions, and draws a cross there.

    It begins with :meth:`start`.

    Parameters
    ----------
    viewer
        The main viewer.
    parent
        Owner in Qt.
    """

    # (place of the view, text)
    titled = Signal(int, str)
    unavailable = Signal(str)
    # Whether marks can be drawn in the two planes.
    markable = Signal(bool)

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.main = viewer
        self.models = [ViewerModel(title=f"plane {i + 2}") for i in range(2)]
        for model in self.models:
            model.theme = viewer.theme
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._redraw)
        # Not at once: a viewer that is being emptied would get the cross back without end.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self.arrange)
        self._moving = self._closed = False
        self._shown: tuple[Any, ...] = ()
        self._sides: list[SidePlane | None] = [None, None]
        self._mirrors: list[Mirror] = []
        self._crosses = [Cross(model) for model in (viewer, *self.models)]

    def start(self) -> None:
        """Fill the two planes and follow the main viewer from now on.

        To be called once, after the canvases were made: before 0.9.2 napari can make none for a viewer that has several
        layers already.
        """
        viewer = self.main
        self._mirrors = [Mirror(viewer, model, self._redraw_soon) for model in self.models]
        for each in (viewer, *self.models):
            each.dims.events.point.connect(self._on_point)
            each.mouse_drag_callbacks.append(self._go_to_click)
        viewer.dims.events.order.connect(self.arrange)
        viewer.dims.events.ndim.connect(self.arrange)
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            event.connect(self._on_layers)
        # The dock widget that segments may come later; its first tool makes a layer of its own the active one.
        viewer.layers.selection.events.active.connect(self._mark_here)
        self.arrange()

    def close(self) -> None:
        """Stop following the main viewer, and take the cross out of it."""
        if self._closed:
            return
        self._closed = True
        self._timer.stop()
        self._soon.stop()
        self.main.layers.selection.events.active.disconnect(self._mark_here)
        self._let_go()
        self._shown = ()
        self.main.dims.events.order.disconnect(self.arrange)
        self.main.dims.events.ndim.disconnect(self.arrange)
        for event in (self.main.layers.events.inserted, self.main.layers.events.removed):
            event.disconnect(self._on_layers)
        for each in (self.main, *self.models):
            each.dims.events.point.disconnect(self._on_point)
            each.mouse_drag_callbacks.remove(self._go_to_click)
        for cross in self._crosses:
            cross.remove()
        for mirror in self._mirrors:
            mirror.close()

    def fit(self) -> None:
        """Show the whole of both further planes."""
        for model in self.models:
            model.reset_view()
        self._follow(self.main)  # The lines, as thin as this zoom allows.

    # ------------------------------------------------------------------ inside

    def _image(self) -> Layer | None:
        images = [layer for layer in self.main.layers if isinstance(layer, Image)]
        active = self.main.layers.selection.active
        return active if active in images else next((i for i in reversed(images) if i.visible), None)

    def arrange(self, event: Any = None) -> None:
        """Turn the two views to the planes that the main one does not show."""
        image, dims = self._image(), self.main.dims
        planes, reason = [], "there is no image; open one first."
        if image is not None:
            with suppress(NapariSam2Error):
                planes = planes_beside(dims, image)
            reason = "" if len(planes) == 2 else "the image is a single picture, which has one plane only."
        self.unavailable.emit(reason)
        if image is None or len(planes) != 2:
            self._shown = ()
            self._let_go()
            for cross in self._crosses:
                cross.remove()
            return
        letters, offset = layer_axes(image), place_of_axes(dims, image)
        for i, (model, plane) in enumerate(zip(self.models, planes, strict=True)):
            if model.dims.ndim != dims.ndim:
                continue
            vertical, horizontal = (letters[axis - offset] for axis in plane)
            if list(model.dims.order[-2:]) != list(plane):
                turn_to(model.dims, plane)
                # Slice 0 of a body is the lowest one.
                camera_of(model).orientation2d = ("up" if vertical == "z" else "down", "right")
                model.reset_view()
            self.titled.emit(i, f"{vertical} – {horizontal}")
        self._shown = (image, tuple(planes))
        self._follow(self.main)
        self._mark_here()

    # ------------------------------------------------------------------ marks

    def _mark_here(self, event: Any = None) -> None:
        """Let the tools of the dock widget that segments the image serve in the two planes, where there is one."""
        if not self._shown:
            return
        image, planes = self._shown
        marks, letters, offset = marks_of(image), layer_axes(image), place_of_axes(self.main.dims, image)
        for i, plane in enumerate(planes):
            shown = {letters[axis - offset] for axis in plane}
            across = next(a for a in ("zyx" if "z" in letters else "tyx") if a not in shown)
            side = self._sides[i]
            if side is not None and (side.image, side.axis, side.marks) == (image, across, marks):
                continue
            if side is not None:
                side.close()
            able = marks is not None and marks.worker(across) is not None
            self._sides[i] = SidePlane(self.models[i], image, across, marks, self) if marks and able else None
        self.markable.emit(any(self._sides))

    def _let_go(self) -> None:
        for side in self._sides:
            if side is not None:
                side.close()
        self._sides = [None, None]

    def _on_layers(self, event: Any) -> None:
        if type(event.value) in (Image, Labels):
            self._shown = ()
            self._soon.start(0)

    def _on_point(self, event: Any) -> None:
        if not self._moving:
            dims = event.source
            self._follow(next(each for each in (self.main, *self.models) if each.dims is dims))

    def _follow(self, leader: ViewerModel) -> None:
        """Bring all views to the position of one of them."""
        if self._moving or not self._shown:
            return
        self._moving = True
        try:
            image = self._shown[0]
            on_a_voxel(leader.dims, image)
            for each in (self.main, *self.models):
                if each is not leader and each.dims.ndim == leader.dims.ndim:
                    each.dims.point = leader.dims.point
            for cross, each in zip(self._crosses, (self.main, *self.models), strict=True):
                if each.dims.ndim == self.main.dims.ndim and each.dims.ndisplay == 2:
                    cross.draw(image)
        finally:
            self._moving = False
        for side in self._sides:
            if side is not None:
                side.draw()

    def _go_to_click(self, viewer: ViewerModel, event: Any) -> Iterator[None]:
        """Go where the user clicked, in all views; a drag moves the picture as always."""
        begun, place = np.array(event.pos, float), tuple(event.position)
        for side in self._sides:
            if side is not None:
                side.prepare()
        yield
        while event.type == "mouse_move":
            if np.abs(np.array(event.pos, float) - begun).max() > _STILL:
                return
            yield
        if viewer.dims.ndisplay == 2 and len(place) == viewer.dims.ndim:
            viewer.dims.point = place

    def _redraw_soon(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _redraw(self) -> None:
        for mirror in self._mirrors:
            mirror.redraw()
