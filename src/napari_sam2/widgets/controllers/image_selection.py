"""The image that is segmented and the axis that is followed, and the session that belongs to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from napari_sam2.errors import NapariSam2Error
from napari_sam2.interaction.earlier_sessions import ImageSessions
from napari_sam2.interaction.session_worker import SessionWorker
from napari_sam2.layers.axis_names import layer_axes, name_axes
from napari_sam2.layers.channel_layers import are_on_grid
from napari_sam2.layers.image import axis_choices, shown_contrast_limits
from napari_sam2.layers.layer_group import LayerGroup
from napari_sam2.widgets.controllers import source_display
from napari_sam2.widgets.controllers.channel_choice import ChannelChoice
from napari_sam2.widgets.controllers.image_changes import ImageChanges
from napari_sam2.widgets.controllers.image_work import ImageWork
from napari_sam2.widgets.controllers.viewer_position import ViewerPosition

if TYPE_CHECKING:
    from pathlib import Path

    from napari.components import ViewerModel

    from napari_sam2.interaction.autosave import Autosave
    from napari_sam2.interaction.loaded_model import ModelCache
    from napari_sam2.widgets.controllers.image_work import ChannelKey
    from napari_sam2.widgets.controllers.view_protocols import SourceView


class ImageSelection(QObject):
    """Keeps what was chosen in the source panel, and a layer group for every image that was worked on.

    Parameters
    ----------
    viewer
        The viewer whose image layers are offered.
    panel
        Shows what is chosen, and lets the user choose.
    model_cache
        Where models come from.
    autosave
        Gives a session a file.
    """

    about_to_change = Signal()
    changed = Signal()
    frame_changed = Signal()
    # The image lies elsewhere, or is of another size.
    moved = Signal()
    # The viewer shows another plane, or the volume in 3-D.
    turned = Signal()
    contrast_changed = Signal(float, float)
    message = Signal(str)
    failed = Signal(object)

    def __init__(
        self,
        viewer: ViewerModel,
        panel: SourceView,
        model_cache: ModelCache,
        autosave: Autosave,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.image: Image | None = None
        self.axis: str | None = None
        self.channels = ChannelChoice(self)
        self._panel = panel
        self.model_cache, self.autosave = model_cache, autosave
        self._position = ViewerPosition(viewer)
        self._work = work = ImageWork(viewer, model_cache, autosave, self)
        self._watch = ImageChanges(self, work)
        self.channels.limits_changed.connect(self.tell_contrast)
        self.channels.lost.connect(self.lose_channel)
        self.channels.moved.connect(self.part_channels)
        self.markers_changed, self.tool_changed = work.markers_changed, work.tool_changed
        self.stroke_drawn, self.label_picked = work.stroke_drawn, work.label_picked
        self.dropped = work.dropped
        panel.image_chosen.connect(self.choose_image)
        panel.axis_chosen.connect(self.choose_axis)
        panel.channels_chosen.connect(self.choose_channels)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.dims.events.current_step.connect(self._on_step)
        viewer.dims.events.units.connect(self._on_step)
        viewer.dims.events.order.connect(self._on_turned)
        viewer.dims.events.ndisplay.connect(self._on_turned)
        self._at: tuple[tuple[str, int], ...] = ()
        self._refused: tuple[Image, str] | None = None

    # ------------------------------------------------------------------ what is chosen

    @property
    def layer_group(self) -> LayerGroup | None:
        """Return the layers of the current image."""
        return None if self.image is None else self._work.layer_group(self.image)

    @property
    def unavailable_reason(self) -> str:
        """Return why the image that was chosen cannot be worked on; empty where none was, or it can."""
        return "" if self._refused is None else self._refused[1]

    @property
    def units_doubt(self) -> str:
        """Return why a click marks another place than the one under the mouse; empty where it marks that one."""
        return self._position.units_doubt(self.image)

    @property
    def worker(self) -> SessionWorker | None:
        """Return the session of the current image, axis and fixed indices; None without a usable image."""
        if self.image is None:
            return None
        return self._work.worker(self.image, (self.axis, self._at, self.channels.key), self._position.channel)

    def worker_along(self, axis: str, **at: int) -> SessionWorker | None:
        """Return the session of the current image along another axis; None where it cannot be followed along it.

        Fixed indices are those that are shown, but for those that are given.
        """
        if self.image is None or axis not in [choice.axis for choice in axis_choices(self.image)]:
            return None
        fixed = tuple((a, at.get(a, index)) for a, index in self._position.fixed(self.image, axis))
        return self._work.worker(self.image, (axis, fixed, self.channels.key), self._position.channel)

    @property
    def earlier(self) -> ImageSessions | None:
        """Return the earlier sessions of the current image."""
        return None if self.image is None else self._work.earlier(self.image)

    def contrast_limits(self) -> tuple[float, float] | None:
        """Return the values that are shown as black and white, which are those that the model gets."""
        return None if self.image is None else shown_contrast_limits(self.image)

    def workers(self) -> list[SessionWorker]:
        """Return all sessions of the current image."""
        return [] if self.image is None else list(self._work.workers(self.image).values())

    def siblings(self) -> list[SessionWorker]:
        """Return the sessions of the current image along the current axis, whatever is fixed; the current one last."""
        current = self.worker
        return [] if self.image is None or current is None else self._work.siblings(self.image, current)

    def open_files(self) -> dict[Path, Any]:
        """Return all sessions of this widget that have a file, by its path."""
        return self._work.open_files()

    # ------------------------------------------------------------------ choosing

    def refresh_images(self, prefer: Image | None = None) -> None:
        """Offer the image layers of the viewer; keep the current one, else take the active or the last."""
        images = [layer for layer in self.viewer.layers if isinstance(layer, Image)]
        current: Any = self.image if self.image in images else None
        if self._refused is not None and self._refused[0] not in images:
            self._refused = None
            self.changed.emit()
        refused = self._refused if current is None and prefer is None else None
        if current is None and refused is None:
            current = prefer if prefer in images else images[-1] if images else None
        self._panel.set_images([(str(layer.name), layer) for layer in images], refused[0] if refused else current)
        if refused is None and current is not self.image:
            self.choose_image(current)

    def choose_image(self, image: Any) -> None:
        """Work on another image; of the one before, tool and markers are put away, and the session is kept."""
        if not (image is None or isinstance(image, Image)) or image is self.image:
            return
        self.about_to_change.emit()
        if self.layer_group is not None:
            self.layer_group.put_aside()
        self._watch.follow(None)
        self.image = self.axis = None
        self.channels.choose(None)
        self._refused = None
        if image is not None:
            try:
                axis = axis_choices(image)[0].axis
            except NapariSam2Error as error:
                self._refused = image, str(error).splitlines()[0]
                self.failed.emit(error)
            else:
                self.image, self.axis = image, axis
                self._work.adopt(image)
                self._at = self._position.fixed(image, axis)
                self._watch.follow(image)
        self.show_source()
        self._turn_and_tell()

    def choose_axes(self, letters: str) -> None:
        """Take the axes of the image for these, one letter each; the image layer keeps them as its axis names."""
        if self.image is not None and letters != layer_axes(self.image):
            name_axes(self.image, letters)
        self.show_source()

    def choose_channels(self, channels: ChannelKey) -> None:
        """Let the model see these channels, or layers of one grid, as red, green and blue; None: the one shown.

        What was made with others is kept in a session of its own; the marks count for these too.
        """
        if self.image is None or channels == self.channels.key:
            return
        self.about_to_change.emit()
        self.channels.choose(channels)
        if self.layer_group is not None:
            self.layer_group.show_over(self.channels.layers)
        self.show_window()
        self.changed.emit()

    def choose_axis(self, axis: Any) -> None:
        """Follow the image along another axis."""
        if self.image is None or axis == self.axis or not (axis is None or axis in "tzyx"):
            return
        self.about_to_change.emit()
        self.axis = axis
        self._at = self._position.fixed(self.image, self.axis)
        self._turn_and_tell()

    def take_over(self, layer: Image, worker: SessionWorker, channels: tuple[Image, ...] = ()) -> None:
        """Work on an image with a session that was opened from its file, and on the layers that are its channels."""
        self.choose_image(layer)
        image: Any = self.image
        if image is not layer:
            return
        source_display.show_as_in(worker, image, channels)
        self.about_to_change.emit()
        try:
            for axis, index in worker.grid.at:
                self._position.go_to(image, axis, index)
        finally:
            self._put_in_place(image, worker, channels)

    def put_aside(self, worker: SessionWorker) -> None:
        """Keep a session of the current image for when its axis and its indices are followed."""
        if self.image is not None:
            self._work.put(self.image, (worker.grid.frame_axis, worker.grid.at, self.channels.key), worker)

    def _put_in_place(self, image: Image, worker: SessionWorker, layers: tuple[Image, ...]) -> None:
        self.axis = worker.grid.frame_axis
        self._at = self._position.fixed(self.image, self.axis)
        several = len(worker.grid.channels) > 1 and not image.rgb
        self.channels.choose(layers or (worker.grid.channels if several else None))
        self._work.put(image, (self.axis, self._at, self.channels.key), worker)
        if self.layer_group is not None:
            self.layer_group.show_over(layers)
        self.show_source()
        self._turn_and_tell()

    def _turn_and_tell(self) -> None:
        try:
            self.turn_viewer()
        finally:
            # napari reads the slice that it shows. Where that fails napari says so, and the widget goes on.
            self.changed.emit()

    def turn_viewer(self) -> None:
        """Order the viewer's axes so that a frame is what is shown, and its index is on a slider."""
        worker = self.worker
        if self.image is not None and worker is not None:
            self._position.turn(self.image, worker.grid)

    def shown_frame(self) -> int:
        """Return the frame that the viewer shows, 0 without an image."""
        worker = self.worker
        return 0 if self.image is None or worker is None else self._position.frame(self.image, worker.grid)

    def shows_frame(self) -> bool:
        """Return whether the viewer shows a frame: not a plane across them, and not the volume in 3-D."""
        worker = self.worker
        return self.image is not None and worker is not None and self._position.shows_frame(self.image, worker.grid)

    def show_frame(self, frame: int) -> None:
        """Move the viewer's slider to a frame."""
        if self.image is not None and self.axis is not None:
            self._position.go_to(self.image, self.axis, frame)

    def close(self) -> None:
        """Remove the prompt layers, forget the images, and stop listening."""
        self.viewer.layers.events.inserted.disconnect(self._on_inserted)
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        self.viewer.dims.events.current_step.disconnect(self._on_step)
        self.viewer.dims.events.units.disconnect(self._on_step)
        self.viewer.dims.events.order.disconnect(self._on_turned)
        self.viewer.dims.events.ndisplay.disconnect(self._on_turned)
        self._watch.follow(None)
        self._work.drop_all()
        self.image = None

    # ------------------------------------------------------------------ inside

    def _on_inserted(self, event: Any) -> None:
        if isinstance(event.value, Image):
            self.refresh_images(event.value)

    def _on_removed(self, event: Any) -> None:
        layer = event.value
        if not isinstance(layer, Image):
            return
        if layer is self.image:
            self.about_to_change.emit()
            self._watch.follow(None)
            self.image = None
        self.lose_channel(layer)
        self._work.drop(layer)
        self.refresh_images()
        if self.image is None:
            self.show_source()
            self.changed.emit()

    def _on_step(self, event: Any = None) -> None:
        at = self._position.fixed(self.image, self.axis)
        if at != self._at or self._shows_other_channel():
            self.about_to_change.emit()
        if at != self._at or self._follow_channel():
            self._at = at
            self.changed.emit()
        else:
            self.frame_changed.emit()

    def _on_turned(self, event: Any = None) -> None:
        self.turned.emit()

    def _shows_other_channel(self) -> bool:
        return self.channels.key is None and self._position.shows_other_channel(self.image, self.worker)

    def _follow_channel(self) -> bool:
        """Take the shown channel, where nothing has been done with another one yet; whether that is a change."""
        key = self.axis, self._at, self.channels.key
        if self.image is None or not self._shows_other_channel() or not self._work.forget_unused(self.image, key):
            return False
        self.show_window()
        return True

    # ------------------------------------------------------------------ where something changed

    def choose_anew(self, image: Image) -> None:
        """Work on an image as on one that nobody worked on."""
        self._watch.follow(None)
        self.image = None
        self._work.drop(image)
        self.choose_image(image)

    def look_anew(self) -> None:
        """Show the current image as it is now."""
        self.show_source()
        self._at = self._position.fixed(self.image, self.axis)
        self.changed.emit()

    def show_moved(self) -> None:
        """Show the current image where, and as large as, it is now."""
        if self.image is not None:
            self.part_channels(self.image)
        self.show_source()
        # The same point of the world may be in another frame of it.
        self._on_step()
        self.moved.emit()

    def lose_channel(self, layer: Any) -> None:
        """See no channel in a layer any more, whose values are gone."""
        if self.image is None or layer not in self.channels.layers:
            return
        self.choose_channels(None)
        self._work.drop_channel(self.image, layer)
        self.message.emit(f"The layer {str(layer.name)!r} is no channel any more: its values are others, or gone.")

    def part_channels(self, moved: Image) -> None:
        """See the image alone once a layer that is a channel does not lie on its grid any more."""
        if self.image is None or are_on_grid(self.image, self.channels.layers):
            return
        self.choose_channels(None)
        self.message.emit(
            f"The layer {str(moved.name)!r} lies elsewhere now, so there are no channels any more. What was made with "
            "them is kept; choose them again once they lie on one grid."
        )

    def tell_contrast(self) -> None:
        """Show, and tell, the contrast limits as they are now."""
        self.show_window()
        if (limits := self.contrast_limits()) is not None:
            self.contrast_changed.emit(*limits)

    def show_source(self) -> None:
        """Show what of the image is chosen."""
        source_display.show_axes(self._panel, self.image, self.axis)
        self.show_window()

    def show_window(self) -> None:
        """Show what of the image the model sees: its channels, and the values that are black and white."""
        grid = None if self.worker is None else self.worker.grid
        source_display.show_contrast_limits(self._panel, self.image, self.contrast_limits(), self.channels, grid)
