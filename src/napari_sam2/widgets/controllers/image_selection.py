"""What is being segmented: the image and its axis; and the session that belongs to this choice."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from napari_sam2.core.frames import FrameGrid
from napari_sam2.errors import NapariSam2Error
from napari_sam2.interaction.earlier_sessions import ImageSessions, undecided_folder
from napari_sam2.interaction.session_worker import SessionHandle
from napari_sam2.layers.axis_names import assumed_axes, axes_choices, layer_axes, letters_of
from napari_sam2.layers.geometry import on_geometry_change
from napari_sam2.layers.image import (
    LayerGrid,
    axis_choices,
    channel_place,
    grid_for_layers,
    shown_window,
    volume_from_layer,
)
from napari_sam2.layers.layer_group import Hooks, Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from napari.components import ViewerModel

    from napari_sam2.interaction.autosave import Autosave
    from napari_sam2.interaction.loaded_model import PredictorShelf
    from napari_sam2.session import VideoSession
    from napari_sam2.widgets.views.source_panel import SourcePanel


class Choices(QObject):
    """Keeps the choices of the source panel, and a workspace for every image that was worked on.

    Parameters
    ----------
    viewer
        The viewer whose image layers are offered.
    panel
        Shows and changes the choices.
    shelf
        Where models come from.
    autosave
        Gives a session a file.
    """

    about_to_change = Signal()
    changed = Signal()
    markers_changed = Signal()
    tool_changed = Signal()
    stroke_drawn = Signal()
    label_picked = Signal(int)
    frame_changed = Signal()
    window_changed = Signal(float, float)
    dropped = Signal(object)
    told = Signal(str)
    failed = Signal(object)

    def __init__(
        self,
        viewer: ViewerModel,
        panel: SourcePanel,
        shelf: PredictorShelf,
        autosave: Autosave,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.image: Image | None = None
        self.axis: str | None = None
        self._panel = panel
        self.shelf = shelf
        self._autosave = autosave
        self._workspaces: dict[int, Workspace] = {}
        self._handles: dict[int, dict[Any, SessionHandle]] = {}
        self._earlier: dict[int, ImageSessions] = {}
        panel.image_chosen.connect(self.choose_image)
        panel.axis_chosen.connect(self.choose_axis)
        panel.axes_chosen.connect(self.choose_axes)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.dims.events.current_step.connect(self._on_step)
        self._at: tuple[tuple[str, int], ...] = ()
        self._refused: tuple[Image, str] | None = None

    # ------------------------------------------------------------------ what is chosen

    @property
    def workspace(self) -> Workspace | None:
        """The layers of the current image."""
        return None if self.image is None else self._workspaces.get(id(self.image))

    @property
    def why_not(self) -> str:
        """Why the image that was chosen cannot be worked on; empty where none was, or it can."""
        return "" if self._refused is None else self._refused[1]

    @property
    def doubt(self) -> str:
        """A sentence for an image of which nothing says whether an axis is time; empty for others."""
        if self.image is None or "t" not in assumed_axes(self.image):
            return ""
        axes = ", ".join(layer_axes(self.image))
        return f"Nothing says what the axes of {str(self.image.name)!r} are: {axes} is assumed. Change it beside Along."

    @property
    def handle(self) -> SessionHandle | None:
        """The session of the current image, axis and fixed indices; None without a usable image."""
        if self.image is None:
            return None
        key = (self.axis, self._at)
        handles = self._handles[id(self.image)]
        if key not in handles:
            volume = volume_from_layer(self.image)
            grid = FrameGrid.of(volume, self.axis, dict(self._at), self._shown_channel())
            grid = grid_for_layers(self.image, grid)
            keep = partial(self._keep, self._earlier[id(self.image)])
            handles[key] = SessionHandle(volume, grid, self.window(), self.shelf, keep)
        return handles[key]

    @property
    def earlier(self) -> ImageSessions | None:
        """The earlier sessions of the current image."""
        return None if self.image is None else self._earlier[id(self.image)]

    def _keep(self, earlier: ImageSessions, session: VideoSession) -> None:
        """Give a session its file: apart from the others as long as the user has not chosen; called in a worker."""
        asks = self._autosave.on and earlier.asks(session.volume, session.grid)
        self._autosave(session, undecided_folder() if asks else None)

    def window(self) -> tuple[float, float] | None:
        """Return the values that are shown as black and white, which are those that the model gets."""
        return None if self.image is None else shown_window(self.image)

    def handles(self) -> list[SessionHandle]:
        """All sessions of the current image."""
        return [] if self.image is None else list(self._handles[id(self.image)].values())

    def siblings(self) -> list[SessionHandle]:
        """The sessions of the current image along the current axis, whatever is fixed; the current one last."""
        current = self.handle
        if self.image is None or current is None:
            return []
        handles = [h for h in self._handles[id(self.image)].values() if h.grid.frame_axis == self.axis]
        return sorted(handles, key=lambda h: h is current)

    def open_files(self) -> set[Path]:
        """The files of all sessions of this widget."""
        sessions = [h.session for handles in self._handles.values() for h in handles.values()]
        return {s.path for s in sessions if s is not None and s.path is not None}

    # ------------------------------------------------------------------ choosing

    def refresh_images(self, prefer: Image | None = None) -> None:
        """Offer the image layers of the viewer; keep the current one, else take the active or the last."""
        images = [layer for layer in self.viewer.layers if isinstance(layer, Image)]
        current: Any = self.image if self.image in images else None
        if self._refused is not None and self._refused[0] not in images:
            self._refused = None
            self.changed.emit()
        if current is None and prefer is None and self._refused is not None:
            self._panel.set_images([(str(layer.name), layer) for layer in images], self._refused[0])
            return
        if current is None:
            current = prefer if prefer in images else images[-1] if images else None
        self._panel.set_images([(str(layer.name), layer) for layer in images], current)
        if current is not self.image:
            self.choose_image(current)

    def choose_image(self, image: Any) -> None:
        """Work on another image; the markers of the one before are hidden, its session is kept."""
        if not (image is None or isinstance(image, Image)) or image is self.image:
            return
        self.about_to_change.emit()
        if self.workspace is not None:
            self.workspace.set_prompts_visible(False)
        self._watch(False)
        self.image = None
        self.axis = None
        self._refused = None
        axes: list[tuple[str, Any]] = []
        if image is not None:
            try:
                axes = [(c.text, c.axis) for c in axis_choices(image)]
            except NapariSam2Error as error:
                self._refused = image, str(error).splitlines()[0]
                self.failed.emit(error)
            else:
                self._adopt(image, axes[0][1])
        self._show_axes(axes)
        self._show_window()
        self._turn_and_tell()

    def choose_axes(self, letters: Any) -> None:
        """Take the axes of the image for these, one letter each; the image layer keeps them as its axis names."""
        if self.image is not None and isinstance(letters, str) and len(letters) == self.image.ndim:
            self.image.axis_labels = tuple(letters)
            self._show_axes()

    def choose_axis(self, axis: Any) -> None:
        """Follow the image along another axis."""
        if self.image is None or axis == self.axis or not (axis is None or axis in "tzyx"):
            return
        self.about_to_change.emit()
        self.axis = axis
        self._at = self._fixed()
        self._turn_and_tell()

    def take_over(self, layer: Image, handle: SessionHandle) -> None:
        """Work on an image with a session that was opened from its file."""
        self.choose_image(layer)
        image: Any = self.image
        if image is not layer:
            return
        if handle.window is not None and not image.rgb:
            image.contrast_limits = handle.window
        self.about_to_change.emit()
        try:
            for axis, index in handle.grid.at:
                self._go_to(image, axis, index)
        finally:
            self._put_in_place(image, handle)

    def _put_in_place(self, image: Image, handle: SessionHandle) -> None:
        self.axis = handle.grid.frame_axis
        self._at = self._fixed()
        handles = self._handles[id(image)]
        before = handles.get((self.axis, self._at))
        if before is not None:
            self.dropped.emit([before])
        handles[self.axis, self._at] = handle
        self._earlier[id(image)].go_on(handle.grid)
        self._show_axes()
        self._turn_and_tell()

    def _turn_and_tell(self) -> None:
        try:
            self.turn_viewer()
        finally:
            # napari reads the slice that it shows. Where that fails napari says so, and the widget goes on.
            self.changed.emit()

    def turn_viewer(self) -> None:
        """Order the viewer's axes so that a frame is what is shown, and its index is on a slider."""
        if self.image is None:
            return
        handle = self.handle
        assert handle is not None
        offset = self.viewer.dims.ndim - self.image.ndim
        letters = handle.grid.label_axes
        plane = [offset + letters.index(a) for a in handle.grid.plane_axes]
        if list(self.viewer.dims.order[-2:]) != plane:
            others = [i for i in range(self.viewer.dims.ndim) if i not in plane]
            self.viewer.dims.order = (*others, *plane)

    def shown_frame(self) -> int:
        """The frame that the viewer shows, 0 without an image."""
        handle = self.handle
        if self.image is None or handle is None:
            return 0
        point = self.image.world_to_data(self.viewer.dims.point[-self.image.ndim :])
        return min(max(handle.grid.to_frame(point)[0], 0), handle.grid.frame_count - 1)

    def show_frame(self, frame: int) -> None:
        """Move the viewer's slider to a frame."""
        if self.image is not None and self.axis is not None:
            self._go_to(self.image, self.axis, frame)

    def _go_to(self, image: Image, axis: str, index: int) -> None:
        """Move a slider to an index of the image; its steps are others where layers of another spacing are shown."""
        place = letters_of(image, volume_from_layer(image)).index(axis)
        data = np.array(image.world_to_data(self.viewer.dims.point[-image.ndim :]), float)
        data[place] = index
        offset = self.viewer.dims.ndim - image.ndim
        self.viewer.dims.set_point(offset + place, image.data_to_world(data)[place])

    def close(self) -> None:
        """Remove the prompt layers, forget the images, and stop listening."""
        layers = self.viewer.layers
        layers.events.inserted.disconnect(self._on_inserted)
        layers.events.removed.disconnect(self._on_removed)
        self.viewer.dims.events.current_step.disconnect(self._on_step)
        self._watch(False)
        for key in list(self._workspaces):
            self._drop(key)
        self.image = None

    # ------------------------------------------------------------------ inside

    def _adopt(self, image: Image, axis: str | None) -> None:
        self.image, self.axis = image, axis
        if id(image) not in self._workspaces:
            hooks = Hooks(
                self.markers_changed.emit, self.tool_changed.emit, self.stroke_drawn.emit, self.label_picked.emit
            )
            self._workspaces[id(image)] = Workspace(self.viewer, image, hooks)
            self._handles[id(image)] = {}
            self._earlier[id(image)] = ImageSessions(self._autosave.recent)
        else:
            self._workspaces[id(image)].set_prompts_visible(True)
        self._at = self._fixed()
        self._watch(True)

    def _watch(self, on: bool) -> None:
        if self.image is None:
            return
        pairs = (
            (self.image.events.contrast_limits, self._on_contrast),
            (self.image.events.data, self._on_data),
            (self.image.events.name, self._on_name),
        )
        for emitter, callback in pairs:
            if on:
                emitter.connect(callback)
            else:
                emitter.disconnect(callback)
        on_geometry_change(self.image, self._on_moved, connect=on)

    def _fixed(self) -> tuple[tuple[str, int], ...]:
        """Of a 4-D image: the index of the axis that is neither followed nor in the frame."""
        if self.image is None or self.axis is None:
            return ()
        volume = volume_from_layer(self.image)
        letters = letters_of(self.image, volume)
        fixed = [a for a in volume.label_axes if a != self.axis][:-2]
        return tuple((a, self._shown_index(letters.index(a), volume.size_of(a))) for a in fixed)

    def _shown_channel(self) -> int | None:
        """The channel that the viewer shows; None for an image without, and for colours."""
        if self.image is None or (place := channel_place(self.image)) is None:
            return None
        return self._shown_index(place, volume_from_layer(self.image).size_of("c"))

    def _shown_index(self, place: int, count: int) -> int:
        """Where the viewer stands along one axis of the image."""
        assert self.image is not None
        point = self.image.world_to_data(self.viewer.dims.point[-self.image.ndim :])
        return min(max(round(float(point[place])), 0), count - 1)

    def _on_inserted(self, event: Any) -> None:
        if isinstance(event.value, Image):
            self.refresh_images(event.value)

    def _on_removed(self, event: Any) -> None:
        layer = event.value
        if not isinstance(layer, Image):
            return
        if layer is self.image:
            self.about_to_change.emit()
            self._watch(False)
            self.image = None
        self._drop(id(layer))
        self.refresh_images()
        if self.image is None:
            self._show_axes([])
            self._show_window()
            self.changed.emit()

    def _drop(self, key: int) -> None:
        workspace = self._workspaces.pop(key, None)
        if workspace is not None:
            workspace.remove_prompt_layers()
            del self._earlier[key]
            self.dropped.emit(list(self._handles.pop(key, {}).values()))

    def _on_step(self, event: Any = None) -> None:
        at = self._fixed()
        if at != self._at or self._shows_other_channel():
            self.about_to_change.emit()
        if at != self._at or self._follow_channel():
            self._at = at
            self.changed.emit()
        else:
            self.frame_changed.emit()

    def _shows_other_channel(self) -> bool:
        """Whether the viewer shows another channel than the one that the session looks at."""
        handle, channel = self.handle, self._shown_channel()
        return handle is not None and channel is not None and handle.grid.channels != (channel,)

    def _follow_channel(self) -> bool:
        """Take the shown channel, where nothing has been done with another one yet; whether that is a change."""
        handle = self.handle
        if self.image is None or handle is None or not self._shows_other_channel():
            return False
        if handle.session is not None or handle.waits:
            return False
        del self._handles[id(self.image)][self.axis, self._at]
        self._show_window()
        return True

    def _on_contrast(self, event: Any = None) -> None:
        self._show_window()
        window = self.window()
        if window is not None:
            self.window_changed.emit(*window)

    def _on_data(self, event: Any = None) -> None:
        image, workspace = self.image, self.workspace
        if image is None or workspace is None:
            return
        # Other values under the same name: nothing that was computed holds any more.
        self.dropped.emit(list(self._handles[id(image)].values()))
        self._handles[id(image)] = {}
        self._earlier[id(image)] = ImageSessions(self._autosave.recent)
        old = "" if workspace.fits() else workspace.leave_labels()
        if workspace.ndim != image.ndim:
            # Marks of three axes have no place in a picture of two.
            self._watch(False)
            self.image = None
            self._drop(id(image))
            self.choose_image(image)
        else:
            self._show_axes()
            self._at = self._fixed()
            self.changed.emit()
        if old:
            self.told.emit(f"The image has another shape now; the labels made before are kept in the layer {old!r}.")

    def _on_moved(self, event: Any = None) -> None:
        """Measure, and save, with the spacing and the place that the image has now."""
        workspace = self.workspace
        if self.image is not None and workspace is not None and layer_axes(self.image) != workspace.letters:
            self._begin_anew(self.image, workspace)
        elif self.image is not None:
            self._show_axes()
            volume = volume_from_layer(self.image)
            for handle in self._handles[id(self.image)].values():
                if handle.volume.shape == volume.shape:
                    handle.volume = volume

    def _begin_anew(self, image: Image, workspace: Workspace) -> None:
        """Work on an image whose axes are others now; what was done before has no place on them."""
        made = workspace.labels is not None and workspace.labels in self.viewer.layers
        old = workspace.leave_labels() if made else ""
        self._watch(False)
        self.image = None
        self._drop(id(image))
        self.choose_image(image)
        if old:
            self.told.emit(
                f"The axes of {str(image.name)!r} are others now; the labels made before are kept in the layer {old!r}."
            )

    def _on_name(self, event: Any = None) -> None:
        self.refresh_images()

    def _show_axes(self, axes: list[tuple[str, Any]] | None = None) -> None:
        """Offer what the image can be followed along, and what its axes may be."""
        image = self.image
        if axes is None:
            axes = [] if image is None else [(c.text, c.axis) for c in axis_choices(image)]
        self._panel.set_axes(axes, self.axis)
        letters = "" if image is None else layer_axes(image)
        self._panel.set_letters([] if image is None else axes_choices(image), letters)

    def _show_window(self) -> None:
        window, handle = self.window(), self.handle
        if window is None:
            self._panel.set_window("–" if self.image is None else "by the image's values")
            return
        channels = handle.grid.channels if handle is not None and isinstance(handle.grid, LayerGrid) else ()
        channel = f"channel {channels[0]}, " if len(channels) == 1 else ""
        self._panel.set_window(f"{channel}as displayed, {window[0]:g} … {window[1]:g}")
