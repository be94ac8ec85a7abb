"""Decoding the planes of DICOM files: values in the unit of the image, bright is bright."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.io._dicom_files import SkipFile, damage, first_line, quiet, refuse_bomb
from napari_sam2.io._values import native

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_sam2.io._dicom_files import SliceFacts


class UndecodableError(Exception):
    """The pixels of a file cannot be decoded; `install` says whether a decoder is missing."""

    def __init__(self, reason: str, install: bool = False) -> None:
        super().__init__(reason)
        self.install = install


def read_planes(slices: Sequence[SliceFacts]) -> list[NDArray[Any]]:
    """Decode planes of one file.

    Parameters
    ----------
    slices
        Facts with one `path`.

    Returns
    -------
    list of ndarray
        ``(Y, X)``, rescaled by the header in force for the frame; colours ``(Y, X, 3)`` as they are.

    Raises
    ------
    UndecodableError
        If the file is truncated, damaged, or compressed in a way that nothing installed decodes.
    """
    import pydicom

    path = slices[0].path
    try:
        _register()
        refuse_bomb(path)
        with quiet():
            # One frame of many is read from its place in the file, without the others.
            first = slices[0]
            whole = len(slices) > 1 or first.frames == 1 or first.stored.palette or first.stored.modality_table
            source: Any = pydicom.dcmread(path, force=True) if whole else path
            if whole and not any(k in source for k in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
                raise UndecodableError("it holds no pixel data")
            sheets: dict[int, NDArray[Any]] = {}
            planes = []
            for facts in slices:
                if facts.frame not in sheets:
                    sheets = {facts.frame: _stored(source, facts)}
                planes.append(_plane(sheets[facts.frame], source, facts))
            return planes
    except SkipFile as error:
        raise UndecodableError(str(error)) from error
    except damage() as error:
        raise UndecodableError(first_line(error), install=_needs_decoder(error)) from error


@cache
def _register() -> None:
    from napari_sam2.io._dicom_jpeg import register

    register()


def _needs_decoder(error: Exception) -> bool:
    text = str(error).lower()
    return "missing dependencies" in text or "plugins are missing" in text


def _stored(source: Any, facts: SliceFacts) -> NDArray[Any]:
    from pydicom.pixels import pixel_array

    stored = native(np.asarray(pixel_array(source, index=facts.frame)))
    if stored.ndim != (3 if facts.is_colour and not facts.stored.palette else 2):
        raise UndecodableError(f"its pixels have the shape {stored.shape}, not rows and columns")
    return stored


def _plane(stored: NDArray[Any], source: Any, facts: SliceFacts) -> NDArray[Any]:
    from pydicom.pixels import apply_color_lut, apply_modality_lut

    if facts.tile is not None:
        y, x, rows, columns = facts.tile
        stored = stored[y : y + rows, x : x + columns]
    if facts.stored.palette:
        coloured = native(np.asarray(apply_color_lut(stored, source)))[..., :3]
        # Palettes of 16 bits hold 8 significant ones, above or (in some files) below the others.
        return (coloured >> 8 if coloured.max() > 255 else coloured).astype(np.uint8)
    if facts.stored.modality_table:
        stored = native(np.asarray(apply_modality_lut(stored, source)))
    return stored if facts.is_colour else facts.stored.values(stored)
