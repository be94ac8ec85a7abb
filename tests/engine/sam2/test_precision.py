"""Half precision, and what it is compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine import load_predictor
from napari_sam2.engine.catalog.model_files import resolve
from napari_sam2.engine.device import preferred_precision
from napari_sam2.engine.sam2.checkpoint import load_model
from napari_sam2.engine.sam2.precision import self_test, set_precision
from napari_sam2.errors import NapariSam2Error
from napari_sam2.session import VideoSession


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
