"""Read files for napari as far as no window is needed: volumes as image layers with their geometry and window.

No napari import is needed: a layer is a tuple of data, keyword arguments and type.
"""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.intensity import default_window, value_range
from napari_sam2.errors import SeveralSeriesError
from napari_sam2.io.dicom.lazy import LazyStack
from napari_sam2.io.folders import LOOKED_AT, holds_dicom, tiff_files
from napari_sam2.io.formats import DICOM
from napari_sam2.io.label_files import LabelFile, read_label_file
from napari_sam2.io.ome_zarr import attributes_of, is_zarr, read_levels
from napari_sam2.layers.axis_names import VOLUME_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_sam2.core.volume import ImageVolume
    from napari_sam2.io.dicom.series import DicomFolder

    LayerData = tuple[Any, dict[str, Any], str]
    ChooseSeries = Callable[[Path, SeveralSeriesError], Sequence[int]]

RANGE_KEY = "napari_sam2_range"
# Series that decode in a moment are read at once; larger ones show their first slice meanwhile.
_AT_ONCE = 2**25


def is_ours(path: str | Sequence[str]) -> bool:
    """Tell, fast, whether a path of the manifest's patterns is worth a try; other readers get what is not ours."""
    place = Path(path if isinstance(path, str) else path[0])
    if place.is_dir():
        return bool(attributes_of(place)) if is_zarr(place) else holds_dicom(place) or bool(tiff_files(place))
    return place.suffix.lower() != ".zip" or (place.is_file() and _zip_holds_dicom(place))


def places_of(path: str | Sequence[str]) -> list[Path]:
    """Return what to open for the paths that napari hands over: for several files of one DICOM folder, the folder."""
    paths = [Path(path)] if isinstance(path, str) else [Path(p) for p in path]
    slices = all(p.suffix.lower() in (*DICOM.suffixes, "") and p.is_file() for p in paths)
    return [paths[0].parent] if len(paths) > 1 and slices and len({p.parent for p in paths}) == 1 else paths


def read_layers(
    path: str | Sequence[str], series: int | None = None, choose: ChooseSeries | None = None
) -> list[LayerData]:
    """Read one volume for each path, or series of a DICOM folder; labels where the file says that it holds them.

    Parameters
    ----------
    path
        A file or folder, or several.
    series
        Index of the series of a DICOM folder.
    choose
        Called where a folder holds several series and `series` is None; gives the indices of those to read.

    Raises
    ------
    SeveralSeriesError
        If a folder holds several series, and neither `series` nor `choose` is given.
    """
    from napari_sam2.io.api import read_volume, scan_dicom

    layers: list[LayerData] = []
    for place in places_of(path):
        labels = read_label_file(place)
        if labels is not None:
            layers.append(labels_data(labels, _name(place)))
            continue
        folder = scan_dicom(place)
        wanted: Sequence[int | None] = [series]
        if folder is not None and series is None and choose is not None:
            try:
                folder.choose()
            except SeveralSeriesError as error:
                wanted = choose(place, error)
        for index in wanted:
            volume = read_volume(place, index) if folder is None else _read_now_or_lazily(folder, index)
            layers += layers_of(volume, place.name if index is None else volume.name)
    return layers


def _read_now_or_lazily(folder: DicomFolder, series: int | None) -> ImageVolume:
    """Read a small series at once, a large one slice by slice as it is looked at.

    At once, because only what has been decoded shows which slices at the ends are damaged, and these are left out.
    """
    from napari_sam2.io.api import read_series

    volume = read_series(folder, series, lazy=True)
    small = isinstance(volume.array, LazyStack) and volume.array.nbytes <= _AT_ONCE
    return read_series(folder, series) if small else volume


def labels_data(file: LabelFile, name: str) -> LayerData:
    """Return the labels layer of a file: scale, units and axis names of its image, and the names of the labels."""
    options: dict[str, Any] = {"name": name, "metadata": {VOLUME_KEY: file.grid}, **_geometry(file.grid)}
    named = {0: "background", **{k: v for k, v in file.names.items() if v}}
    if len(named) > 1:
        options["features"] = {"index": list(named), "name": list(named.values())}
    return file.labels, options, "labels"


def _name(place: Path) -> str:
    return place.name.partition(".")[0] or place.name


def layers_of(volume: ImageVolume, name: str) -> list[LayerData]:
    """Return the image layers of a volume: one, or one for each channel that is no colour."""
    if "c" in volume.axes and _is_colour(volume):
        return [layer_data(volume, name)]
    source = volume.source
    levels = read_levels(volume) if source is not None and source.format == "zarr" else [volume.array]
    if "c" not in volume.axes:
        return [_with_levels(layer_data(replace(volume, levels=tuple(levels[1:])), name), levels)]
    axis = volume.axes.index("c")
    layers = []
    for n in range(volume.shape[axis]):
        parts = [level[(slice(None),) * axis + (n,)] for level in levels]
        channel = replace(volume, array=parts[0], axes=volume.label_axes, levels=tuple(parts[1:]))
        layers.append(_with_levels(layer_data(channel, f"{name} [{n}]"), parts))
    return layers


def _with_levels(layer: LayerData, levels: list[Any]) -> LayerData:
    data, options, kind = layer
    return (levels, {**options, "multiscale": True}, kind) if len(levels) > 1 else (data, options, kind)


def layer_data(volume: ImageVolume, name: str) -> LayerData:
    """Return the image layer of a volume: scale, units, axis names, and the window as contrast limits."""
    colour = "c" in volume.axes and _is_colour(volume)
    if colour and volume.axes[-1] != "c":
        moved = np.moveaxis(volume.parts[()], volume.axes.index("c"), -1)
        volume = replace(volume, array=moved, axes=volume.label_axes + "c", levels=())
    options: dict[str, Any] = {"name": name, "metadata": {VOLUME_KEY: volume}}
    if colour:
        options["rgb"] = True
    else:
        grid = FrameGrid.of(volume, **_any_frame(volume))
        window = volume.window or default_window(volume, grid)
        options["contrast_limits"] = window
        # A layer takes no range; whoever adds this one gives it to it.
        options["metadata"][RANGE_KEY] = value_range(volume, window)
    axes = volume.label_axes
    if colour or axes == volume.axes:
        options |= _geometry(volume)
    return volume.array, options, "image"


def _geometry(volume: ImageVolume) -> dict[str, Any]:
    """Return the arguments of a layer without the channel axis."""
    axes = volume.label_axes
    return {
        "scale": tuple(volume.spacing_of(a) for a in axes),
        "units": tuple(_unit(volume, a) for a in axes),
        "axis_labels": tuple(axes),
    }


def _is_colour(volume: ImageVolume) -> bool:
    return volume.size_of("c") == 3 and volume.array.dtype == np.uint8


def _any_frame(volume: ImageVolume) -> dict[str, Any]:
    """Return arguments that make frames along the first axes, which cost least to read, of a volume of any axes."""
    free = [a for a in volume.axes if a not in "cyx"]
    if len(free) < 2:
        return {"frame_axis": free[0]} if free else {}
    return {"frame_axis": free[1], "at": {free[0]: 0}}


def _unit(volume: ImageVolume, axis: str) -> str:
    if axis == "t":
        return "second" if volume.has_frame_interval else "pixel"
    return volume.units or "pixel"


def _zip_holds_dicom(path: Path) -> bool:
    """Tell whether one of the first files of an archive is DICOM."""
    try:
        with zipfile.ZipFile(path) as archive:
            for info in [i for i in archive.infolist() if not i.is_dir()][:LOOKED_AT]:
                with archive.open(info) as stream:
                    if stream.read(132)[128:] == b"DICM":
                        return True
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, ValueError):
        return False
    return False
