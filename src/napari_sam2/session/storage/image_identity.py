"""The image that a session file belongs to: found again, and known by its content."""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.errors import ReadError, SessionFileError
from napari_sam2.session.storage.header import ImageHeader

if TYPE_CHECKING:
    from napari_sam2.core.volume import ImageVolume

_WHOLE_BYTES = 512 * 2**20
_SAMPLES = 64


def describe(volume: ImageVolume) -> ImageHeader:
    """Return where an image lies, its series UID, its geometry and the hash of its content."""
    source = volume.source
    return ImageHeader(
        volume.name,
        image_path(volume),
        None if source is None else source.series_uid,
        tuple(volume.array.shape),
        str(volume.array.dtype),
        volume.axes,
        tuple(float(s) for s in volume.spacing or ()),
        volume.units,
        tuple(tuple(row) for row in np.asarray(volume.affine, float).tolist()),
        content_hash(volume),
    )


def content_hash(volume: ImageVolume) -> str:
    """Return the BLAKE2b hash of shape, type and values, in array order.

    Of an image above 512 MiB, 64 evenly spaced indices of its first axis stand for the whole.

    Raises
    ------
    ReadError
        If the image cannot be read.
    """
    parts = volume.parts
    count = len(parts)
    size = math.prod(parts.shape) * parts.dtype.itemsize
    chosen = (
        range(count) if size <= _WHOLE_BYTES else sorted({i * (count - 1) // (_SAMPLES - 1) for i in range(_SAMPLES)})
    )
    digest = hashlib.blake2b(f"{parts.shape} {parts.dtype.str}".encode(), digest_size=20)
    for i in chosen:
        digest.update(np.ascontiguousarray(parts[i]).tobytes())
    return digest.hexdigest()


def find(image: ImageHeader, session_path: Path) -> ImageVolume:
    """Read the image that a session file names, where it was, or beside the session file.

    Raises
    ------
    SessionFileError
        If it is not there any more, or is another image now.
    """
    from napari_sam2.io import read_volume

    if image.path is None:
        raise SessionFileError(
            f"{session_path} belongs to an image that came from no file ({image.name or 'unnamed'}).\n"
            "Open that image and give it as volume=."
        )
    path = place_of(image, session_path)
    if path is None:
        raise SessionFileError(
            f"{session_path}: its image {Path(image.path)} is not there any more.\nGive it as volume=read_volume(…)."
        )
    try:
        volume = with_axes_of(image, read_volume(path, series=image.series_uid))
    except ReadError as error:
        raise SessionFileError(f"{session_path}: its image cannot be read. {error}") from error
    check(image, volume, session_path)
    return volume


def place_of(image: ImageHeader, session_path: Path) -> Path | None:
    """Return where the image of a session file lies now: where it was, or beside the file; None where it is gone."""
    if image.path is None:
        return None
    there = Path(image.path)
    return next((path for path in (there, session_path.parent / there.name) if path.exists()), None)


def with_axes_of(image: ImageHeader, volume: ImageVolume) -> ImageVolume:
    """Take the axes of a volume for those of a session's image, where the user said that they are others.

    A volume of another shape or number of axes is returned as it is; :func:`check` tells the difference.
    """
    if volume.axes == image.axes or tuple(volume.array.shape) != image.shape:
        return volume
    return replace(
        volume,
        axes=image.axes,
        spacing=image.spacing or None,
        units=image.units,
        affine=np.array(image.affine),
        is_time_declared=True,
    )


def check(image: ImageHeader, volume: ImageVolume, session_path: Path) -> None:
    """Raise a SessionFileError if a volume is not the image that the session file belongs to."""
    shape = tuple(volume.array.shape)
    if shape != image.shape or volume.axes != image.axes:
        raise SessionFileError(
            f"{session_path} belongs to an image of shape {image.shape} (axes {image.axes!r}), "
            f"not to this one of {shape} ({volume.axes!r})."
        )
    if content_hash(volume) != image.content_hash:
        raise SessionFileError(
            f"{session_path} belongs to another image: shape and axes are the same, but the values differ."
        )


def image_path(volume: ImageVolume) -> str | None:
    """Return where an image lies: what was opened, or what holds its files; None for an image from no file."""
    if volume.source is None or not volume.source.paths:
        return None
    if volume.source.opened is not None:
        return str(volume.source.opened)
    paths = volume.source.paths
    # A series is the folder that holds all of it; one file is itself.
    return os.path.commonpath([path.resolve() if len(paths) == 1 else path.resolve().parent for path in paths])
