"""A SAM 2 network as a ``VideoPredictor``."""

from __future__ import annotations

import hashlib
import weakref
from functools import cached_property
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
import torch

from napari_sam2.core.heap import keep_freed_memory
from napari_sam2.engine.device import release_memory
from napari_sam2.engine.sam2.network.config import ZoomPolicy
from napari_sam2.engine.sam2.tracking.embedding_store import Budget, EmbeddingStore
from napari_sam2.engine.sam2.tracking.exact_stream import Sam2ExactStream
from napari_sam2.engine.sam2.tracking.oom_fallback import BatchSizer
from napari_sam2.engine.sam2.tracking.video_stream import Sam2VideoStream
from napari_sam2.errors import NapariSam2Error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_sam2.engine.options import TrackingOptions
    from napari_sam2.engine.protocols import FrameSource, Zoom
    from napari_sam2.engine.sam2.network.model import Sam2Model

_GPU_BATCH = 8
# A CPU gains little from large batches, and each frame of 1024 px takes hundreds of megabytes on the way.
_CPU_BATCH_PIXELS = 8 * 512**2


class Sam2VideoPredictor:
    """A SAM 2 network as a ``VideoPredictor``.

    Parameters
    ----------
    model : Sam2Model
        On its device, in its precision.
    name : str
        What it was loaded as.
    budget : Budget, optional
        Of the embeddings; see `store`.
    notes : sequence of str
        What the user should know from the start.

    Attributes
    ----------
    store : EmbeddingStore
        The embeddings of all stacks that this model worked on; they outlive a session, within their budget.
    batch_sizer : BatchSizer
        How many frames and objects are computed at once.
    """

    def __init__(self, model: Sam2Model, name: str, budget: Budget | None = None, notes: Sequence[str] = ()) -> None:
        self.name = name
        self._model: Sam2Model | None = model
        self.store = EmbeddingStore(model.device, budget)
        keep_freed_memory()
        on_cpu = model.device.type == "cpu"
        batch = max(1, _CPU_BATCH_PIXELS // model.image_size**2) if on_cpu else _GPU_BATCH
        self.batch_sizer = BatchSizer(model.device, self.store, frames_at_once=min(batch, _GPU_BATCH))
        self.batch_sizer.notes.extend(notes)
        self._streams: weakref.WeakSet[Sam2VideoStream | Sam2ExactStream] = weakref.WeakSet()

    @property
    def notes(self) -> list[str]:
        """Return notes for the user: another precision than asked for, less at once than hoped for."""
        return self.batch_sizer.notes

    @property
    def model(self) -> Sam2Model:
        """The network; an error after :meth:`unload`."""
        if self._model is None:
            raise NapariSam2Error(f"The model {self.name!r} was unloaded; load it again with load_predictor.")
        return self._model

    @property
    def is_loaded(self) -> bool:
        """Return whether the network is in memory: True until :meth:`unload`."""
        return self._model is not None

    @property
    def device(self) -> str:
        """Name of the device the network is on."""
        return str(self.model.device)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the names, shapes and values of the weights: says whether two predictors are one model."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    @property
    def precision(self) -> str:
        """``"float32"``, ``"bfloat16"`` or ``"float16"``."""
        return str(self.model.dtype).removeprefix("torch.")

    @overload
    def open(
        self,
        frames: FrameSource,
        *,
        zoom: Zoom = "auto",
        exact: Literal[False] = False,
        options: TrackingOptions | None = None,
    ) -> Sam2VideoStream: ...

    @overload
    def open(
        self, frames: FrameSource, *, zoom: Zoom = "auto", exact: Literal[True], options: None = None
    ) -> Sam2ExactStream: ...

    def open(
        self, frames: FrameSource, *, zoom: Zoom = "auto", exact: bool = False, options: TrackingOptions | None = None
    ) -> Sam2VideoStream | Sam2ExactStream:
        """Begin work on a stack of frames.

        Parameters
        ----------
        frames : FrameSource
            Of planes with more than 4096² pixels only the window is read, where it is a `ReadsParts` too.
        zoom : float, "auto" or None
            Side of the square window over the longer side of the object; "auto": as the model's card says, which is
            the whole frame for Meta's models; None: the whole frame.
        exact : bool
            By the rules of Meta's predictor, without zoom and options.
        options : TrackingOptions, optional
            The defaults change nothing.

        Raises
        ------
        NapariSam2Error
            If the zoom is none of these, or exact mode is asked for together with options.
        """
        if exact:
            if options is not None:
                raise NapariSam2Error("Exact mode works as Meta's predictor does; it takes no tracking options.")
            followed = Sam2ExactStream(self.model, frames, self.store, self.batch_sizer)
            self._streams.add(followed)
            return followed
        policy = self.model.config.zoom
        if zoom is None or (zoom == "auto" and policy is None):
            policy = None
        elif zoom != "auto":
            factor = float(zoom) if isinstance(zoom, int | float) else np.nan
            if not np.isfinite(factor) or factor <= 1:
                raise NapariSam2Error(f"zoom={zoom!r} must be 'auto', None, or a number above 1 (side over object).")
            base = policy or ZoomPolicy(factor=factor, min_side_px=32, click_sides_px=(32, 64, 128, 256, 512))
            policy = ZoomPolicy(factor=factor, min_side_px=base.min_side_px, click_sides_px=base.click_sides_px)
        stream = Sam2VideoStream(self.model, frames, policy, self.store, self.batch_sizer, options)
        self._streams.add(stream)
        return stream

    def unload(self) -> None:
        """Free the memory of the network and of its embeddings, also where sessions still hold on to it.

        Prompts and masks of the sessions stay; they need another model to go on.
        """
        if self._model is None:
            return
        device = self.device
        _ = self.fingerprint  # a session that is saved later has to say which model made its masks
        for stream in list(self._streams):
            stream.close()
        self._model = None
        self.store.clear()
        release_memory(device)
