"""Run a network in half precision where it gives the same answers as in float32."""

from __future__ import annotations

import copy
import logging
from typing import TYPE_CHECKING

import torch

from napari_sam2.engine.device import preferred_precision
from napari_sam2.errors import NapariSam2Error

if TYPE_CHECKING:
    from napari_sam2.engine.sam2.network.model import Sam2Model

logger = logging.getLogger(__name__)

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
# Of the largest value of each part of the self-test. bfloat16 rounds to 8 bits and ends 0.01 to 0.02 off in networks
# that are in order; one that overflows float16 is off by far more, or not finite.
_SELF_TEST_TOLERANCE = 0.05


def set_precision(model: Sam2Model, asked: str = "auto") -> tuple[Sam2Model, str]:
    """Give a network the precision of its device, or the one that is asked for.

    Parameters
    ----------
    model : Sam2Model
        In float32, on its device.
    asked : str
        ``"auto"``, ``"float32"``, ``"bfloat16"`` or ``"float16"``.

    Returns
    -------
    model : Sam2Model
        In the chosen precision; in float32 where the chosen one fails the self-test.
    note : str
        What the user should know about it; empty where all is as asked.

    Raises
    ------
    NapariSam2Error
        Where the precision has another name.
    """
    if asked != "auto" and asked not in PRECISIONS:
        raise NapariSam2Error(f"There is no precision {asked!r}; choose one of: auto, {', '.join(PRECISIONS)}.")
    name = preferred_precision(str(model.device)) if asked == "auto" else asked
    if name == "float32":
        return model, ""
    half = copy.deepcopy(model).to(PRECISIONS[name])
    error = self_test(model, half)
    if error <= _SELF_TEST_TOLERANCE:
        return half, ""
    why = "gives values that are not finite" if error == float("inf") else f"is off by {error:.0%}"
    note = f"{name} {why} with this model on {model.device}; it runs in float32, slower but right."
    logger.warning("%s", note)
    return model, note


@torch.inference_mode()
def self_test(model: Sam2Model, half: Sam2Model) -> float:
    """Compare a network with its copy in half precision, on a synthetic picture and through all its parts.

    Each part gets what the float32 network gives it, so that one part's rounding is not taken for the next one's.

    Returns
    -------
    float
        The largest difference, over the largest value of the same tensor; ``inf`` where anything is not finite.
    """
    size, device = model.config.image_size, model.device
    y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    disc = (x**2 + y**2 < 0.25).float()
    picture = (2 * disc - 1 + 0.3 * torch.sin(40 * x) * torch.sin(40 * y)).expand(1, 3, -1, -1).to(device)
    points = torch.tensor([[[size / 2, size / 2]]], device=device)
    labels = torch.ones(1, 1, dtype=torch.int32, device=device)
    mask = (20 * disc - 10)[None, None].to(device)
    worst = 0.0

    def compare(ours: torch.Tensor, theirs: torch.Tensor) -> None:
        nonlocal worst
        ours, theirs = ours.float(), theirs.float()
        difference = float((ours - theirs).abs().max() / ours.abs().max().clamp(min=1e-6))
        worst = max(worst, difference) if torch.isfinite(theirs).all() else float("inf")

    full, small = model.encode_image(picture), half.encode_image(picture)
    for wanted, got in ((full.s16, small.s16), (full.s8, small.s8), (full.s4, small.s4)):
        compare(wanted, got)
    cast = type(full)(*(t.to(half.dtype) for t in (full.s16, full.s8, full.s4)))
    score = torch.ones(1, 1, device=device)
    memory = model.encode_memory(full.s16, mask, score, binarise=False)
    compare(memory, half.encode_memory(cast.s16, mask, score, binarise=False))
    tokens = memory.flatten(2).transpose(1, 2)
    place = model.memory_position_encoding(*memory.shape[-2:]).flatten(2).transpose(1, 2)
    conditioned = model.condition_on_memory(full.s16, tokens, place, 0)
    compare(conditioned, half.condition_on_memory(cast.s16, tokens, place, 0))
    wanted_mask = model.decode(conditioned, full.s8, full.s4, points, labels, None, multimask=True)
    got_mask = half.decode(conditioned.to(half.dtype), cast.s8, cast.s4, points, labels, None, multimask=True)
    compare(wanted_mask.all_logits, got_mask.all_logits)
    return worst
