"""The video models. Importing this package loads no torch; :func:`load_predictor` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor


def load_predictor(
    name: str | Path = "starter", device: str = "auto", image_size: int | None = None, precision: str = "auto"
) -> Sam2VideoPredictor:
    """Load a model; never downloads.

    Parameters
    ----------
    name
        A name of the registry or of the user's settings, or the path of a ``.pt`` or ``.safetensors`` checkpoint.
    device
        ``"auto"`` (CUDA, then MPS, then CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
    image_size
        Input size in pixels where the checkpoint cannot tell it; a multiple of 32.
    precision
        ``"auto"``: bfloat16 on GPUs that have it, float16 on older ones and on MPS, float32 on a CPU; or one of these
        by name. Half precision is compared with float32 at load, and float32 taken where they differ (see ``notes``).

    Raises
    ------
    ModelNotDownloadedError
        If the registry knows the model but it is not on this machine.
    CheckpointError
        If the file is no SAM-2 checkpoint, or damaged: a downloaded one is compared with the hub's checksum each time.
    """
    from napari_sam2.engine.catalog.model_files import check_integrity, resolve
    from napari_sam2.engine.catalog.registry import known_models
    from napari_sam2.engine.device import choose_device
    from napari_sam2.engine.sam2.checkpoint import load_model
    from napari_sam2.engine.sam2.precision import set_precision
    from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor

    path, entry = resolve(name), known_models().get(str(name))
    if entry is not None:
        check_integrity(entry)
        image_size = entry.input_size if image_size is None else image_size
    model = load_model(path, image_size=image_size, device=choose_device(device))
    model, note = set_precision(model, precision)
    return Sam2VideoPredictor(model, str(name), notes=[note] if note else [])
