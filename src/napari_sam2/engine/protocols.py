"""What the session asks of a video model: torch-free protocols and the values that cross the border."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload, runtime_checkable

from napari_sam2.errors import NapariSam2Error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_sam2.core.masks import RunLengthMask
    from napari_sam2.core.prompts import PromptSet

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


@dataclass(frozen=True)
class CropWindow:
    """The part of a frame that the model sees, in data pixels; pixel i spans i … i+1. May reach past the border."""

    y0: float
    x0: float
    y1: float
    x1: float

    @property
    def height(self) -> float:
        """Rows covered."""
        return self.y1 - self.y0

    @property
    def width(self) -> float:
        """Columns covered."""
        return self.x1 - self.x0


@dataclass(frozen=True)
class FrameScores:
    """What the model says about its own mask: predicted IoU (0…1) and object score (logit; above 0: present)."""

    iou: float
    object_score: float


@dataclass(frozen=True)
class FrameResult:
    """One finished frame: the masks ``(Y, X) bool`` and the scores of its objects, by object id.

    A session decodes each mask when it is first asked for.
    """

    frame: int
    masks: Mapping[int, NDArray[np.bool_]]
    scores: dict[int, FrameScores]


@dataclass(frozen=True)
class Prediction:
    """One object's mask on one frame.

    ``logits`` is ``(Y, X) float32`` (above 0: inside), ``window`` what the model saw, ``state`` what the model
    needs to condition on this frame later (opaque to the session).
    """

    logits: NDArray[np.float32]
    scores: FrameScores
    window: CropWindow
    state: Any = None

    @property
    def mask(self) -> NDArray[np.bool_]:
        """``(Y, X) bool``."""
        return self.logits > 0


@dataclass(frozen=True)
class ConditioningFrame:
    """An accepted frame of an object, with the ``state`` that its prediction returned."""

    frame: int
    state: Any


class FrameSource(Protocol):
    """Frames read on demand: ``frames[i]`` is ``(Y, X, C) float32`` in 0…1, C one or three."""

    def __len__(self) -> int:
        """Return the number of frames."""
        ...

    def __getitem__(self, frame: int, /) -> NDArray[np.float32]:
        """Read one frame."""
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
        """
        ...

    def track(self, owner: ConditioningFrame, context: Sequence[ConditioningFrame], step: Literal[1, -1]) -> Track:
        """Make a track that starts at an accepted frame and goes up (1) or down (-1)."""
        ...

    def advance(self, tracks: Sequence[Any]) -> list[Prediction]:
        """Move every track one frame on, in one batch."""
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
        """The conditioning frames of an object, ascending."""
        ...

    def visit(self, obj_id: int, frame: int, step: Literal[1, -1]) -> tuple[Prediction, bool]:
        """Come to a frame in a pass up (1) or down (-1): its mask, and whether it was tracked just now."""
        ...

    def shown(self, obj_id: int, frame: int) -> Prediction | None:
        """The mask that a frame has, if it has one."""
        ...


@runtime_checkable
class EncodesAhead(Protocol):
    """A stream that can compute ahead while nobody waits for it. Ask with ``isinstance``: not every stream can."""

    @property
    def sees_whole_frames(self) -> bool:
        """Whether all objects share one window, the whole frame; else the windows are known only while tracking."""
        ...

    def encode_ahead(
        self,
        frames: Iterable[int],
        window: CropWindow | None = None,
        *,
        cancelled: Callable[[], bool] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Make the embeddings of frames that will be wanted.

        Meant for a thread in the background: requests of other threads go first.

        Parameters
        ----------
        frames
            Indices, in the order in which to make them: from the current frame outwards, or a whole range.
        window
            Through which the frames will be seen; None: the whole frame. Models that zoom need the window of an
            object, which its last `Prediction` tells.
        cancelled
            Asked between frames; True ends it, and what was made is kept.
        progress
            Called with the frames done and to do.

        Returns
        -------
        int
            How many were made; the others were there already.
        """
        ...

    def count_encoded(self, frames: Iterable[int]) -> int:
        """How many of these frames have an embedding of the whole frame already."""
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
        """What the user should know, oldest first: another precision than asked for, less at once than hoped for."""
        ...

    @property
    def fingerprint(self) -> str | None:
        """What tells its weights from others of the same name; None where nothing does."""
        ...

    @overload
    def open(self, frames: FrameSource, *, zoom: Zoom = "auto", exact: Literal[False] = False) -> VideoStream: ...

    @overload
    def open(self, frames: FrameSource, *, zoom: Zoom = "auto", exact: Literal[True]) -> ExactVideoStream: ...

    def open(self, frames: FrameSource, *, zoom: Zoom = "auto", exact: bool = False) -> VideoStream | ExactVideoStream:
        """Begin work on a stack of frames; ``exact``: by the rules of Meta's predictor."""
        ...

    def unload(self) -> None:
        """Free the memory of the model; the predictor cannot be used any more."""
        ...
