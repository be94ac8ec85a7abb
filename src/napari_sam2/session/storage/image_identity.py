"""Which image a session file belongs to: enough to find it again and to know it, and nothing about the patient."""

from __future__ import annotations

import hashlib
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import ReadError, SessionFileError

if TYPE_CHECKING:
    from napari_sam2.core.volume import ImageVolume

_WHOLE_BYTES = 512 * 2**20
_SAMPLES = 64


def describe(volume: ImageVolume) -> dict[str, Any]:
    """JSON-ready: where the image lies, its series UID, its geometry and the hash of its content."""
    source = volume.source
    return {
        "name": volume.name,
        "path": place(volume),
        "series_uid": None if source is None else source.series_uid,
        "shape": list(volume.array.shape),
        "dtype": str(volume.array.dtype),
        "axes": volume.axes,
        "spacing": [float(s) for s in volume.spacing or ()],
        "units": volume.units,
        "affine": np.asarray(volume.affine, float).tolist(),
        "hash": content_hash(volume),
    }


def content_hash(volume: ImageVolume) -> str:
    """BLAKE2b of shape, type and values, in array order.

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


def find(image: dict[str, Any], session_path: Path) -> ImageVolume:
    """Read the image that a session file names, where it was, or beside the session file.

    Raises
    ------
    SessionFileError
        If it is not there any more, or is another image now.
    """
    from napari_sam2.io import read_volume

    if image["path"] is None:
        raise SessionFileError(
            f"{session_path} belongs to an image that came from no file ({image['name'] or 'unnamed'}).\n"
            "Open that image and give it as volume=."
        )
    there = Path(image["path"])
    beside = session_path.parent / there.name
    for path in (there, beside):
        if path.exists():
            try:
                volume = read_volume(path, series=image["series_uid"])
            except ReadError as error:
                raise SessionFileError(f"{session_path}: its image cannot be read. {error}") from error
            check(image, volume, session_path)
            return volume
    raise SessionFileError(
        f"{session_path}: its image {there} is not there any more.\nGive it as volume=read_volume(…)."
    )


def check(image: dict[str, Any], volume: ImageVolume, session_path: Path) -> None:
    """Raise a SessionFileError if a volume is not the image that the session file belongs to."""
    shape = list(volume.array.shape)
    if shape != image["shape"] or volume.axes != image["axes"]:
        raise SessionFileError(
            f"{session_path} belongs to an image of shape {tuple(image['shape'])} (axes {image['axes']!r}), "
            f"not to this one of {tuple(shape)} ({volume.axes!r})."
        )
    if content_hash(volume) != image["hash"]:
        raise SessionFileError(
            f"{session_path} belongs to another image: shape and axes are the same, but the values differ."
        )


def place(volume: ImageVolume) -> str | None:
    """Where the image lies: what was opened, or what holds its files; None for an image from no file."""
    if volume.source is None or not volume.source.paths:
        return None
    if volume.source.opened is not None:
        return str(volume.source.opened)
    paths = volume.source.paths
    # A series is the folder that holds all of it; one file is itself.
    return os.path.commonpath([path.resolve() if len(paths) == 1 else path.resolve().parent for path in paths])
