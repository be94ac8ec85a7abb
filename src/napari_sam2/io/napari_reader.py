"""napari's reader: DICOM folders and files, and NIfTI, as one image layer with its geometry and window.

No napari import is needed: a layer is a tuple of data, keyword arguments and type.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.axes import FrameGrid
from napari_sam2.intensity import default_window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_sam2.volume import ImageVolume

    LayerData = tuple[Any, dict[str, Any], str]

_LOOKED_AT = 64


def get_reader(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[LayerData]] | None:
    """Return a reader for a DICOM folder, or a DICOM or NIfTI file; None for anything else."""
    first = path if isinstance(path, str) else path[0]
    place = Path(first)
    if place.is_dir() and not _holds_dicom(place):
        return None
    return read_layers


def read_layers(path: str | Sequence[str]) -> list[LayerData]:
    """Read one volume for each path; several files of one folder are read as that folder."""
    from napari_sam2.io import read_volume

    paths = [path] if isinstance(path, str) else list(path)
    if len(paths) > 1 and len({Path(p).parent for p in paths}) == 1 and Path(paths[0]).suffix.lower() != ".nii":
        paths = [str(Path(paths[0]).parent)]
    return [layer_data(read_volume(p), Path(p).name) for p in paths]


def layer_data(volume: ImageVolume, name: str) -> LayerData:
    """The image layer of a volume: scale, units, axis names, and the window as contrast limits."""
    options: dict[str, Any] = {
        "name": name,
        "contrast_limits": volume.window or default_window(volume, FrameGrid.of(volume, **_any_frame(volume))),
        "metadata": {"napari_sam2_volume": volume},
    }
    axes = volume.axes.replace("c", "")
    if axes == volume.axes:
        options |= {
            "scale": tuple(volume.spacing_of(a) for a in axes),
            "units": tuple(_unit(volume, a) for a in axes),
            "axis_labels": tuple(axes),
        }
    return np.asarray(volume.array), options, "image"


def _any_frame(volume: ImageVolume) -> dict[str, Any]:
    """Arguments that make frames of a 4-D volume, for which no frame axis alone is enough."""
    free = [a for a in volume.axes if a not in "cyx"]
    return {} if len(free) < 2 else {"frame_axis": free[1], "at": {free[0]: 0}}


def _unit(volume: ImageVolume, axis: str) -> str:
    if axis == "t":
        return "second" if volume.has_frame_interval else "pixel"
    return volume.units or "pixel"


def _holds_dicom(folder: Path) -> bool:
    """Whether one of the first files is DICOM; looks at suffixes and at the four letters after the preamble."""
    seen = 0
    for file in folder.rglob("*"):
        if not file.is_file():
            continue
        if file.suffix.lower() in (".dcm", ".ima"):
            return True
        try:
            with file.open("rb") as stream:
                stream.seek(128)
                if stream.read(4) == b"DICM":
                    return True
        except OSError:
            pass
        seen += 1
        if seen >= _LOOKED_AT:
            return False
    return False
