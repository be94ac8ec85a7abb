"""The work on each image of the viewer: its layers, its sessions, and those of earlier days."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_sam2.core.frames import FrameGrid
from napari_sam2.errors import VolumeError
from napari_sam2.interaction.earlier_sessions import ImageSessions, undecided_folder
from napari_sam2.interaction.session_worker import SessionWorker
from napari_sam2.layers.channel_layers import channels_limits, channels_volume, is_layers
from napari_sam2.layers.image import grid_for_layers, shown_contrast_limits, shown_gamma, volume_from_layer
from napari_sam2.layers.layer_group import LayerCallbacks, LayerGroup

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_sam2.core.intensity_mapping import ContrastLimits
    from napari_sam2.interaction.autosave import Autosave
    from napari_sam2.interaction.loaded_model import ModelCache
    from napari_sam2.session import VideoSession

    # The channels that the user chose: their indices, or layers of one grid; None: the one that is shown.
    ChannelKey = tuple[int, ...] | tuple[Image, ...] | None
    # The axis that is followed, the index of each axis that is fixed, and the channels.
    Key = tuple[str | None, tuple[tuple[str, int], ...], ChannelKey]


class ImageWork(QObject):
    """Keeps a layer group, the sessions and the earlier sessions of every image that was worked on.

    Parameters
    ----------
    viewer
        Where the layers go.
    model_cache
        Where models come from.
    autosave
        Gives a session a file.
    parent
        Owner in Qt.
    """

    markers_changed = Signal()
    tool_changed = Signal()
    stroke_drawn = Signal()
    label_picked = Signal(int)
    # Sessions that are no longer wanted.
    dropped = Signal(object)

    def __init__(
        self, viewer: ViewerModel, model_cache: ModelCache, autosave: Autosave, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._model_cache, self._autosave = viewer, model_cache, autosave
        self._layer_groups: dict[int, LayerGroup] = {}
        self._workers: dict[int, dict[Key, SessionWorker]] = {}
        self._earlier: dict[int, ImageSessions] = {}

    def adopt(self, image: Image) -> None:
        """Begin to work on an image, or go on with it."""
        if id(image) in self._layer_groups:
            self._layer_groups[id(image)].take_up()
            return
        callbacks = LayerCallbacks(
            self.markers_changed.emit, self.tool_changed.emit, self.stroke_drawn.emit, self.label_picked.emit
        )
        self._layer_groups[id(image)] = LayerGroup(self._viewer, image, callbacks)
        self._workers[id(image)] = {}
        self._earlier[id(image)] = ImageSessions(self._autosave.recent)

    def layer_group(self, image: Image) -> LayerGroup | None:
        """Return the layers of an image."""
        return self._layer_groups.get(id(image))

    def earlier(self, image: Image) -> ImageSessions:
        """Return the earlier sessions of an image."""
        return self._earlier[id(image)]

    def workers(self, image: Image) -> dict[Key, SessionWorker]:
        """Return the sessions of an image."""
        return self._workers[id(image)]

    def forget_unused(self, image: Image, key: Key) -> bool:
        """Forget a session with which nothing has been done yet; return whether it was one."""
        worker = self._workers[id(image)][key]
        if worker.session is not None or worker.pending:
            return False
        del self._workers[id(image)][key]
        return True

    def worker(self, image: Image, key: Key, channel: Callable[[Image], int | None]) -> SessionWorker:
        """Return the session of an image along an axis; where there is none, begin one of the channel shown."""
        workers = self._workers[id(image)]
        if key not in workers:
            keep, gamma = partial(self._keep, self._earlier[id(image)]), shown_gamma(image)
            limits: ContrastLimits | None = shown_contrast_limits(image)
            if is_layers(key[2]):
                volume, limits = channels_volume(key[2]), channels_limits(key[2])
                grid = FrameGrid.of(volume, key[0], dict(key[1]), range(len(key[2])))
            else:
                volume = volume_from_layer(image)
                grid = grid_for_layers(image, FrameGrid.of(volume, key[0], dict(key[1]), key[2] or channel(image)))
                if len(grid.channels) > 1 and not image.rgb:
                    limits = None  # The layer has one pair; each channel is shown by its own values.
            workers[key] = SessionWorker(volume, grid, limits, self._model_cache, keep, gamma=gamma)
        return workers[key]

    def siblings(self, image: Image, current: SessionWorker) -> list[SessionWorker]:
        """Return the sessions of the current axis and channels, whatever is fixed; the current one last."""
        found = {w: (w.grid.frame_axis, w.grid.channels, _layers(key)) for key, w in self._workers[id(image)].items()}
        same = found.get(current)
        return sorted((w for w, what in found.items() if what == same), key=lambda worker: worker is current)

    def drop_channel(self, image: Image, layer: Image) -> None:
        """Drop the sessions of an image that see a layer as a channel, whose values are gone."""
        workers = self._workers[id(image)]
        gone = [key for key in workers if layer in _layers(key)]
        self.dropped.emit([workers.pop(key) for key in gone])

    def open_files(self) -> dict[Path, VideoSession]:
        """Return all sessions that have a file, by its path."""
        sessions = [worker.session for workers in self._workers.values() for worker in workers.values()]
        return {s.path: s for s in sessions if s is not None and s.path is not None}

    def put(self, image: Image, key: Key, worker: SessionWorker) -> None:
        """Work on with a session that was opened from its file; the one in its place is dropped."""
        workers = self._workers[id(image)]
        before = workers.get(key)
        if before is not None:
            self.dropped.emit([before])
        workers[key] = worker
        self._earlier[id(image)].go_on(worker.grid)

    def begin_anew(self, image: Image) -> None:
        """Drop the sessions of an image whose values are others now; the layers stay."""
        self.dropped.emit(list(self._workers[id(image)].values()))
        self._workers[id(image)] = {}
        self._earlier[id(image)] = ImageSessions(self._autosave.recent)

    def measure_anew(self, image: Image) -> None:
        """Measure, and save, with the spacing and the place that an image has now."""
        for key, worker in self._workers[id(image)].items():
            volume = volume_from_layer(image)
            if layers := _layers(key):
                try:
                    volume = channels_volume(layers)
                except VolumeError:
                    continue  # The layers do not move together; what was seen of them was where they were.
            if (worker.volume.axes, worker.volume.shape) == (volume.axes, volume.shape):
                worker.set_volume(volume)

    def drop(self, image: Image) -> None:
        """Remove the prompt layers of an image, and drop its sessions."""
        self._drop(id(image))

    def drop_all(self) -> None:
        """Remove all prompt layers, and drop all sessions."""
        for key in list(self._layer_groups):
            self._drop(key)

    def _drop(self, key: int) -> None:
        layer_group = self._layer_groups.pop(key, None)
        if layer_group is not None:
            layer_group.remove_prompt_layers()
            del self._earlier[key]
            self.dropped.emit(list(self._workers.pop(key, {}).values()))

    def _keep(self, earlier: ImageSessions, session: VideoSession) -> None:
        """Give a session its file: apart from the others as long as the user has not chosen; called in a worker."""
        asks = self._autosave.enabled and earlier.asks(session.volume, session.grid)
        self._autosave(session, undecided_folder() if asks else None)


def _layers(key: Key) -> tuple[Image, ...]:
    """Return the layers that are the channels of a session; empty where it has those of the image."""
    return key[2] if is_layers(key[2]) else ()
