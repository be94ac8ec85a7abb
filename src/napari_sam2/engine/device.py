"""Which device a model runs on."""

from __future__ import annotations

import torch

from napari_sam2.errors import NapariSam2Error


def choose_device(name: str = "auto") -> str:
    """Resolve ``"auto"`` to the best device there is, and check a named one.

    Raises
    ------
    NapariSam2Error
        If the device does not exist here; the text lists those that do.
    """
    present = available_devices()
    if name == "auto":
        return present[0]
    if name in present or name.split(":")[0] in present:
        return name
    raise NapariSam2Error(f"There is no device {name!r} here; choose one of: auto, {', '.join(present)}.")


def available_devices() -> list[str]:
    """Names of the devices of this machine, the fastest first."""
    devices = ["cuda"] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        devices.append("mps")
    return [*devices, "cpu"]
