"""Labels as TIFF: an ImageJ file, or OME-TIFF where the labels need it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.atomic_write import replacing
from napari_sam2.core.units import length_unit
from napari_sam2.io.label_grid import LabelNote, checked_labels, label_note_in, label_text
from napari_sam2.io.tiff.series import read_description

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_sam2.core.volume import ImageVolume

# ImageJ files have 32-bit offsets; some room is left for the headers.
_IMAGEJ_BYTES = 2**32 - 2**25


def write_tiff_labels(path: Path, labels: Any, volume: ImageVolume, names: Mapping[int, str] | None = None) -> None:
    """Write labels as ImageJ TIFF (uint8, uint16) or OME-TIFF (wider, or ``.ome.tif``), with their spacing.

    The description says that these are labels, and their names, so that the file opens as labels.

    Parameters
    ----------
    path
        Ends in ``.tif`` or ``.tiff``; what is there is replaced.
    labels
        Whole numbers on the volume's grid without channels; 0 is the background.
    volume
        The volume that the labels belong to.
    names
        Names of the labels.

    Raises
    ------
    WriteError
        If the labels do not fit the volume, or the file cannot be written.
    """
    import tifffile

    array = checked_labels(labels, volume, path)
    order = [a for a in "tzyx" if a in volume.label_axes]
    array = np.ascontiguousarray(array.transpose([volume.label_axes.index(a) for a in order]))
    axes = "".join(order).upper()
    unit, factor = length_unit(volume.units) or ("", 1.0)
    step = {a: volume.spacing_of(a) * factor for a in order if a != "t"}
    interval = volume.spacing_of("t") if "t" in order and volume.has_frame_interval else None
    text = label_text(names)
    # A last axis of one would be taken for the values of a pixel in an ImageJ file.
    for_imagej = array.dtype in (np.uint8, np.uint16) and array.nbytes <= _IMAGEJ_BYTES and array.shape[-1] > 1
    ome = ".ome." in path.name.lower() or not for_imagej
    with replacing(path) as temporary:
        tifffile.imwrite(
            temporary,
            array,
            imagej=not ome,
            ome=ome,
            metadata=(_ome if ome else _imagej)(axes, step, unit, interval, text),
            resolution=(1.0 / step["x"], 1.0 / step["y"]),
            resolutionunit="none",
            photometric="minisblack",
            compression=None if not ome else "zlib",
            bigtiff=ome and array.nbytes > 2**31,
        )


def read_tiff_label_note(path: Path) -> LabelNote | None:
    """Return what the description of a TIFF file says about the labels in it; None where it says nothing of them.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    LabelNote or None
        The names, as far as the labels have one.
    """
    return label_note_in(read_description(path))


def _imagej(axes: str, step: Mapping[str, float], unit: str, interval: float | None, text: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": axes, "unit": {"micrometer": "um", "": "pixel"}.get(unit, unit), "Info": text}
    if "z" in step:
        metadata["spacing"] = step["z"]
    if interval is not None:
        metadata["finterval"] = interval
    return metadata


def _ome(axes: str, step: Mapping[str, float], unit: str, interval: float | None, text: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": axes, "Description": text}
    for letter, size in step.items():
        metadata[f"PhysicalSize{letter.upper()}"] = size
        metadata[f"PhysicalSize{letter.upper()}Unit"] = {"micrometer": "µm", "": "pixel"}.get(unit, unit)
    if interval is not None:
        metadata |= {"TimeIncrement": interval, "TimeIncrementUnit": "s"}
    return metadata
