"""The models that napari-sam2 knows by name. No torch here, so that lists and menus are quick to fill."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from napari_sam2.engine.catalog.user_models import load_settings
from napari_sam2.errors import SettingsError

logger = logging.getLogger(__name__)

DEFAULT_FAMILY = "sam2"
"""The family of checkpoints that are given by their path."""


@dataclass(frozen=True)
class ModelEntry:
    """A known model.

    Attributes
    ----------
    name : str
        What ``load_predictor`` and the command line take.
    title : str
        One line for menus.
    filename : str
        Of the checkpoint.
    input_size : int or None
        Side of the network's square input in pixels; None: as the checkpoint says.
    parameters : int
        Number of weights; 0 where it is not known.
    licence : str
        SPDX identifier of the weights' licence.
    good_for : str
        One sentence that helps to choose.
    source_repo : str
        Repository on Hugging Face that publishes the checkpoint; empty for all others.
    bundled : bool
        Whether the file comes with the package.
    notice : str
        Terms that the user has to accept before a download; empty where there are none beyond the licence.
    path : str
        The file of a model of the user's own; empty for all others.
    size_bytes : int or None
        Size of the file, where it is known for certain: that of the bundled one. That of a published one is asked of
        the hub (`napari_sam2.engine.catalog.download.ask_hub`), and so is its checksum.
    family : str
        The architecture, which says what loads the checkpoint (`napari_sam2.engine.LOADERS`).
    """

    name: str
    title: str
    filename: str
    input_size: int | None
    parameters: int
    licence: str
    good_for: str = ""
    source_repo: str = ""
    bundled: bool = False
    notice: str = ""
    path: str = ""
    size_bytes: int | None = None
    family: str = DEFAULT_FAMILY

    @property
    def approximate_bytes(self) -> int:
        """Size of the file; where it is not known for certain, that of its float32 weights."""
        return self.size_bytes if self.size_bytes is not None else 4 * self.parameters


_GOOD_FOR = {
    "tiny": "the fastest of its family; fine for clear borders, and for a first try of large models",
    "small": "nearly as fast as tiny, a little steadier",
    "base-plus": "a graphics card with some gigabytes; faint or touching objects",
    "large": "the best masks of its family; wants a strong graphics card",
}


def _meta(version: str, size: str, parameters: int) -> ModelEntry:
    older = "" if version == "sam2.1" else " (the older training; to repeat earlier work)"
    title = f"SAM {version.removeprefix('sam')} {size.replace('-', ' ')} (Meta)"
    return ModelEntry(
        name=f"{version}-{size}",
        title=title,
        filename=f"{version}_hiera_{size.replace('-', '_')}.pt",
        input_size=1024,
        parameters=parameters,
        licence="Apache-2.0",
        good_for=_GOOD_FOR[size] + older,
        source_repo=f"facebook/{version}-hiera-{size}",
    )


_ENTRIES = (
    ModelEntry(
        name="starter",
        title="Starter (bundled; small, for a laptop's CPU)",
        filename="starter.safetensors",
        input_size=224,
        parameters=3_568_618,
        licence="Apache-2.0",
        good_for="medical slices and cells on any computer, offline; objects are seen through a zoom window",
        bundled=True,
        size_bytes=7_186_880,
    ),
    _meta("sam2.1", "tiny", 38_962_498),
    _meta("sam2.1", "small", 46_060_354),
    _meta("sam2.1", "base-plus", 80_850_178),
    _meta("sam2.1", "large", 224_446_642),
    _meta("sam2", "tiny", 38_945_986),
    _meta("sam2", "small", 46_043_842),
    _meta("sam2", "base-plus", 80_833_666),
    _meta("sam2", "large", 224_430_130),
    ModelEntry(
        name="medsam2",
        title="MedSAM2 (medical images; research and education only)",
        filename="MedSAM2_latest.pt",
        input_size=512,
        parameters=38_962_498,
        licence="CC-BY-SA-4.0",
        good_for="organs and lesions in CT, MRI and other medical images, from a box",
        source_repo="wanglab/MedSAM2",
        notice="The authors of MedSAM2 release these weights for research and education only.",
    ),
)

MODELS: dict[str, ModelEntry] = {entry.name: entry for entry in _ENTRIES}
"""The models that everybody has by name, in the order of a menu."""


def own_models() -> dict[str, ModelEntry]:
    """Return the user's own models by name.

    Raises
    ------
    SettingsError
        Where the settings cannot be read.
    """
    return {
        name: ModelEntry(
            name=name,
            title=own.title or f"{name} (own)",
            filename=own.path.replace("\\", "/").rsplit("/", 1)[-1],
            input_size=own.input_size,
            parameters=0,
            licence=own.licence or "not stated",
            good_for=own.good_for,
            path=own.path,
        )
        for name, own in load_settings().models.items()
    }


def known_models() -> dict[str, ModelEntry]:
    """Return all models by name, the user's own ones last; one of theirs does not hide a known one.

    Settings that cannot be read must not take the known models from the user: they are left out, and logged.
    """
    try:
        own = own_models()
    except SettingsError as error:
        logger.warning("%s", error.headline)
        own = {}
    return {**MODELS, **{name: entry for name, entry in own.items() if name not in MODELS}}


def find_by_filename(filename: str) -> ModelEntry | None:
    """Return the model that is published under this file name, or None."""
    return next((entry for entry in _ENTRIES if entry.filename == filename), None)
