"""Random weights that two implementations share: all tensors in use, and an object that is seen to come and go."""

from __future__ import annotations

import re

import numpy as np
import torch
from torch import nn

from benchmarks.clips import Clip, make_clip
from napari_sam2.engine.sam2 import Sam2Model, released_config
from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor

_EMBEDDING = re.compile(r"(_tokens?|_embed|embeddings\.\d|embed_spatial|embed_window|no_obj_ptr|pos_enc)(\.weight)?$")
_MARGIN = 4.0  # object score, above 0 where the object is there and below where it is not
_ROUNDS = 3
_RIDGE = 1.0


def random_model(name: str, size: int, seed: int, device: str = "cpu") -> Sam2Model:
    """Return a released architecture with seeded weights, none of which is 0 or 1 by default.

    Parameters
    ----------
    name : str
        ``"sam2.1-tiny"`` and so on.
    size : int
        Side of the input in pixels.
    """
    model = Sam2Model(released_config(name).with_image_size(size)).eval().requires_grad_(False)
    randomise(model, seed)
    model = model.to(device)
    _teach_presence(model, name, size, seed)
    return model


def randomise(model: nn.Module, seed: int) -> None:
    """Give every tensor random values, those that training starts at 0 or 1 included.

    A norm left at one, or a layer scale left at 1e-6, would hide a wrong name or a forgotten term.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            noise = torch.randn(tensor.shape, generator=generator)
            if "positional_encoding_gaussian_matrix" in name:
                tensor.copy_(noise)
            elif name.endswith("bias"):
                tensor.copy_(0.1 * noise)
            elif "norm" in name or re.search(r"(encoder|output_upscaling|mask_downscaling)\.(1|4|7|10)\.weight", name):
                tensor.copy_(1 + 0.2 * noise)
            elif tensor.ndim == 1 or _EMBEDDING.search(name):
                tensor.copy_(0.5 * noise)
            else:
                # Calmer than the usual scale where large values would sharpen a softmax until it magnifies rounding.
                calm = 0.3 if "neck.convs" in name else 0.5 if re.search(r"[qk]_proj|qkv", name) else 1.0
                tensor.copy_(calm * noise / max(tensor[0].numel(), 1) ** 0.5)


def _teach_presence(model: Sam2Model, name: str, size: int, seed: int) -> None:
    """Fit the last layer of the score of presence so that it tells slices with objects from those without.

    Least squares on the layer's inputs while short clips are tracked. What an absent object leaves in the memory
    changes those inputs, so it is done again with what they are then.
    """
    clips = [make_clip(size, frames=7, objects=2, seed=seed + 1, shown=shown) for shown in (3, 7)]
    head = model.sam_mask_decoder.pred_obj_score_head.layers[-1]
    head.weight.zero_()
    head.bias.fill_(_MARGIN)
    predictor = Sam2VideoPredictor(model, name)
    hidden: list[torch.Tensor] = []
    wanted: list[float] = []
    for _ in range(_ROUNDS):
        for clip in clips:
            vectors, frames = _tracked(predictor, clip, head)
            hidden += vectors
            wanted += [_MARGIN if frame < clip.shown else -_MARGIN for frame in frames]
        inputs, scores = torch.stack(hidden).double().cpu(), torch.tensor(wanted, dtype=torch.float64)
        centre = inputs.mean(0)
        spread = (inputs - centre).T @ (inputs - centre) + _RIDGE * inputs.var() * torch.eye(inputs.shape[1])
        weight = torch.linalg.solve(spread, (inputs - centre).T @ (scores - scores.mean()))
        head.weight.copy_(weight[None])
        head.bias.fill_(float(scores.mean() - centre @ weight))


def _tracked(predictor: Sam2VideoPredictor, clip: Clip, head: nn.Module) -> tuple[list[torch.Tensor], list[int]]:
    """Return the inputs of the last layer of the score, and the frames that they belong to."""
    from benchmarks.ours import Ours

    hidden: list[torch.Tensor] = []
    handle = head.register_forward_hook(lambda _module, inputs, _output: hidden.append(inputs[0].detach().clone()))
    ours = Ours(predictor, clip, stop_when_gone=0, fresh=False)
    try:
        ours.prompt()
        for _ in ours.session.propagate("forward", stop_when_gone=0):
            pass
    finally:
        handle.remove()
    # The prompted slice object by object, once or twice; then the others in order, all objects at once.
    objects = len(clip.boxes)
    rows = [row for batch in hidden for row in batch.float().cpu()]
    tracked = (clip.frames - 1) * objects
    return rows, [0] * (len(rows) - tracked) + [f for f in range(1, clip.frames) for _ in range(objects)]


def presence_is_as_drawn(masks: dict[tuple[int, int], np.ndarray], clip: Clip) -> bool:
    """Return whether the masks are there on exactly the slices that show objects."""
    return all(mask.any() == (frame < clip.shown) for (_, frame), mask in masks.items())
