"""The samples that come with the plugin: where they are, and how they are loaded.

The files are written by `tools.phantoms`; each has a ground truth on its own grid.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_sam2.core.volume import ImageVolume

__all__ = [
    "SAMPLES",
    "Sample",
    "load_sample",
    "sample_folder",
    "sample_path",
    "sample_title",
]


@dataclass(frozen=True)
class _Files:
    title: str
    image: str
    labels: str
    names: str


_FILES = {
    "ct_abdomen": _Files("CT abdomen", "ct_abdomen", "ct_abdomen_labels.nii.gz", "ct_abdomen_names.json"),
    "brain_mr": _Files("Brain MR", "brain_mr.nii.gz", "brain_mr_labels.nii.gz", "brain_mr_names.json"),
    "dividing_cells": _Files(
        "Dividing cells", "dividing_cells.tif", "dividing_cells_labels.tif", "dividing_cells_names.json"
    ),
}
SAMPLES = tuple(_FILES)
"""Names that `sample_path` and `load_sample` know."""


@dataclass(frozen=True, eq=False)
class Sample:
    """An image with its ground truth.

    Attributes
    ----------
    volume : ImageVolume
        The image, as `napari_sam2.io.read_volume` gives it.
    truth : numpy.ndarray
        uint8, on the volume's grid; 0 is background.
    names : mapping of int to str
        Name of each label in `truth`.
    parents : mapping of int to int
        For a daughter cell, the label of its mother; empty for volumes.
    """

    volume: ImageVolume
    truth: NDArray[np.uint8]
    names: Mapping[int, str]
    parents: Mapping[int, int] = field(default_factory=dict)


def sample_path(name: str) -> Path:
    """Find the image of a sample.

    Parameters
    ----------
    name : str
        One of `SAMPLES`.

    Returns
    -------
    Path
        A DICOM folder, a NIfTI file or a TIFF file.

    Raises
    ------
    ReadError
        If there is no such sample, or its files are not installed.

    Examples
    --------
    >>> sample_path("brain_mr").name
    'brain_mr.nii.gz'
    """
    return _existing(sample_folder() / _files(name).image)


def load_sample(name: str) -> Sample:
    """Read a sample and its ground truth.

    Parameters
    ----------
    name : str
        One of `SAMPLES`.

    Returns
    -------
    Sample
        Volume, ground truth and the names of its labels.

    Raises
    ------
    ReadError
        If there is no such sample, or its files are not installed.

    Examples
    --------
    >>> sample = load_sample("ct_abdomen")
    >>> sample.volume.axes, sample.truth.shape, sample.names[1]
    ('zyx', (48, 192, 192), 'liver')
    """
    from napari_sam2.io import read_volume

    files, folder = _files(name), sample_folder()
    volume = read_volume(sample_path(name))
    # The same reader turns the truth the same way as the image.
    truth = np.asarray(read_volume(_existing(folder / files.labels)).array).astype(np.uint8, copy=False)
    if truth.shape != volume.shape:
        raise ReadError(
            f"The ground truth {files.labels} has shape {truth.shape}, its image {volume.shape}.\n"
            "The sample files do not belong together; reinstall napari-sam2."
        )
    content = json.loads(_existing(folder / files.names).read_text(encoding="utf-8"))
    names = {int(label): str(text) for label, text in content["names"].items()}
    parents = {int(label): int(mother) for label, mother in content.get("parents", {}).items()}
    return Sample(volume, truth, names, parents)


def sample_folder() -> Path:
    """Return ``_sample_data`` in an installed wheel, ``sample_data`` beside ``src`` in a source checkout."""
    package = Path(__file__).resolve().parent
    installed, checkout = package / "_sample_data", package.parents[1] / "sample_data"
    return installed if installed.is_dir() else checkout


def sample_title(name: str) -> str:
    """Return the title of a sample, for menus and layers."""
    return _files(name).title


def _files(name: str) -> _Files:
    try:
        return _FILES[name]
    except KeyError:
        raise ReadError(f"There is no sample {name!r}; there are {', '.join(SAMPLES)}.") from None


def _existing(path: Path) -> Path:
    if not path.exists():
        raise ReadError(f"The sample file {path} is not there.\nReinstall napari-sam2.")
    return path
