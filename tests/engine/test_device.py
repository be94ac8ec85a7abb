"""The choice of device and precision. No GPU is needed: decisions are tested with fakes, precisions on the CPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from napari_sam2.engine.device import choose_device, free_memory, list_devices, preferred_precision
from napari_sam2.errors import NapariSam2Error


@pytest.fixture
def apple(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)


def test_cpu_alone(gpus: Any) -> None:
    (cpu,) = list_devices()
    assert (cpu.name, cpu.title) == ("cpu", "CPU")
    assert cpu.memory is not None
    free = free_memory("cpu")
    assert free is not None
    assert 0 < free < cpu.memory
    assert choose_device() == "cpu"


def test_one_gpu(gpus: Any) -> None:
    gpus("T4")
    assert [d.name for d in list_devices()] == ["cuda", "cpu"]
    assert choose_device() == choose_device("cuda") == "cuda"
    assert choose_device("cuda:0") == "cuda:0"
    with pytest.raises(NapariSam2Error, match=r"no device 'cuda:1' here; choose one of: auto, cuda, cpu"):
        choose_device("cuda:1")


def test_several_gpus(gpus: Any) -> None:
    gpus("A100", "T4")
    assert [(d.name, d.title) for d in list_devices()] == [("cuda:0", "A100"), ("cuda:1", "T4"), ("cpu", "CPU")]
    assert choose_device() == "cuda:0"
    assert choose_device("cuda:1") == "cuda:1"
    assert choose_device("cuda") == "cuda"
    with pytest.raises(NapariSam2Error, match="cuda:2"):
        choose_device("cuda:2")


def test_apple(gpus: Any, apple: None) -> None:
    assert choose_device() == "mps"
    assert preferred_precision("mps") == "float16"


@pytest.mark.parametrize("name", ["cuda", "mps", "abacus", "cpu:1", ""])
def test_devices_that_are_not_there(gpus: Any, name: str) -> None:
    with pytest.raises(NapariSam2Error, match="choose one of: auto, cpu"):
        choose_device(name)
