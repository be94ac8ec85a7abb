"""TIFF, ImageJ and OME-TIFF: the file's first series, with the spacing of its metadata; labels as TIFF."""

from __future__ import annotations

import json
import logging
import struct
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import ReadError, VolumeError
from napari_sam2.io._atomic import replacing
from napari_sam2.io._labels import as_labels, checked_labels
from napari_sam2.io._values import native
from napari_sam2.volume import ImageVolume, VolumeSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_MICROMETRE = {"µm", "μm", "um", "micron", "microns", "micrometer", "micrometre", "\\u00b5m"}
_UNITS = {**dict.fromkeys(_MICROMETRE, "micrometer"), "nm": "nm", "mm": "mm", "cm": "cm", "m": "m"}
# ImageJ files have 32-bit offsets; some room is left for the headers.
_IMAGEJ_BYTES = 2**32 - 2**25
_SECONDS = {"s": 1.0, "sec": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0}

# What tifffile raises on damaged files, besides its own error.
_DAMAGE: tuple[type[Exception], ...] = (
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AssertionError,
    ArithmeticError,
    MemoryError,
    OSError,
    RuntimeError,
    struct.error,
    zlib.error,
)


def read_tiff(path: Path) -> ImageVolume:
    """Read the first series of a TIFF file.

    Parameters
    ----------
    path
        Plain, ImageJ or OME-TIFF.

    Returns
    -------
    ImageVolume
        Axes as the file names them (ImageJ, OME); an unnamed axis is taken for z, with a note in the source.

    Raises
    ------
    ReadError
        If the file is damaged, or its axes are beyond z, y, x, time and channel.
    """
    array, letters, notes, about = _first_series(path)
    array, axes = _known_axes(path, array, letters, about, notes)
    lengths, unit, interval = _physical(about, notes)
    spatial = [lengths.get(a, lengths.get("x", 1.0) if lengths else 1.0) for a in axes if a in "zyx"]
    if lengths and "z" in axes and "z" not in lengths:
        notes.append("the file has no spacing along z; that of x was taken")
    spacing: list[float] = spatial
    if interval and "t" in axes:
        spacing = list(spatial)
        spacing.insert([a for a in axes if a != "c"].index("t"), interval)
    source = VolumeSource(paths=(path,), format="tiff", header={"axes": letters}, notes=tuple(notes))
    name = path.name[: -len("".join(path.suffixes[-2:]))] if ".ome." in path.name.lower() else path.stem
    try:
        return ImageVolume(array, axes=axes, spacing=tuple(spacing), units=unit, source=source, name=name)
    except VolumeError as error:
        raise ReadError(f"{path} cannot be read as a volume: {error}") from error


def write_tiff_labels(path: Path, labels: Any, volume: ImageVolume, names: Mapping[int, str] | None = None) -> None:
    """Write labels as ImageJ TIFF (uint8, uint16) or OME-TIFF (wider, or ``.ome.tif``), with their spacing.

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
    step = {a: volume.spacing_of(a) for a in order}
    ome = ".ome." in path.name.lower() or array.dtype not in (np.uint8, np.uint16) or array.nbytes > _IMAGEJ_BYTES
    metadata = _ome_metadata(axes, step, volume, names) if ome else _imagej_metadata(axes, step, volume, names)
    resolution = (1.0 / step["x"], 1.0 / step["y"])
    with replacing(path) as temporary:
        tifffile.imwrite(
            temporary,
            array,
            imagej=not ome,
            ome=ome,
            metadata=metadata,
            resolution=resolution,
            photometric="minisblack",
            compression=None if not ome else "zlib",
            bigtiff=ome and array.nbytes > 2**31,
        )


def read_tiff_labels(path: Path, volume: ImageVolume) -> NDArray[Any]:
    """Read labels from TIFF; a TIFF knows no place in space, so only axes and shape are compared.

    Raises
    ------
    ReadError
        If the file holds no labels, or its shape is not the volume's.
    """
    array, letters, _, _ = _first_series(path)
    values = as_labels(array, path)
    named = letters.lower()
    if sorted(named) == sorted(volume.label_axes):
        values = values.transpose([named.index(a) for a in volume.label_axes])
    if values.shape != volume.label_shape and _squeezed(values.shape) == _squeezed(volume.label_shape):
        values = values.reshape(volume.label_shape)
    if values.shape != volume.label_shape:
        raise ReadError(
            f"{path} lies on another grid than the volume: its shape is {array.shape} ({letters}), the volume's "
            f"is {volume.label_shape} ({volume.label_axes}).\nOpen the volume that the labels were made on."
        )
    return np.ascontiguousarray(values)


def _squeezed(shape: tuple[int, ...]) -> list[int]:
    return [n for n in shape if n != 1]


def _first_series(path: Path) -> tuple[NDArray[Any], str, list[str], dict[str, Any]]:
    """Values, tifffile's axis letters, notes, and the metadata that `_physical` and `_known_axes` need."""
    import tifffile

    try:
        with _complaints() as complaints, tifffile.TiffFile(path) as tiff:
            series = tiff.series[0]
            if any("invalid page offset" in c for c in complaints):
                raise ReadError(f"{path} is damaged: its chain of pages is broken.\nCopy or download it again.")
            page = series.keyframe
            about = {
                "imagej": tiff.imagej_metadata,
                "ome": tiff.ome_metadata,
                "resolution": page.resolution,
                "alpha": len(page.extrasamples),
            }
            needed = int(np.prod(series.shape)) * series.dtype.itemsize if series.dtype is not None else 0
            if _uncompressed(page) and needed > path.stat().st_size:
                raise ReadError(f"{path} is damaged: it ends before its last image.\nCopy or download it again.")
            if len(page.dataoffsets) < int(np.prod(page.chunked)):
                # tifffile would fill the parts that have no place in the file with zeros.
                raise ReadError(f"{path} is damaged: parts of its first image are missing.\nCopy or download it again.")
            array = native(np.asarray(series.asarray()))
            if array.size == 0:
                raise ReadError(f"{path} is damaged: its first image holds no pixels.\nCopy or download it again.")
            notes = []
            if len(tiff.series) > 1:
                notes.append(f"the first of {len(tiff.series)} series in the file was read")
            return array, series.axes, notes, about
    except tifffile.TiffFileError as error:
        raise ReadError(_reason(path, error)) from error
    except _DAMAGE as error:
        raise ReadError(_reason(path, error)) from error


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """What tifffile logs meanwhile: it reports a file that was cut short there, and returns fewer pages."""
    found: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())

    listener = Listener(logging.ERROR)
    logger = logging.getLogger("tifffile")
    logger.addHandler(listener)
    try:
        yield found
    finally:
        logger.removeHandler(listener)


def _uncompressed(page: Any) -> bool:
    return int(page.compression) == 1


def _reason(path: Path, error: Exception) -> str:
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    remedy = (
        "Install the decoders with: pip install imagecodecs"
        if "imagecodecs" in str(error)
        else "Check that the file is a whole TIFF."
    )
    return f"{path} cannot be read as TIFF: {text}.\n{remedy}"


def _known_axes(
    path: Path, array: NDArray[Any], letters: str, about: dict[str, Any], notes: list[str]
) -> tuple[NDArray[Any], str]:
    """Tifffile's letters → ours; samples become the channel, alpha goes, an unnamed axis is z (or time)."""
    if "S" in letters and about["alpha"]:
        axis = letters.index("S")
        kept = array.shape[axis] - about["alpha"]
        array = np.take(array, range(kept), axis=axis)
        notes.append("the alpha channel was dropped")
    # Axes of one voxel say nothing, except that a single plane stays a plane.
    keep = [i for i, letter in enumerate(letters) if array.shape[i] > 1 or letter in "YX"]
    array = array.reshape([array.shape[i] for i in keep])
    named = "".join(letters[i] for i in keep)
    axes = named.lower().replace("s", "c")
    for unnamed in (a for a in axes if a in "iq"):
        free = next((a for a in "zt" if a not in axes), None)
        if free is None:
            break
        axes = axes.replace(unnamed, free)
        notes.append(
            f"the file does not name one of its axes ({array.shape[axes.index(free)]} long); {free} was assumed"
        )
    if set(axes) - set("tzyxc") or len(set(axes)) != len(axes):
        raise ReadError(
            f"{path} cannot be read: its axes {letters} of shape {array.shape} are more than z, y, x, time and "
            "channel.\nSave the part you need as a TIFF of its own."
        )
    return np.ascontiguousarray(array), axes


def _physical(about: dict[str, Any], notes: list[str]) -> tuple[dict[str, float], str | None, float | None]:
    """Spacing by axis letter, its unit, and the frame interval in seconds."""
    if about["ome"]:
        return _ome_physical(about["ome"], notes)
    if about["imagej"] is not None:
        return _imagej_physical(about["imagej"], about["resolution"])
    notes.append("the file has no physical spacing; 1 pixel is taken for the unit")
    return {}, None, None


def _imagej_physical(
    metadata: Mapping[str, Any], resolution: tuple[float, float]
) -> tuple[dict[str, float], str | None, float | None]:
    unit = _UNITS.get(str(metadata.get("unit", "")).strip().lower())
    lengths: dict[str, float] = {}
    # Without a unit ImageJ's resolution is a number of dots, not a length.
    if unit is not None:
        lengths = {a: 1.0 / r for a, r in zip("xy", resolution, strict=True) if r > 0}
    if _positive(metadata.get("spacing")) and (unit is not None or "unit" not in metadata):
        lengths["z"] = float(metadata["spacing"])
        lengths.setdefault("x", 1.0)
        lengths.setdefault("y", 1.0)
    interval = metadata.get("finterval")
    seconds = _SECONDS.get(str(metadata.get("tunit", "s")).lower(), 1.0)
    return lengths, unit, float(interval or 0) * seconds if _positive(interval) else None


def _ome_physical(text: str, notes: list[str]) -> tuple[dict[str, float], str | None, float | None]:
    from xml.etree import ElementTree

    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        notes.append("the OME metadata are damaged; 1 pixel is taken for the unit")
        return {}, None, None
    pixels = next((e for e in root.iter() if e.tag.endswith("}Pixels") or e.tag == "Pixels"), None)
    if pixels is None:
        return {}, None, None
    lengths: dict[str, float] = {}
    # The schema's default unit is the micrometre; all axes are brought to the unit of x.
    unit = pixels.get("PhysicalSizeXUnit", "µm")
    known = _UNITS.get(unit.strip().lower())
    for letter in "xyz":
        value = pixels.get(f"PhysicalSize{letter.upper()}")
        own = _UNITS.get(pixels.get(f"PhysicalSize{letter.upper()}Unit", "µm").strip().lower())
        if not _positive(value) or value is None:
            continue
        lengths[letter] = float(value) * _ratio(own, known)
    interval = pixels.get("TimeIncrement")
    seconds = _SECONDS.get(pixels.get("TimeIncrementUnit", "s").lower(), 1.0)
    return lengths, known if lengths else None, float(interval or 0) * seconds if _positive(interval) else None


def _ratio(own: str | None, common: str | None) -> float:
    from napari_sam2.volume import millimetres_per_unit

    a, b = millimetres_per_unit(own), millimetres_per_unit(common)
    return a / b if a and b and own != common else 1.0


def _positive(value: Any) -> bool:
    try:
        return value is not None and np.isfinite(float(value)) and float(value) > 0
    except (TypeError, ValueError):
        return False


def _imagej_metadata(
    axes: str, step: Mapping[str, float], volume: ImageVolume, names: Mapping[int, str] | None
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": axes, "unit": _ascii_unit(volume.units)}
    if "z" in step:
        metadata["spacing"] = step["z"]
    if "t" in step and volume.has_frame_interval:
        metadata["finterval"] = step["t"]
    if names:
        metadata["Info"] = json.dumps({"labels": {str(k): v for k, v in names.items()}})
    return metadata


def _ascii_unit(units: str | None) -> str:
    unit = _UNITS.get((units or "").lower(), units or "pixel")
    return "um" if unit == "micrometer" else unit


def _ome_metadata(
    axes: str, step: Mapping[str, float], volume: ImageVolume, names: Mapping[int, str] | None
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": axes}
    unit = "µm" if _ascii_unit(volume.units) == "um" else _ascii_unit(volume.units)
    for letter in "xyz":
        if letter in step:
            metadata[f"PhysicalSize{letter.upper()}"] = step[letter]
            metadata[f"PhysicalSize{letter.upper()}Unit"] = unit
    if "t" in step and volume.has_frame_interval:
        metadata["TimeIncrement"] = step["t"]
        metadata["TimeIncrementUnit"] = "s"
    if names:
        metadata["Description"] = json.dumps({"labels": {str(k): v for k, v in names.items()}})
    return metadata
