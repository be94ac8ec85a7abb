"""The video models. Importing this package loads no torch; :func:`load_predictor` does."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from napari_sam2.engine.remote.connection import is_remote

if TYPE_CHECKING:
    from pathlib import Path

    from napari_sam2.engine.protocols import VideoPredictor


class Loader(Protocol):
    """A function that loads the models of one family."""

    def __call__(self, path: Path, name: str, device: str, image_size: int | None, precision: str) -> VideoPredictor:
        """Load the checkpoint ``path``; the other parameters are those of `load_predictor`."""
        ...


LOADERS: dict[str, str] = {"sam2": "napari_sam2.engine.sam2.loader"}
"""By family (`ModelEntry.family`): the module whose ``load`` is the family's `Loader`. Imported when it is needed."""


def load_predictor(
    name: str | Path = "starter", device: str = "auto", image_size: int | None = None, precision: str = "auto"
) -> VideoPredictor:
    """Load a model; never downloads.

    Parameters
    ----------
    name
        A name of the registry or of the user's settings, or the path of a ``.pt`` or ``.safetensors`` checkpoint.
    device
        ``"auto"`` (CUDA, then MPS, then CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``; or ``"dask://HOST:PORT"``:
        a worker of that Dask cluster, on the device that suits it (see docs/batch.md).
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
        If nothing here can load models of its family.
    """
    if is_remote(device):
        from napari_sam2.engine.remote.predictor import load_remote

        return load_remote(load_predictor, str(name), device)
    from napari_sam2.engine.catalog.model_files import check_integrity, resolve
    from napari_sam2.engine.catalog.registry import DEFAULT_FAMILY, known_models
    from napari_sam2.errors import CheckpointError

    path, entry = resolve(name), known_models().get(str(name))
    if entry is not None:
        check_integrity(entry)
        image_size = entry.input_size if image_size is None else image_size
    family = DEFAULT_FAMILY if entry is None else entry.family
    if family not in LOADERS:
        raise CheckpointError(
            f"The model '{name}' is of the family '{family}', which cannot be loaded.\n"
            f"Known families are {', '.join(sorted(LOADERS))}."
        )
    load: Loader = import_module(LOADERS[family]).load
    return load(path, str(name), device, image_size, precision)
