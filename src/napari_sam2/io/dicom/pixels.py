"""Decoding the planes of DICOM files: values in the unit of the image, bright is bright."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.io.dicom.opening import SkipFile, damage, first_line, quiet, refuse_bomb
from napari_sam2.io.dicom.palette import coloured
from napari_sam2.io.dicom.rescale import assumed
from napari_sam2.io.dtypes import native

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_sam2.io.dicom.header import SliceHeader

_INSTALL = "Install the decoders with: pip install imagecodecs pyjpegls pylibjpeg pylibjpeg-openjpeg"
_WHOLE = "Get a whole copy of it."
_AS_RGB = "Export it as grey values or RGB with the program that it came from."
_COLOUR_SPACES = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "XYB", "PALETTE COLOR")
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
# What pydicom says of pixels → what to do.
_REMEDIES = (
    ("less than expected", _WHOLE),
    ("insufficient pixel data", _WHOLE),
    ("missing dependencies", _INSTALL),
    ("plugins are missing", _INSTALL),
    ("is not supported", "Export it uncompressed, or as JPEG 2000 or RLE, with the program that it came from."),
    ("unable to decode", f"{_WHOLE} If other programs open it, export it uncompressed with one of them."),
    ("palette", "Get another copy of it, or export it as RGB with the program that it came from."),
    ("photometric interpretation", _AS_RGB),
    ("samples per pixel", _AS_RGB),
    ("planar configuration", _AS_RGB),
    ("bits ", "Export it with 8 or 16 bits a sample with the program that it came from."),
    ("transfer syntax", "Export it again with the program that it came from, or get the original file."),
)


class UndecodableError(Exception):
    """The pixels of a file cannot be decoded; `remedy` is what to do about it, for this cause.

    `concerns_file` is False where the fault is not the file's own: a decoder or the file itself is missing.
    """

    def __init__(self, reason: str, remedy: str = _WHOLE, concerns_file: bool = True) -> None:
        super().__init__(reason)
        self.remedy = remedy
        self.concerns_file = concerns_file


def read_planes(slices: Sequence[SliceHeader]) -> list[NDArray[Any]]:
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
        register_decoders()
        refuse_bomb(path)
        with quiet():
            # One frame of many is read from its place in the file, without the others.
            first = slices[0]
            whole = len(slices) > 1 or first.frames == 1 or bool(first.missing)
            tables = first.stored.palette or first.stored.modality_table
            header: Any = None
            if whole or tables:
                header = pydicom.dcmread(path, force=True, stop_before_pixels=not whole)
            if whole and not any(k in header for k in _PIXELS):
                raise UndecodableError("it holds no pixel data", "Get the file with its pixels.")
            if first.missing:
                _complete(header, first)
            sheets: dict[int, NDArray[Any]] = {}
            planes = []
            for facts in slices:
                if facts.frame not in sheets:
                    sheets = {facts.frame: _stored(header if whole else path, facts)}
                planes.append(_plane(sheets[facts.frame], header, facts))
            return planes
    except SkipFile as error:
        raise UndecodableError(str(error), error.remedy) from error
    except damage() as error:
        raise undecodable(error) from error


@cache
def register_decoders() -> None:
    """Offer our own decoder to pydicom."""
    from napari_sam2.io.dicom.jpeg import register

    register()


def undecodable(error: BaseException) -> UndecodableError:
    """Return what an exception says about a file's pixels, and what helps against it."""
    if isinstance(error, FileNotFoundError):
        return UndecodableError("it is no longer there", "Put it back to where it was opened.", concerns_file=False)
    if isinstance(error, MemoryError):
        return UndecodableError("there is not enough memory for it", "Close other images first.", concerns_file=False)
    if isinstance(error, OSError) and error.strerror:
        reason = f"the system says {error.strerror!r}"
        return UndecodableError(reason, "Check the disk and your permissions.", concerns_file=False)
    # pydicom tells the reasons of its decoders in lines of their own.
    text = str(error).lower()
    remedy = next((remedy for words, remedy in _REMEDIES if words in text), _WHOLE)
    # It goes on to guess at causes.
    reason = first_line(error).partition(" - the dataset may be corrupted")[0]
    return UndecodableError(reason, remedy, concerns_file=remedy != _INSTALL)


def _complete(header: Any, facts: SliceHeader) -> None:
    """Put into a header what was assumed for what it lacks."""
    if "TransferSyntaxUID" in facts.missing:
        _assume_syntax(header)
    for keyword, value in assumed(header, facts.missing).items():
        setattr(header, keyword, value)


def _assume_syntax(header: Any) -> None:
    """Uncompressed pixels need no transfer syntax: the header was read in the only encoding that it makes sense in."""
    from pydicom import uid

    if "PixelData" in header and header["PixelData"].is_undefined_length:
        raise UndecodableError(
            "its pixels are compressed, and the header does not say how (it has no transfer syntax)",
            "Export it again with the program that it came from, or get the original file.",
        )
    is_implicit, is_little = header.original_encoding
    syntax = uid.ImplicitVRLittleEndian if is_implicit else uid.ExplicitVRLittleEndian
    header.file_meta.TransferSyntaxUID = syntax if is_little is not False else uid.ExplicitVRBigEndian


def _stored(source: Any, facts: SliceHeader) -> NDArray[Any]:
    from pydicom.pixels import pixel_array

    if facts.is_colour and facts.stored.photometric not in _COLOUR_SPACES:
        reason = f"its colours are in the space {facts.stored.photometric or 'of no name'}, which is not supported"
        raise UndecodableError(reason, _AS_RGB)
    # Else pydicom clears the bits above those that are the value, and would cut a value that stands above others.
    options = {"correct_unused_bits": False} if facts.stored.shift else {}
    stored = native(np.asarray(pixel_array(source, index=facts.frame, **options)))
    if stored.ndim != (3 if facts.is_colour and not facts.stored.palette else 2):
        raise UndecodableError(
            f"its pixels have the shape {stored.shape}, not rows and columns of grey values or three colours", _AS_RGB
        )
    return facts.stored.unpacked(stored)


def _plane(stored: NDArray[Any], header: Any, facts: SliceHeader) -> NDArray[Any]:
    from pydicom.pixels import apply_modality_lut

    if facts.tile is not None:
        y, x, rows, columns = facts.tile
        stored = stored[y : y + rows, x : x + columns]
    if facts.stored.palette:
        return coloured(stored, header)
    if facts.stored.modality_table:
        stored = native(np.asarray(apply_modality_lut(stored, header)))
    return stored if facts.is_colour else facts.stored.values(stored)
