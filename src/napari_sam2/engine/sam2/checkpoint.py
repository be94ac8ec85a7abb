"""Reads checkpoints and makes networks of them."""

from __future__ import annotations

import json
import logging
import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.overrides import TorchFunctionMode

from napari_sam2.core.paths import checked_path
from napari_sam2.engine.catalog.model_files import check_checkpoint
from napari_sam2.engine.catalog.registry import find_by_filename
from napari_sam2.engine.sam2.network.config import Sam2Config
from napari_sam2.engine.sam2.network.hf_state_dict import from_hf_names, is_hf_layout
from napari_sam2.engine.sam2.network.model import Sam2Model
from napari_sam2.engine.sam2.network.released_configs import infer_config
from napari_sam2.errors import CheckpointError

logger = logging.getLogger(__name__)

_LISTED = 4


def read_checkpoint(path: str | os.PathLike[str]) -> tuple[Sam2Config, dict[str, Tensor]]:
    """Read a checkpoint's configuration and tensors.

    Parameters
    ----------
    path : path
        A ``.safetensors`` file, with the configuration as JSON in its metadata (key ``config``) or with the shapes of
        a released network, in Meta's names or those of transformers' ``Sam2VideoModel``; or a torch file
        ``{"model": state_dict}``.

    Returns
    -------
    config : Sam2Config
        That of the file. Where it has none, with the input size of the known model with this file name: MedSAM2 has the
        tensors of sam2.1-tiny, but wants 512.
    state_dict : dict of str to Tensor
        In the file's own dtype, on the CPU.

    Raises
    ------
    CheckpointError
        Where the file is missing, truncated, or no SAM 2 checkpoint.
    """
    path = checked_path(path, CheckpointError)
    check_checkpoint(path)
    metadata: Mapping[str, str] = {}
    if path.suffix.lower() == ".safetensors":
        state_dict, metadata = _read_safetensors(path)
    else:
        state_dict = _read_torch(path)
    try:
        if "config" in metadata:
            config = Sam2Config.from_json(json.loads(metadata["config"]), name=path.stem)
        elif is_hf_layout(state_dict):
            config, state_dict = from_hf_names(state_dict)
        else:
            config = infer_config(state_dict)
        entry = find_by_filename(path.name)
        if "config" not in metadata and entry is not None and entry.input_size is not None:
            config = config.with_image_size(entry.input_size)
    except ValueError as error:  # JSON errors are ValueErrors, too
        raise CheckpointError(f"{path} cannot be used: {error}.") from error
    return config, state_dict


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], Mapping[str, str]]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except OSError as error:
        raise _unreadable(path, error) from error
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"{path} is truncated or not a safetensors file ({error}).") from error


def _unreadable(path: Path, error: OSError) -> CheckpointError:
    return CheckpointError(f"{path} cannot be read: {error.strerror or error}. Check that its drive is there.")


def _read_torch(path: Path) -> dict[str, Tensor]:
    # Only tensors and plain containers are read: a checkpoint from the internet must not run code, so a file that
    # wants more is refused rather than read in the unsafe way.
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} is not a torch checkpoint, or holds more than tensors, which is not read for safety."
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    except (RuntimeError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{path} is truncated or not a torch checkpoint.") from error
    model = data.get("model") if isinstance(data, dict) else None
    if not isinstance(model, dict) or not all(isinstance(value, Tensor) for value in model.values()):
        raise CheckpointError(f"{path} is not a SAM 2 checkpoint: it has no tensors under the key 'model'.")
    return {str(key): value for key, value in model.items()}


class _NothingRandom(TorchFunctionMode):
    """Draws no random numbers for weights that are about to come from a file.

    On the meta device there is nothing to draw, and torch would import its compiler for it, which takes seconds.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return (torch.empty if func is torch.randn else func)(*args, **kwargs)


def load_model(
    path: str | os.PathLike[str], image_size: int | None = None, device: torch.device | str = "cpu"
) -> Sam2Model:
    """Load a network for inference.

    Parameters
    ----------
    path : path
        See `read_checkpoint`; `napari_sam2.engine.catalog.model_files.resolve` turns a name into a path.
    image_size : int, optional
        Side of the network's input in pixels, a multiple of 32; by default that of `read_checkpoint`.
    device : torch.device or str
        Where the weights go; nothing is allocated elsewhere but on the CPU.

    Returns
    -------
    Sam2Model
        In float32 and evaluation mode, without gradients.

    Raises
    ------
    CheckpointError
        Where the file cannot be used; the text names the file and what is wrong.
    """
    path = Path(path)
    config, state_dict = read_checkpoint(path)
    if image_size is not None:
        try:
            config = config.with_image_size(image_size)
        except ValueError as error:
            raise CheckpointError(f"{path} cannot be loaded: {error}.") from error
    # On the meta device no weights are made only to be overwritten.
    with torch.device("meta"), _NothingRandom():
        model = Sam2Model(config)
    _check_tensors(path, model.state_dict(), state_dict)
    _check_finite(path, state_dict)
    weights = {key: value.to(device=device, dtype=torch.float32) for key, value in state_dict.items()}
    model.load_state_dict(weights, assign=True)
    logger.info("loaded %s (%s, input %d px)", path.name, config.name, config.image_size)
    return model.eval().requires_grad_(False)


def _check_tensors(path: Path, wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> None:
    missing = [key for key in wanted if key not in given]
    unexpected = [key for key in given if key not in wanted]
    misshapen = [
        f"{key} is {tuple(given[key].shape)} instead of {tuple(wanted[key].shape)}"
        for key in wanted
        if key in given and given[key].shape != wanted[key].shape
    ]
    problems = [
        f"{len(names)} {what} ({_few(names)})"
        for what, names in (
            ("missing tensors", missing),
            ("unexpected tensors", unexpected),
            ("tensors of a wrong shape", misshapen),
        )
        if names
    ]
    if problems:
        raise CheckpointError(f"{path} does not fit the network: {'; '.join(problems)}.")


def _check_finite(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Refuse numbers with which every mask would be empty: a training that diverged, or a damaged file."""
    for key, value in tensors.items():
        # NaN and infinities go through a sum, which is quick; a sum may also overflow.
        if value.is_floating_point() and not value.sum(dtype=torch.float32).isfinite() and not value.isfinite().all():
            raise CheckpointError(f"{path} cannot be used: its tensor {key} holds values that are not finite.")


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:_LISTED])
    return f"{shown}, …" if len(names) > _LISTED else shown
