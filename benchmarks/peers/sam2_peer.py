"""The video predictor of PyPI's sam2 1.1.0, Meta's code of December 2024."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from unittest import mock

import torch

from benchmarks.clips import Clip
from benchmarks.ours import Masks
from benchmarks.peers.pixels import normalised
from napari_sam2.engine.sam2 import Sam2Model

_YAML = {"tiny": "t", "small": "s", "base-plus": "b+", "large": "l"}


class Sam2Peer:
    """See `benchmarks.peers.load`."""

    name = "sam2"

    def __init__(self, model: Sam2Model, precision: str = "float32", compiled: bool = False) -> None:
        from importlib.metadata import version

        from sam2.build_sam import build_sam2_video_predictor

        release, _, size = model.config.name.partition("-")
        self.version = version("sam2") + (", compiled" if compiled else "")
        self.predictor = build_sam2_video_predictor(
            f"configs/{release}/{release}_hiera_{_YAML[size]}.yaml",
            device=str(model.device),
            hydra_overrides_extra=[f"++model.image_size={model.image_size}"],
            vos_optimized=compiled,
        )
        self.predictor.load_state_dict(model.state_dict(), strict=True)
        self.source = model
        self.precision = precision

    def start(self, clip: Clip) -> Sam2Run:
        """Begin with a clip."""
        return Sam2Run(self, clip)

    def autocast(self) -> AbstractContextManager[Any]:
        """As its notebooks do."""
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(self.source.device.type, dtype=getattr(torch, self.precision))


class Sam2Run:
    """One inference state."""

    def __init__(self, peer: Sam2Peer, clip: Clip) -> None:
        from sam2 import sam2_video_predictor

        self._module = sam2_video_predictor
        self._peer, self._clip = peer, clip
        pixels = normalised(peer.source, clip).to(peer.source.device)
        size = clip.array.shape[1:]
        # It takes files alone: the slices are put where it would have read them.
        with self._quiet(), mock.patch.object(self._module, "load_video_frames", return_value=(pixels, *size)):
            self._state = peer.predictor.init_state("no file")

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        with (
            torch.inference_mode(),
            self._peer.autocast(),
            mock.patch.object(self._module, "tqdm", lambda frames, **_: frames),
        ):
            yield

    def first(self) -> Masks:
        """Prompt every object by a box on the first slice, and propagate."""
        with self._quiet():
            for index, (y0, x0, y1, x1) in enumerate(self._clip.boxes):
                self._peer.predictor.add_new_points_or_box(self._state, 0, index + 1, box=[x0, y0, x1, y1])
            return self._propagate()

    def again(self) -> Masks:
        """Correct the first object by a click on the middle slice, and propagate again."""
        y, x = self._clip.clicks[0]
        with self._quiet():
            self._peer.predictor.add_new_points_or_box(
                self._state, self._clip.corrected, 1, points=[[x, y]], labels=[1]
            )
            return self._propagate()

    def _propagate(self) -> Masks:
        masks: Masks = {}
        for frame, ids, logits in self._peer.predictor.propagate_in_video(self._state):
            for obj_id, mask in zip(ids, (logits[:, 0] > 0).cpu().numpy(), strict=True):
                masks[obj_id, frame] = mask
        return masks
