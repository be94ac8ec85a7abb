"""Stored pixels → values in the unit of the image, as far as the header alone tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.io._values import rescaled, smallest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.io._dicom_frames import Frame


@dataclass(frozen=True)
class StoredPixels:
    """How the stored values of a plane become values of the volume.

    Parameters
    ----------
    colours
        1, or 3 for RGB, YBR and palette pictures.
    itemsize
        Bytes of a stored sample.
    low, high
        The range of values before the rescale that the header allows; None for floats and palettes.
    slope, intercept
        ``value = slope * stored + intercept``.
    inverted
        MONOCHROME1: high values are dark in the file.
    palette, modality_table
        Whether a colour or a modality look-up table is applied.
    padding
        The value outside the field of view, after rescaling and before any inversion.
    notes
        What is not shown.
    """

    colours: int
    itemsize: int
    low: int | None
    high: int | None
    slope: float
    intercept: float
    inverted: bool
    palette: bool
    modality_table: bool
    padding: float | None
    notes: tuple[str, ...] = ()

    @property
    def mirror(self) -> float | None:
        """For MONOCHROME1: every value v becomes mirror - v, so that bright is bright."""
        if not self.inverted or self.low is None or self.high is None:
            return None
        return self.slope * (self.low + self.high) + 2 * self.intercept

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """The type that holds every value the header allows; None where only decoding tells."""
        if self.low is None or self.high is None:
            return None
        if self.modality_table:
            return np.dtype(np.uint8 if self.high < 2**8 else np.uint16)
        plain = self.slope == 1.0 and self.intercept == 0.0
        if self.colours == 3 or plain:
            return np.dtype(f"{'i' if self.low < 0 else 'u'}{self.itemsize}")
        if not (self.slope.is_integer() and self.intercept.is_integer()):
            return np.dtype(np.float32)
        ends = sorted((self.slope * self.low + self.intercept, self.slope * self.high + self.intercept))
        return smallest(int(ends[0]), int(ends[1]), np.dtype(np.float32))

    def values(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Apply slope, intercept and inversion to stored grey values ``(Y, X)``."""
        plane = rescaled(stored, self.slope, self.intercept)
        mirror = self.mirror
        if mirror is None:
            return plane
        wide = plane.astype(np.int64 if plane.dtype.kind in "iu" else np.float64)
        turned = rescaled(wide, -1.0, mirror)
        # Mirrored about the middle of the stored range, unsigned values stay in their type.
        plain = self.slope == 1.0 and self.intercept == 0.0 and plane.dtype.kind == "u"
        return turned.astype(plane.dtype) if plain else turned


def stored_pixels(header: Frame | Any) -> StoredPixels:
    """Read from a data set, or from one frame of it, how its pixels are stored."""
    photometric = str(header.get("PhotometricInterpretation") or "").strip()
    palette = photometric == "PALETTE COLOR"
    colours = 3 if palette or int(header.get("SamplesPerPixel") or 1) == 3 else 1
    allocated = int(header.get("BitsAllocated") or 16)
    bits = min(int(header.get("BitsStored") or allocated), allocated)
    signed = int(header.get("PixelRepresentation") or 0) == 1
    table = bool(header.get("ModalityLUTSequence"))
    if table:
        # The third number is how many bits an entry has.
        bits, signed = int(header.get("ModalityLUTSequence")[0].LUTDescriptor[2]), False
    # Floats (which have no representation) and a palette have values of their own.
    unknown = allocated not in (1, 8, 16, 32) or palette or bits < 1 or header.get("PixelRepresentation") is None
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    plain = colours == 3 or table
    slope = 1.0 if plain else float(header.get("RescaleSlope") or 1.0)
    intercept = 0.0 if plain else float(header.get("RescaleIntercept") or 0.0)
    padding = header.get("PixelPaddingValue")
    notes = []
    if table:
        notes.append("values were mapped by the file's modality look-up table")
    if header.get("VOILUTSequence"):
        notes.append("the file's VOI look-up table (a display curve) was not applied")
    dataset: Any = getattr(header, "dataset", header)
    if (0x6000, 0x3000) in dataset:
        notes.append("the file's overlay (drawings on the picture) is not shown")
    return StoredPixels(
        colours=colours,
        itemsize=max(1, allocated // 8),
        low=None if unknown else low,
        high=None if unknown else high,
        slope=slope,
        intercept=intercept,
        inverted=photometric == "MONOCHROME1",
        palette=palette,
        modality_table=table,
        padding=None if padding is None or plain else slope * float(padding) + intercept,
        notes=tuple(notes),
    )
