"""Finding and reading checkpoints, and what is said where they cannot be used."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from napari_sam2.engine.catalog.model_files import resolve
from napari_sam2.engine.catalog.registry import MODELS
from napari_sam2.engine.sam2 import Sam2Model, released_config
from napari_sam2.engine.sam2.checkpoint import load_model, read_checkpoint
from napari_sam2.errors import CheckpointError
from support.networks import SMALL


def test_starter_loads_in_float32_without_gradients() -> None:
    model = load_model(resolve("starter"))
    assert not model.training
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert {p.device.type for p in model.parameters()} == {"cpu"}
    assert not any(p.requires_grad for p in model.parameters())
    assert model.image_size == MODELS["starter"].input_size == 224
    assert sum(p.numel() for p in model.parameters()) == MODELS["starter"].parameters
    assert resolve("starter").stat().st_size == MODELS["starter"].size_bytes
    config = model.config
    assert config.pixel_mean == (0.45,) * 3
    assert config.zoom is not None
    assert config.zoom.click_sides_px == (32, 64, 128, 256, 512)
    assert config.prompt_residual
    assert not config.dynamic_multimask_via_stability


def test_safetensors_with_configuration(small_file: Path, small: dict[str, Any]) -> None:
    config, state_dict = read_checkpoint(small_file)
    assert (config.name, config.embed_dim) == ("small", 16)
    assert set(state_dict) == set(small)
    model = load_model(small_file, image_size=96)
    assert model.image_size == 96
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, small[name]), name


def test_torch_file_of_a_released_size_needs_no_configuration(tmp_path: Path) -> None:
    state_dict = dict(Sam2Model(released_config("sam2.1-tiny")).state_dict())
    for filename, size in (("mine.pt", 1024), ("MedSAM2_latest.pt", 512)):
        path = tmp_path / filename
        torch.save({"model": state_dict}, path)
        model = load_model(path)
        assert model.config.name == "sam2.1-tiny"
        assert model.image_size == size
        path.unlink()


def test_network_for_single_images_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.safetensors"
    save_file({"vision_encoder.backbone.patch_embed.projection.weight": torch.zeros(96, 3, 7, 7)}, path)
    with pytest.raises(CheckpointError, match=r"image\.safetensors cannot be used: .* single images"):
        load_model(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no checkpoint file .*nothing\.pt"):
        load_model(tmp_path / "nothing.pt")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_truncated_and_empty_files(tmp_path: Path, small: dict[str, Any], suffix: str) -> None:
    whole = tmp_path / f"whole{suffix}"
    if suffix == ".pt":
        torch.save({"model": small}, whole)
    else:
        save_file(small, whole, metadata={"config": json.dumps(SMALL)})
    data = whole.read_bytes()
    for name, part in (("cut", data[: len(data) // 2]), ("empty", b""), ("text", b"not a model at all" * 10)):
        path = tmp_path / f"{name}{suffix}"
        path.write_bytes(part)
        with pytest.raises(CheckpointError, match=rf"{name}\{suffix} (is|cannot)"):
            read_checkpoint(path)


class _Payload:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("touched_by_checkpoint"),))


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "harmful.pt"
    torch.save({"model": _Payload()}, path)
    with pytest.raises(CheckpointError, match=r"harmful\.pt .* not read for safety"):
        read_checkpoint(path)
    assert not (tmp_path / "touched_by_checkpoint").exists()


@pytest.mark.parametrize("content", [{"weights": {}}, {"model": [1, 2]}, [1, 2], {"model": {"a": 1}}])
def test_torch_files_that_hold_something_else(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "other.pt"
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=r"other\.pt is not a SAM 2 checkpoint"):
        read_checkpoint(path)


def test_other_networks(tmp_path: Path) -> None:
    path = tmp_path / "resnet.pt"
    torch.save({"model": {"conv1.weight": torch.zeros(3)}}, path)
    with pytest.raises(CheckpointError, match=r"resnet\.pt cannot be used: its tensors are not those of a SAM 2"):
        load_model(path)


def test_broken_configuration(tmp_path: Path, small: dict[str, Any]) -> None:
    path = tmp_path / "broken.safetensors"
    save_file(small, path, metadata={"config": "{not json"})
    with pytest.raises(CheckpointError, match=r"broken\.safetensors cannot be used"):
        read_checkpoint(path)


def test_tensors_that_do_not_fit_are_listed(tmp_path: Path, small: dict[str, Any]) -> None:
    del small["no_obj_ptr"]
    small["extra.weight"] = torch.zeros(2)
    small["no_mem_embed"] = torch.zeros(1, 1, 7)
    path = tmp_path / "odd.safetensors"
    save_file(small, path, metadata={"config": json.dumps(SMALL)})
    with pytest.raises(CheckpointError) as caught:
        load_model(path)
    text = str(caught.value)
    assert "odd.safetensors does not fit" in text
    assert "1 missing tensors (no_obj_ptr)" in text
    assert "1 unexpected tensors (extra.weight)" in text
    assert "no_mem_embed is (1, 1, 7) instead of (1, 1, 32)" in text


def test_bad_image_size(small_file: Path) -> None:
    with pytest.raises(CheckpointError, match=r"small\.safetensors cannot be loaded: image_size .* 100"):
        load_model(small_file, image_size=100)


def test_a_file_with_its_own_configuration_is_read_by_it(tmp_path: Path) -> None:
    """An earlier starter keeps its input size, although the file has the name of a known model."""
    with safe_open(resolve("starter"), framework="pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        config = json.loads(file.metadata()["config"])
    path = tmp_path / "starter.safetensors"
    save_file(tensors, path, metadata={"config": json.dumps({**config, "image_size": 192})})
    assert load_model(path).image_size == 192
    assert load_model(path, image_size=256).image_size == 256


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_numbers_that_are_not_finite_are_refused(tmp_path: Path, small: dict[str, Any], value: float, dtype) -> None:
    key = sorted(small)[3]
    spoiled = {name: tensor.to(dtype) for name, tensor in small.items()}
    spoiled[key].view(-1)[0] = value
    save_file(spoiled, tmp_path / "a.safetensors", metadata={"config": json.dumps(SMALL)})
    with pytest.raises(CheckpointError, match=rf"a\.safetensors cannot be used: its tensor {re.escape(key)} holds"):
        load_model(tmp_path / "a.safetensors")


def test_large_numbers_that_are_finite_are_fine(tmp_path: Path, small: dict[str, Any]) -> None:
    key = max(small, key=lambda name: small[name].numel())
    large = {**small, key: torch.full_like(small[key], 3e38)}
    save_file(large, tmp_path / "a.safetensors", metadata={"config": json.dumps(SMALL)})
    assert load_model(tmp_path / "a.safetensors").state_dict()[key].max() == torch.tensor(3e38)


def test_a_file_that_the_disk_does_not_give_is_not_called_truncated(
    small_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("napari_sam2.engine.sam2.checkpoint.safe_open", refuse)
    with pytest.raises(CheckpointError, match="cannot be read: Input/output error"):
        read_checkpoint(small_file)


def test_loading_a_model_draws_no_weights_and_does_not_import_the_compiler() -> None:
    code = (
        "import sys; from napari_sam2.engine import load_predictor; load_predictor('starter', 'cpu');"
        "print('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
