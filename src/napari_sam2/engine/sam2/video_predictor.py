"""A SAM 2 network as a ``VideoPredictor``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_sam2.engine.sam2.config import ZoomPolicy
from napari_sam2.engine.sam2.embeddings import DEFAULT_BUDGET
from napari_sam2.engine.sam2.video_stream import Sam2VideoStream
from napari_sam2.errors import NapariSam2Error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_sam2.engine.predictor import FrameSource, Zoom
    from napari_sam2.engine.sam2.model import Sam2Model


class Sam2VideoPredictor:
    """A SAM 2 network as a ``VideoPredictor``.

    Attributes
    ----------
    name : str
        What it was loaded as.
    notes : list of str
        What the user should know: another precision than asked for, less memory than hoped for.
    """

    def __init__(
        self, model: Sam2Model, name: str, cache_bytes: int = DEFAULT_BUDGET, notes: Sequence[str] = ()
    ) -> None:
        self.name = name
        self.notes = list(notes)
        self.cache_bytes = cache_bytes
        self._model: Sam2Model | None = model

    @property
    def model(self) -> Sam2Model:
        """The network; an error after :meth:`unload`."""
        if self._model is None:
            raise NapariSam2Error(f"The model {self.name!r} was unloaded; load it again with load_predictor.")
        return self._model

    @property
    def device(self) -> str:
        """Name of the device the network is on."""
        return str(self.model.device)

    @property
    def precision(self) -> str:
        """``"float32"``, ``"bfloat16"`` or ``"float16"``."""
        return str(self.model.dtype).removeprefix("torch.")

    def open(self, frames: FrameSource, *, zoom: Zoom = "auto", exact: bool = False) -> Sam2VideoStream:
        """Begin work on a stack of frames."""
        policy = self.model.config.zoom
        if exact or zoom is None or (zoom == "auto" and policy is None):
            policy = None
        elif zoom != "auto":
            factor = float(zoom)
            if not np.isfinite(factor) or factor <= 1:
                raise NapariSam2Error(f"zoom={zoom!r} must be 'auto', None, or a number above 1 (side over object).")
            base = policy or ZoomPolicy(factor=factor, min_side_px=32, click_sides_px=(32, 64, 128, 256, 512))
            policy = ZoomPolicy(factor=factor, min_side_px=base.min_side_px, click_sides_px=base.click_sides_px)
        return Sam2VideoStream(self.model, frames, policy, exact, self.cache_bytes)

    def unload(self) -> None:
        """Free the network's memory."""
        on_cuda = self._model is not None and self._model.device.type == "cuda"
        self._model = None
        if on_cuda:
            torch.cuda.empty_cache()
