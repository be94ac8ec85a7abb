"""What the session asks of a video model: torch-free protocols and the values that cross the border."""

from __future__ import annotations

import inspect
import math
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload, runtime_checkable

from napari_sam2.engine.capabilities import BoundsObjects as BoundsObjects
from napari_sam2.engine.capabilities import Checks as Checks
from napari_sam2.engine.capabilities import EncodesAhead as EncodesAhead
from napari_sam2.engine.capabilities import Proposes as Proposes
from napari_sam2.engine.predictions import OUTSIDE_LOGIT as OUTSIDE_LOGIT
from napari_sam2.engine.predictions import ConditioningFrame as ConditioningFrame
from napari_sam2.engine.predictions import CropWindow as CropWindow
from napari_sam2.engine.predictions import FrameResult as FrameResult
from napari_sam2.engine.predictions import FrameScores as FrameScores
from napari_sam2.engine.predictions import Prediction as Prediction
from napari_sam2.engine.predictions import Proposal as Proposal
from napari_sam2.errors import NapariSam2Error

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_sam2.core.masks import RunLengthMask
    from napari_sam2.core.prompts import PromptSet
    from napari_sam2.engine.options import TrackingOptions

Zoom = float | Literal["auto"] | None


_MEMBERS = ("name", "device", "notes", "fingerprint", "open", "unload")


def check_model(predictor: Any, zoom: Any) -> None:
    """Raise an error where something is no predictor, or no way for it to zoom."""
    # Looked up without being called: a fingerprint takes time, and an unloaded model has no device.
    missing = object()
    lacking = [name for name in _MEMBERS if inspect.getattr_static(predictor, name, missing) is missing]
    if lacking:
        raise NapariSam2Error(
            f"predictor must be a model from load_predictor(), not {type(predictor).__name__}.\n"
            f"It has no {', '.join(lacking)}."
        )
    is_number = isinstance(zoom, Real) and not isinstance(zoom, bool)
    if not (zoom is None or zoom == "auto" or (is_number and math.isfinite(zoom) and zoom > 0)):
        raise NapariSam2Error(f"zoom={zoom!r} must be 'auto', None, or a number above zero.")


class FrameSource(Protocol):
    """Frames read on demand: ``frames[i]`` is ``(Y, X, C) float32`` in 0…1, C one or three."""

    def __len__(self) -> int:
        """Return the number of frames."""
        ...

    def __getitem__(self, frame: int, /) -> NDArray[np.float32]:
        """Read one frame."""
        ...


LARGE_PIXELS = 4096**2
"""Of a plane with more pixels only the part that a model looks at is read."""


@runtime_checkable
class ReadsParts(Protocol):
    """A frame source that can read a part of a frame without the rest; used for planes that are very large."""

    @property
    def frame_shape(self) -> tuple[int, int]:
        """``(Y, X)`` of a frame, known without reading one."""
        ...

    def read_part(self, frame: int, y0: int, x0: int, y1: int, x1: int) -> NDArray[np.float32]:
        """Read the rows ``y0`` … ``y1 - 1`` and columns ``x0`` … ``x1 - 1``: what ``frames[frame]`` has there."""
        ...


@runtime_checkable
class ReadsLevels(ReadsParts, Protocol):
    """A frame source of a multiscale image, which can read a reduced picture of a frame instead of all its pixels."""

    def level_factor(self, reduction: float) -> int:
        """Return by how much the smallest picture is reduced that is reduced by no more than this; 1: not at all."""
        ...

    def read_reduced(self, frame: int, factor: int, y0: int, x0: int, y1: int, x1: int) -> NDArray[np.float32]:
        """Read a box of the reduced picture, in its own pixels: each is a block of ``factor`` x ``factor`` pixels."""
        ...


class Track(Protocol):
    """One object followed from one accepted frame in one direction; opaque but for the frame it stands on."""

    frame: int
    window: CropWindow


class VideoStream(Protocol):
    """A model at work on one stack of frames, with its cache of embeddings."""

    def predict(
        self,
        frame: int,
        prompts: PromptSet,
        *,
        base: NDArray[np.bool_] | None = None,
        window: CropWindow | None = None,
        context: Sequence[ConditioningFrame] = (),
        nearest: NDArray[np.bool_] | None = None,
        forbidden: NDArray[np.bool_] | None = None,
    ) -> Prediction:
        """Answer the prompts of one object on one frame.

        Parameters
        ----------
        frame
            Index of the frame.
        prompts
            Its prompts, in data pixels.
        base
            ``(Y, X) bool``: the mask that the prompts correct, or None where there was none.
        window
            The window in which ``base`` was made.
        context
            Other accepted frames of the object.
        nearest
            ``(Y, X) bool``: the object's mask on the nearest frame that shows it, where ``base`` is without it.
        forbidden
            ``(Y, X) bool``: where the object must not be. A mask prompt is the user's own and is not cut.
        """
        ...

    def track(self, owner: ConditioningFrame, context: Sequence[ConditioningFrame], step: Literal[1, -1]) -> Track:
        """Make a track that starts at an accepted frame and goes up (1) or down (-1)."""
        ...

    def advance(
        self, tracks: Sequence[Any], *, forbidden: Sequence[NDArray[np.bool_] | None] | None = None
    ) -> list[Prediction]:
        """Move every track one frame on, in one batch.

        Parameters
        ----------
        tracks
            All are moved, or none where an error is raised.
        forbidden
            One for each track: ``(Y, X) bool``, where its object must not be on the frame that the track moves to, or
            None. Neither the mask nor what the model remembers of it reaches there.
        """
        ...


@runtime_checkable
class ExactVideoStream(Protocol):
    """A model at work on one stack of frames as Meta's predictor works: what it answers follows from the calls so far.

    Prompts on a frame that no pass has come to are answered from the frame alone; elsewhere they correct its mask,
    with the object's memory.
    """

    def answer(self, obj_id: int, frame: int, prompts: PromptSet) -> Prediction:
        """Answer all prompts of a frame, a mask or clicks and box, upon the answer that it has."""
        ...

    def clear(self, obj_id: int, frame: int) -> Prediction | None:
        """Forget the prompts of a frame, which conditions no other any more; its earlier mask, if there is one."""
        ...

    def accept(self, obj_id: int, frame: int, mask: RunLengthMask | None = None) -> None:
        """Let a frame condition all others with this mask, or with the answer that it has."""
        ...

    def release(self, obj_id: int, frame: int) -> None:
        """Take back :meth:`accept`."""
        ...

    def remove(self, obj_id: int) -> None:
        """Forget all of an object."""
        ...

    def prepare(self, obj_id: int) -> None:
        """Begin a pass with what was answered since the last one."""
        ...

    def conditioning(self, obj_id: int) -> list[int]:
        """List the conditioning frames of an object, ascending."""
        ...

    def visit(self, obj_id: int, frame: int, step: Literal[1, -1]) -> tuple[Prediction, bool]:
        """Come to a frame in a pass up (1) or down (-1): its mask, and whether it was tracked just now."""
        ...

    def shown(self, obj_id: int, frame: int) -> Prediction | None:
        """Return the mask that a frame has, if it has one."""
        ...


class VideoPredictor(Protocol):
    """A loaded model."""

    name: str

    @property
    def device(self) -> str:
        """Name of the device that it computes on."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """Return notes for the user, oldest first: another precision than asked for, less at once than hoped for."""
        ...

    @property
    def fingerprint(self) -> str | None:
        """Return what tells its weights from others of the same name; None where nothing does."""
        ...

    @overload
    def open(
        self,
        frames: FrameSource,
        *,
        zoom: Zoom = "auto",
        exact: Literal[False] = False,
        options: TrackingOptions | None = None,
    ) -> VideoStream: ...

    @overload
    def open(
        self, frames: FrameSource, *, zoom: Zoom = "auto", exact: Literal[True], options: None = None
    ) -> ExactVideoStream: ...

    def open(
        self, frames: FrameSource, *, zoom: Zoom = "auto", exact: bool = False, options: TrackingOptions | None = None
    ) -> VideoStream | ExactVideoStream:
        """Begin work on a stack of frames; ``exact``: by the rules of Meta's predictor, which have no options."""
        ...

    def unload(self) -> None:
        """Free the memory of the model; the predictor cannot be used any more."""
        ...
