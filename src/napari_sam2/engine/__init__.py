"""The video models. Importing this package loads no torch; :func:`load_predictor` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from napari_sam2.engine.sam2.video_predictor import Sam2VideoPredictor


def load_predictor(
    name: str | Path = "starter", device: str = "auto", image_size: int | None = None
) -> Sam2VideoPredictor:
    """Load a model; never downloads.

    Parameters
    ----------
    name
        A name of the registry, or the path of a ``.pt`` or ``.safetensors`` checkpoint.
    device
        ``"auto"`` (CUDA, then MPS, then CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
    image_size
        Input size in pixels where the checkpoint cannot tell it; a multiple of 32.

    Raises
    ------
    ModelNotDownloadedError
        If the registry knows the model but it is not on this machine.
    CheckpointError
        If the file is no SAM-2 checkpoint, or damaged.
    """
    from napari_sam2.engine.device import choose_device
    from napari_sam2.engine.sam2.video_predictor import Sam2VideoPredictor
    from napari_sam2.engine.weights import load_model, resolve

    model = load_model(resolve(name), image_size=image_size, device=choose_device(device))
    return Sam2VideoPredictor(model, str(name))
