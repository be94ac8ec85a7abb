"""OME-Zarr 0.4 and 0.5, and the older 0.1 to 0.3: images, lazily, and label images.

zarr itself reads and writes the arrays. The metadata around them are few and stable, and the libraries that
know them bring cloud clients or a WebAssembly runtime along, so they are read and written here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.units import in_one_unit, millimetres_per_unit, seconds_per_unit
from napari_sam2.core.volume import ImageVolume, VolumeSource
from napari_sam2.errors import ReadError, VolumeError
from napari_sam2.io.label_grid import as_labels, other_grid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

TRANSFORMS = "coordinateTransformations"
_SAME_SPACING = 0.01


def is_zarr(path: Path) -> bool:
    """Tell whether a folder is a Zarr group or array of either format."""
    return path.is_dir() and any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zattrs", ".zarray"))


def read_ome_zarr(path: Path) -> ImageVolume:
    """Open an OME-Zarr image; voxels are read where they are looked at.

    Parameters
    ----------
    path
        The folder of an image, or of a file with one image (bioformats2raw).

    Returns
    -------
    ImageVolume
        Of the finest level, as a dask array; axes of one voxel (but y and x) are left out. `spacing` in the unit
        of the x axis; a time axis in seconds.

    Raises
    ------
    ReadError
        If there is no image of known metadata, several, or the store is damaged.
    """
    path, image = image_of(path)
    notes: list[str] = []
    described = _axes(path, image)
    letters = "".join(described)
    array, axes = _level(path, image, letters, 0)
    scale, offset, unit, interval = _geometry(path, image, described, axes, notes)
    steps = {a: abs(s) for a, s in scale.items()}
    if len(_paths(image)) > 1:
        notes.append(f"the finest of {len(_paths(image))} levels was taken")
    factor = millimetres_per_unit(unit) or 1.0
    affine = np.eye(4)
    for column, letter in enumerate("zyx"):
        affine[2 - column, :3] = 0.0
        affine[2 - column, column] = scale.get(letter, 1.0) * factor
        affine[2 - column, 3] = offset.get(letter, 0.0) * factor
    spacing = [interval if a == "t" and interval else steps[a] for a in axes if a in "zyx" or (a == "t" and interval)]
    source = VolumeSource((path,), "zarr", header={"axes": letters, "version": version_of(path)}, notes=tuple(notes))
    try:
        return ImageVolume(
            array,
            axes=axes,
            spacing=tuple(spacing),
            units=unit,
            affine=affine,
            source=source,
            window=_window(path, axes),
            name=path.name.removesuffix(".zarr").removesuffix(".ome"),
            levels=tuple(_level(path, image, letters, n, axes)[0] for n in range(1, len(_paths(image)))),
        )
    except VolumeError as error:
        raise ReadError(f"{path} cannot be read as a volume: {error}") from error


def read_levels(volume: ImageVolume) -> list[Any]:
    """Return all levels of the image that a volume was read from, the finest first, with the volume's axes."""
    assert volume.source is not None
    path, image = image_of(volume.source.paths[0])
    letters = str(volume.source.header["axes"])
    return [_level(path, image, letters, n, volume.axes)[0] for n in range(len(_paths(image)))]


def read_ome_zarr_labels(path: Path, volume: ImageVolume) -> NDArray[Any]:
    """Read a label image, or the only one of an image, onto the volume's grid.

    Raises
    ------
    ReadError
        If there is none or several, its values are no labels, or its shape or scale is not the volume's.
    """
    listed = attributes_of(path / "labels").get("labels") if is_zarr(path / "labels") else None
    if listed:
        if len(listed) > 1:
            names = ", ".join(f"labels/{name}" for name in listed)
            raise ReadError(f"{path} holds {len(listed)} label images.\nGive the path of one of them: {names}.")
        path = path / "labels" / str(listed[0])
    theirs = read_ome_zarr(path)
    values = as_labels(theirs.parts[()], path)
    wanted = [a for a in volume.label_axes if volume.size_of(a) > 1 or a in "yx"]
    if sorted(theirs.axes) != sorted(wanted):
        raise other_grid(path, f"its axes are {theirs.axes!r}, the volume's are {volume.label_axes!r}")
    values = values.transpose([theirs.axes.index(a) for a in wanted])
    if values.shape != tuple(volume.size_of(a) for a in wanted):
        raise other_grid(path, f"its shape is {theirs.shape} ({theirs.axes}), the volume's is {volume.label_shape}")
    for axis in (a for a in wanted if a in "zyx"):
        ours, other = (v.spacing_of(axis) * (millimetres_per_unit(v.units) or 1.0) for v in (volume, theirs))
        if volume.units and theirs.units and abs(ours - other) > _SAME_SPACING * ours:
            raise other_grid(path, f"its spacing along {axis} is {other:g} mm, the volume's is {ours:g} mm")
    return np.ascontiguousarray(values.reshape(volume.label_shape))


def image_of(path: Path) -> tuple[Path, dict[str, Any]]:
    """Return the folder of the image and its first multiscale entry."""
    attributes = attributes_of(path)
    if "plate" in attributes:
        raise ReadError(f"{path} is a plate of many images.\nGive the path of one field, for example {path}/A/1/0.")
    if "multiscales" not in attributes and (attributes.get("bioformats2raw.layout") or is_zarr(path / "0")):
        series = sorted(p.name for p in path.iterdir() if p.name.isdigit() and is_zarr(p))
        if len(series) > 1:
            raise ReadError(f"{path} holds {len(series)} images.\nGive the path of one: {path}/{series[0]}, and so on.")
        path = path / (series[0] if series else "0")
        attributes = attributes_of(path)
    images = attributes.get("multiscales")
    if not isinstance(images, list) or not images or not isinstance(images[0], dict) or not images[0].get("datasets"):
        raise ReadError(
            f"{path} is no OME-Zarr image: it has no 'multiscales' metadata.\n"
            "Open an array of it with zarr and wrap it in ImageVolume."
        )
    return path, images[0]


def attributes_of(path: Path) -> dict[str, Any]:
    """Return the OME metadata of a group: of 0.5 under a name of their own, of 0.4 plain."""
    for name in ("zarr.json", ".zattrs"):
        file = path / name
        if not file.is_file():
            continue
        try:
            content = json.loads(file.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise ReadError(f"{file} is damaged: {error}.\nCopy the store again.") from error
        if not isinstance(content, dict):
            raise ReadError(f"{file} is damaged: it holds no metadata.\nCopy the store again.")
        found = content.get("attributes", {}) if name == "zarr.json" else content
        found = found.get("ome", found) if isinstance(found, dict) else {}
        return found if isinstance(found, dict) else {}
    return {}


def version_of(path: Path) -> str:
    """Return the version of the specification that an image follows."""
    attributes = attributes_of(path)
    images = attributes.get("multiscales") or [{}]
    return str(attributes.get("version") or images[0].get("version") or "0.4")


def _paths(image: Mapping[str, Any]) -> list[str]:
    return [str(d["path"]) for d in image["datasets"]]


def _level(path: Path, image: Mapping[str, Any], letters: str, number: int, kept: str | None = None) -> tuple[Any, str]:
    """Return one level without axes of one voxel, or with just the axes `kept`; and its axes."""
    import dask.array as da
    import zarr

    name = _paths(image)[number]
    try:
        stored = zarr.open_array(str(path / name), mode="r")
        array = da.from_zarr(stored)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ArithmeticError) as error:
        raise ReadError(f"{path / name} cannot be opened: {error}.\nCopy the store again.") from error
    if array.ndim != len(letters):
        raise ReadError(
            f"{path} is damaged: its array {name!r} has {array.ndim} axes, its metadata name {len(letters)}.\n"
            "Copy the store again."
        )
    axes = kept or "".join(a for a, n in zip(letters, array.shape, strict=True) if n > 1 or a in "yx")
    return array[tuple(slice(None) if a in axes else 0 for a in letters)], axes


def _axes(path: Path, image: Mapping[str, Any]) -> dict[str, Any]:
    """Return the unit of each axis, by its letter, in the order of the array."""
    described = image.get("axes") or ["t", "c", "z", "y", "x"]
    described = [a if isinstance(a, dict) else {"name": a} for a in described]
    letters = "".join(str(a.get("name", "?")).lower()[:1] for a in described)
    if set(letters) - set("tczyx") or len(set(letters)) != len(letters) or not {"y", "x"} <= set(letters):
        names = ", ".join(str(a.get("name")) for a in described)
        raise ReadError(f"{path} cannot be read: its axes are {names}.\nImages of t, c, z, y and x are read.")
    return {letter: a.get("unit") for letter, a in zip(letters, described, strict=True)}


def _geometry(
    path: Path, image: Mapping[str, Any], units: Mapping[str, Any], axes: str, notes: list[str]
) -> tuple[dict[str, float], dict[str, float], str | None, float | None]:
    """Scale and offset of the finest level by letter; unit of length; seconds between time points.

    A scale below zero is an axis that runs backwards. Only the units of the `axes` that the volume has count.
    """
    letters = list(units)
    values, offsets = np.ones(len(letters)), np.zeros(len(letters))
    try:
        for transform in [*image["datasets"][0].get(TRANSFORMS, []), *image.get(TRANSFORMS, [])]:
            numbers = np.array(transform.get(transform["type"], [0.0] * len(letters)), dtype=float)
            if transform["type"] == "scale":
                values, offsets = values * numbers, offsets * numbers
            elif transform["type"] == "translation":
                offsets = offsets + numbers
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReadError(
            f"{path} is damaged: its scales cannot be understood ({error}).\nCopy the store again."
        ) from error
    if not np.isfinite(values).all() or not values.all() or not np.isfinite(offsets).all():
        raise ReadError(f"{path} cannot be read: its scales {values.tolist()} must be numbers other than zero.")
    scale = dict(zip(letters, values.tolist(), strict=True))
    offset = dict(zip(letters, offsets.tolist(), strict=True))
    steps = {a: scale[a] for a in axes if a in "zyx"}
    lengths, unit = in_one_unit(steps, units, notes)
    ratio = {a: lengths[a] / steps[a] for a in steps}
    seconds = seconds_per_unit(units.get("t"))
    interval = abs(scale["t"]) * seconds if seconds and "t" in scale else None
    return {**scale, **lengths}, {a: v * ratio.get(a, 1.0) for a, v in offset.items()}, unit, interval


def _window(path: Path, axes: str) -> tuple[float, float] | None:
    """Return the display window of a picture of one channel."""
    try:
        channels = attributes_of(path)["omero"]["channels"]
        low, high = (float(channels[0]["window"][k]) for k in ("start", "end"))
    except (KeyError, TypeError, ValueError, IndexError):
        return None
    return (low, high) if "c" not in axes and np.isfinite([low, high]).all() and low < high else None
