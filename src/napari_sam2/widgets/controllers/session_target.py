"""The labels that a session draws, as what operations on masks change."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.analysis.mask_operations import find_operation
from napari_sam2.core.formatting import frame_word
from napari_sam2.core.length_unit import LengthUnit
from napari_sam2.errors import LockedError, PromptError, SessionBusyError, VolumeError
from napari_sam2.layers.mask_target import is_solid

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_sam2.core.volume import ImageVolume
    from napari_sam2.interaction.session_worker import SessionWorker
    from napari_sam2.layers.layer_group import LayerGroup
    from napari_sam2.layers.mask_target import Progress
    from napari_sam2.session import VideoSession
    from napari_sam2.widgets.controllers.context import ControllerContext

# Work that was asked for before is done first; how often to look whether it is, in seconds.
_LOOK_S = 0.02


class SessionTarget:
    """The masks of the session of an image; a change is one step of that session.

    See :class:`napari_sam2.layers.mask_target.MaskTarget`. ``preview`` and ``apply`` are called on the main thread,
    and what they return runs in a worker.

    Parameters
    ----------
    context
        Knows the session and queues the work.
    layer_group
        The layers of the image; of a 4-D image the session is that of the time point shown.
    """

    def __init__(self, context: ControllerContext, layer_group: LayerGroup) -> None:
        self._context = context
        self._layer_group = layer_group

    @property
    def volume(self) -> ImageVolume:
        """The image that is segmented."""
        return self._worker.volume

    @property
    def axis(self) -> str | None:
        """The axis that the session follows."""
        return self._worker.grid.frame_axis

    @property
    def image(self) -> Image:
        """The image that is segmented: no other values count."""
        return self._layer_group.image

    def objects(self) -> dict[int, str]:
        """Return the names of the objects that have a mask."""
        return {i: info.name for i, info in self._worker.objects.items() if info.frames}

    def preview(
        self, operation: str, objects: Sequence[int], values: Mapping[str, Any]
    ) -> Generator[Progress, None, NDArray[Any]]:
        """Compute what the layer would hold, and change nothing."""
        session, given = self._session(), self._given(operation, values)
        return self._preview(session, operation, objects, given)

    def apply(
        self, operation: str, objects: Sequence[int], values: Mapping[str, Any]
    ) -> Generator[Progress, None, Callable[[], int]]:
        """Compute the same, and return a call that makes the change a step of the session."""
        session, given = self._session(), self._given(operation, values)
        return self._commit_after(self._worker, session, operation, objects, given)

    def _preview(
        self, session: VideoSession, operation: str, objects: Sequence[int], given: dict[str, Any]
    ) -> Generator[Progress, None, NDArray[Any]]:
        shown = yield from self._steps(session, operation, objects, given)
        labels = self._layer_group.labels
        if labels is None:
            raise VolumeError("The labels layer was deleted. Mark an object, and it comes back.")
        after = np.array(labels.data)
        grid = after.reshape(session.volume.label_shape)
        for frame, picture in shown.items():
            grid[session.frame_index(frame)] = picture
        return after

    def _commit_after(
        self,
        worker: SessionWorker,
        session: VideoSession,
        operation: str,
        objects: Sequence[int],
        given: dict[str, Any],
    ) -> Generator[Progress, None, Callable[[], int]]:
        shown = yield from self._steps(session, operation, objects, given)
        count = sum(int(np.count_nonzero(shown[f] != session.frame_labels(f))) for f in shown)

        def commit() -> int:
            title = find_operation(operation).title
            self._context.submit(
                lambda w: w.change(lambda s: s.apply(operation, list(objects), **given)), f"{title}…", worker=worker
            )
            return count

        return commit

    def _steps(
        self, session: VideoSession, operation: str, objects: Sequence[int], given: dict[str, Any]
    ) -> Generator[Progress, None, dict[int, NDArray[Any]]]:
        while self._context.working:
            yield 0, len(objects)
            time.sleep(_LOOK_S)
        yield 0, len(objects)
        try:
            shown = session.preview(operation, list(objects), **given)
        except LockedError as error:
            title, word = find_operation(operation).title, frame_word(session.grid.frame_axis)
            raise PromptError(
                f"“{title}” would change locked {word}s alone, such as {word} {error.frame} of object {error.obj_id}.\n"
                f"Unlock them first: show the {word} in the dock widget Segment with SAM 2, and press Unlock (L)."
            ) from error
        yield len(objects), len(objects)
        return shown

    @property
    def _worker(self) -> SessionWorker:
        selection = self._context.selection
        if selection.worker is None or selection.layer_group is not self._layer_group:
            raise VolumeError(
                "These labels belong to an image that is not the one being segmented.\n"
                f"Choose the image {self._layer_group.image.name!r} in the dock widget that segments first."
            )
        return selection.worker

    def _session(self) -> VideoSession:
        """Return the session, once what was drawn a moment ago is on its way to it."""
        self._context.flush_wanted.emit()
        if self._context.running:
            raise SessionBusyError("A run is under way. Stop it first, or wait for its end.")
        session = self._worker.session
        if session is None:
            raise VolumeError("There is no mask yet. Mark an object first.")
        return session

    def _given(self, operation: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters as a session takes them: lengths in the volume's unit, objects by their ids."""
        factor = LengthUnit.of(self.volume).factor
        dimensions = values.get("dimensions") or (3 if is_solid(self.volume, self.axis) else 2)
        given: dict[str, Any] = {}
        for parameter in find_operation(operation).parameters:
            value = values.get(parameter.name)
            if value is None or parameter.kind == "image":
                continue
            if parameter.kind == "length":
                value /= factor
            elif parameter.kind == "volume":
                value /= factor**dimensions
            elif parameter.kind == "mask":
                value = value[1]
            given[parameter.name] = value
        return given
