"""The models that napari-sam2 knows by name. No torch here, so that lists and menus are quick to fill."""

from __future__ import annotations

from dataclasses import dataclass


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
    input_size : int
        Side of the network's square input in pixels.
    parameters : int
        Number of weights.
    licence : str
        SPDX identifier of the weights' licence.
    source_repo : str
        Repository on Hugging Face that publishes the checkpoint; empty for the bundled one.
    bundled : bool
        Whether the file comes with the package.
    notice : str
        Terms that the user has to accept before a download; empty where there are none beyond the licence.
    size_bytes : int or None
        Size of the file, where it is known for certain.
    sha256 : str or None
        Checksum of the file, where it is known for certain.
    """

    name: str
    title: str
    filename: str
    input_size: int
    parameters: int
    licence: str
    source_repo: str = ""
    bundled: bool = False
    notice: str = ""
    size_bytes: int | None = None
    sha256: str | None = None

    @property
    def url(self) -> str:
        """Address of the checkpoint, empty for the bundled one."""
        return f"https://huggingface.co/{self.source_repo}/resolve/main/{self.filename}" if self.source_repo else ""

    @property
    def approximate_bytes(self) -> int:
        """Size of the file; where it is not known for certain, that of its float32 weights."""
        return self.size_bytes if self.size_bytes is not None else 4 * self.parameters


def _meta(version: str, size: str, parameters: int) -> ModelEntry:
    title = f"SAM {version.removeprefix('sam')} {size.replace('-', ' ')} (Meta)"
    return ModelEntry(
        name=f"{version}-{size}",
        title=title,
        filename=f"{version}_hiera_{size.replace('-', '_')}.pt",
        input_size=1024,
        parameters=parameters,
        licence="Apache-2.0",
        source_repo=f"facebook/{version}-hiera-{size}",
    )


_ENTRIES = (
    ModelEntry(
        name="starter",
        title="Starter (bundled; small, for a laptop's CPU)",
        filename="starter.safetensors",
        input_size=192,
        parameters=3_568_618,
        licence="Apache-2.0",
        bundled=True,
        size_bytes=7_187_440,
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
        source_repo="wanglab/MedSAM2",
        notice="The authors of MedSAM2 release these weights for research and education only.",
    ),
)

MODELS: dict[str, ModelEntry] = {entry.name: entry for entry in _ENTRIES}
"""All known models by name, in the order of a menu."""


def find_by_filename(filename: str) -> ModelEntry | None:
    """Return the model that is published under this file name, or None."""
    return next((entry for entry in _ENTRIES if entry.filename == filename), None)
