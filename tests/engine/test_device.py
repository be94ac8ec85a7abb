"""The choice of device and precision. No GPU is needed: decisions are tested with fakes, precisions on the CPU."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine import load_predictor
from napari_sam2.engine.catalog.model_files import resolve
from napari_sam2.engine.device import choose_device, free_memory, list_devices, preferred_precision
from napari_sam2.engine.sam2.checkpoint import load_model
from napari_sam2.engine.sam2.precision import self_test, set_precision
from napari_sam2.errors import NapariSam2Error
from napari_sam2.session import VideoSession


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Pretend to have GPUs of these names; ``capability`` is what all of them have."""

    def have(*names: str, capability: tuple[int, int] = (8, 0)) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(names))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(names))
        monkeypatch.setattr(
            torch.cuda, "get_device_properties", lambda i: SimpleNamespace(name=names[i], total_memory=8 * 1024**3)
        )
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)

    have()
    return have


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


@pytest.mark.parametrize(("capability", "wanted"), [((9, 0), "bfloat16"), ((8, 0), "bfloat16"), ((7, 5), "float16")])
def test_precision_of_gpus(gpus: Any, capability: tuple[int, int], wanted: str) -> None:
    gpus("some", capability=capability)
    assert preferred_precision("cuda") == wanted
    assert preferred_precision("cpu") == "float32"


def test_self_test_passes_in_half_precision_and_fails_where_float16_overflows() -> None:
    model = load_model(resolve("starter"))
    half, note = set_precision(model, "float16")
    assert (half.dtype, note) == (torch.float16, "")
    assert model.dtype == torch.float32, "the network that was given is left as it is"
    with torch.no_grad():
        # The next layer takes the factor out again, so float32 is none the worse.
        encoder = model.memory_encoder
        encoder.out_proj.weight.mul_(1e6)
        encoder.out_proj.bias.mul_(1e6)
    same, note = set_precision(model, "float16")
    assert same is model
    assert note.startswith("float16 gives values that are not finite with this model on cpu; it runs in float32")
    with torch.no_grad():
        encoder.out_proj.weight.mul_(1e-6)
        encoder.out_proj.bias.mul_(1e-6)
    assert 0 < self_test(model, half) < 0.01


def test_unknown_precision() -> None:
    with pytest.raises(NapariSam2Error, match="no precision 'int4'; choose one of: auto, float32"):
        load_predictor("starter", device="cpu", precision="int4")


def test_precision_on_a_cpu_is_float32_unless_asked() -> None:
    assert load_predictor("starter", device="cpu").precision == "float32"
    assert load_predictor("starter", device="cpu", precision="bfloat16").precision == "bfloat16"


def _flags() -> dict[str, Any]:
    """Global state of torch that a library must leave alone."""
    return {
        "autocast": [torch.is_autocast_enabled(kind) for kind in ("cpu", "cuda", "mps")],
        "autocast dtype": torch.get_autocast_dtype("cpu"),
        "autocast cache": torch.is_autocast_cache_enabled(),
        "matmul precision": torch.get_float32_matmul_precision(),
        "matmul tf32": torch.backends.cuda.matmul.allow_tf32,
        "cudnn tf32": torch.backends.cudnn.allow_tf32,
        "cudnn benchmark": torch.backends.cudnn.benchmark,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "gradients": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "threads": torch.get_num_threads(),
        "flash": torch.backends.cuda.flash_sdp_enabled(),
        "seed": torch.initial_seed(),
        "numpy": np.geterr(),
    }


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_half_precision_changes_no_mask_and_no_global_state(precision: str) -> None:
    rng = np.random.default_rng(3)
    yy, xx = np.mgrid[:120, :140]
    picture = np.where((yy - 60) ** 2 + (xx - 70) ** 2 < 30**2, 0.75, 0.3)
    volume = ImageVolume(
        np.stack([picture + rng.normal(0, 0.04, yy.shape) for _ in range(6)]).astype(np.float32),
        axes="zyx",
        window=(0, 1),
    )
    before, random = _flags(), torch.get_rng_state()
    masks, inside = [], []
    for kind in ("float32", precision):
        session = VideoSession(load_predictor("starter", device="cpu", precision=kind), volume)
        session.add_box(1, 2, (28, 38, 93, 103))
        for _ in session.propagate():
            inside.append(_flags())
        masks.append(session.labels() == 1)
    assert _flags() == before
    assert all(flags == before for flags in inside)
    assert torch.equal(torch.get_rng_state(), random)
    assert (masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum() > 0.99
