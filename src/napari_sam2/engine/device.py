"""Which device a model runs on, and in which precision.

No global state of torch is touched: precision is that of the weights, there is no autocast, and TF32 and all other
flags stay as the user's process has them.
"""

from __future__ import annotations

import copy
import ctypes
import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import torch

from napari_sam2.errors import NapariSam2Error

if TYPE_CHECKING:
    from napari_sam2.engine.sam2.network.model import Sam2Model

logger = logging.getLogger(__name__)

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_BF16_CAPABILITY = (8, 0)  # compute capability from which bfloat16 is native
# Of the largest value of each part of the self-test. bfloat16 rounds to 8 bits and ends 0.01 to 0.02 off in networks
# that are in order; one that overflows float16 is off by far more, or not finite.
_SELF_TEST_TOLERANCE = 0.05


@dataclass(frozen=True)
class Device:
    """A device of this machine.

    Attributes
    ----------
    name : str
        What torch and `choose_device` take.
    title : str
        For menus.
    memory : int or None
        Bytes in all; None where the system does not tell.
    """

    name: str
    title: str
    memory: int | None


def list_devices() -> list[Device]:
    """Return the devices of this machine, the fastest first; every GPU has an entry of its own."""
    devices = []
    if torch.cuda.is_available():
        count = torch.cuda.device_count()
        for index in range(count):
            properties = torch.cuda.get_device_properties(index)
            name = "cuda" if count == 1 else f"cuda:{index}"
            devices.append(Device(name, properties.name, int(properties.total_memory)))
    if torch.backends.mps.is_available():
        devices.append(Device("mps", "Apple GPU", None))
    return [*devices, Device("cpu", "CPU", int(psutil.virtual_memory().total))]


def available_devices() -> list[str]:
    """Names of the devices of this machine, the fastest first."""
    return [device.name for device in list_devices()]


def choose_device(name: str = "auto") -> str:
    """Resolve ``"auto"`` to the best device there is, and check a named one.

    Parameters
    ----------
    name : str
        ``"auto"``, ``"cpu"``, ``"mps"``, ``"cuda"`` (the first GPU), or ``"cuda:n"``.

    Raises
    ------
    NapariSam2Error
        If the device does not exist here; the text lists those that do.
    """
    present = available_devices()
    if name == "auto":
        return present[0]
    gpus = [device for device in present if device.startswith("cuda")]
    if name in present or (name in ("cuda", "cuda:0") and gpus):
        return name
    raise NapariSam2Error(f"There is no device {name!r} here; choose one of: auto, {', '.join(present)}.")


def free_memory(device: str) -> int | None:
    """Return the bytes that are free on a device; None where the system does not tell."""
    kind = torch.device(device).type
    if kind == "cuda":
        return int(torch.cuda.mem_get_info(torch.device(device))[0])
    if kind == "mps":
        used, most = torch.mps.driver_allocated_memory(), torch.mps.recommended_max_memory()
        return max(int(most) - int(used), 0)
    return int(psutil.virtual_memory().available)


def release_memory(device: str) -> None:
    """Give freed memory back to the system, where torch or the C library keep it for themselves."""
    kind = torch.device(device).type
    if kind == "cuda":
        torch.cuda.empty_cache()
    elif kind == "mps":
        torch.mps.empty_cache()
    # glibc keeps freed blocks of up to 32 MB, which most weights are, until it is told to give them back.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def preferred_precision(device: str) -> str:
    """Return the precision to try first on a device.

    bfloat16 on GPUs that have it, float16 on older ones and on MPS, float32 on a CPU.
    """
    kind = torch.device(device).type
    if kind == "cuda":
        native = torch.cuda.get_device_capability(torch.device(device)) >= _BF16_CAPABILITY
        return "bfloat16" if native else "float16"
    return "float16" if kind == "mps" else "float32"


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
