"""Which device a model runs on, and in which precision.

No global state of torch is touched: precision is that of the weights, there is no autocast, and TF32 and all other
flags stay as the user's process has them.
"""

from __future__ import annotations

import ctypes
import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import torch

from napari_sam2.errors import NapariSam2Error

if TYPE_CHECKING:
    pass

logger = logging.getLogger(__name__)

_BF16_CAPABILITY = (8, 0)  # compute capability from which bfloat16 is native


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
