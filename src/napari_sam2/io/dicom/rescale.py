"""Stored pixels → values in the unit of the image, as far as the header alone tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.io.dtypes import rescaled, smallest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from napari_sam2.io.dicom.frame import Frame


_NOT_INVERTED = "high values are dark in this file (MONOCHROME1); they were left as they are"


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
        The range of values before the rescale that the header allows; None for floats.
    slope, intercept
        ``value = slope * stored + intercept``.
    inverted
        MONOCHROME1: high values are dark in the file.
    palette, modality_table
        Whether a colour or a modality look-up table is applied.
    padding
        The value outside the field of view, after rescaling and before any inversion.
    padding_range
        Stored values, both included, that lie outside the field of view and all become `padding`.
    bits, shift, is_signed
        How many bits of a stored sample are the value, and how many stand below them.
    photometric
        PhotometricInterpretation.
    common_mirror
        :attr:`mirror` of the whole series, where its slices are rescaled each in its own way.
    notes
        What is not shown, and what was assumed.
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
    padding_range: tuple[float, float] | None = None
    bits: int = 16
    shift: int = 0
    is_signed: bool = False
    photometric: str = ""
    common_mirror: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def mirror(self) -> float | None:
        """For MONOCHROME1: every value v becomes mirror - v, so that bright is bright."""
        if not self.inverted or self.low is None or self.high is None:
            return None
        if self.common_mirror is not None:
            return self.common_mirror
        return self.slope * (self.low + self.high) + 2 * self.intercept

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """The type that holds every value the header allows; None where only decoding tells."""
        if self.low is None or self.high is None:
            return None
        if self.modality_table:
            return np.dtype(np.uint8 if self.high < 2**8 else np.uint16)
        if self.colours == 3 or self._keeps_type:
            return np.dtype(f"{'i' if self.low < 0 else 'u'}{self.itemsize}")
        if not all(n.is_integer() for n in (self.slope, self.intercept, self.common_mirror or 0.0)):
            return np.dtype(np.float32)
        ends = sorted((self.slope * self.low + self.intercept, self.slope * self.high + self.intercept))
        if self.mirror is not None:
            ends = [self.mirror - ends[1], self.mirror - ends[0]]
        return smallest(int(ends[0]), int(ends[1]), np.dtype(np.float32))

    @property
    def _keeps_type(self) -> bool:
        """Whether values are as they are stored, or mirrored about the middle of the stored range."""
        return self.slope == 1.0 and self.intercept == 0.0 and self.common_mirror is None

    def values(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Apply slope, intercept and inversion to stored grey values ``(Y, X)``."""
        outside = None
        if self.padding_range is not None:
            low, high = self.padding_range
            outside = (stored >= low) & (stored <= high)
        plane = rescaled(stored, self.slope, self.intercept)
        if outside is not None and outside.any() and self.padding is not None:
            plane = np.where(outside, np.asarray(self.padding).astype(plane.dtype), plane)
        mirror = self.mirror
        if mirror is None:
            return plane
        wide = plane.astype(np.int64 if plane.dtype.kind in "iu" else np.float64)
        turned = rescaled(wide, -1.0, mirror)
        # Unsigned values stay in their type.
        return turned.astype(plane.dtype) if self._keeps_type and plane.dtype.kind == "u" else turned

    def unpacked(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Shift values down that stand above unused bits; `stored` as they are in the file."""
        if not self.shift or stored.dtype.kind not in "iu":
            return stored
        wide: NDArray[np.int64] = (stored.astype(np.int64) >> self.shift) & (2**self.bits - 1)
        if self.is_signed:
            wide = np.where(wide >= 2 ** (self.bits - 1), wide - 2**self.bits, wide)
        return np.asarray(wide, dtype=stored.dtype)


def stored_pixels(header: Frame | Any, is_float: bool = False, is_native: bool = True) -> StoredPixels:
    """Read from a data set, or from one frame of it, how its pixels are stored.

    Parameters
    ----------
    header
        A data set or a frame.
    is_float
        Whether they are in FloatPixelData or DoubleFloatPixelData.
    is_native
        Whether samples stand in the file with all their bits, as JPEG and its kin do not keep them.
    """
    photometric = str(header.get("PhotometricInterpretation") or "").strip()
    palette = photometric == "PALETTE COLOR"
    colours = 3 if palette or int(header.get("SamplesPerPixel") or 1) == 3 else 1
    allocated = int(header.get("BitsAllocated") or 16)
    bits = min(int(header.get("BitsStored") or allocated), allocated)
    signed = int(header.get("PixelRepresentation") or 0) == 1
    # The value may stand above bits that are not used.
    shift = min(max(0, int(header.get("HighBit") or 0) + 1 - bits), allocated - bits) if is_native else 0
    table = bool(header.get("ModalityLUTSequence"))
    plain = colours == 3 or table
    slope = 1.0 if plain else float(header.get("RescaleSlope") or 1.0)
    intercept = 0.0 if plain else float(header.get("RescaleIntercept") or 0.0)
    padding, padding_range = _padding(header, bits if not is_float else 0, signed)
    of_value, is_signed = (bits, signed)
    if table:
        # The third number is how many bits an entry has.
        of_value, is_signed = int(header.get("ModalityLUTSequence")[0].LUTDescriptor[2]), False
    if palette:
        of_value, is_signed = 8, False
    unknown = is_float or allocated not in (1, 8, 16, 32) or of_value < 1
    low, high = (-(2 ** (of_value - 1)), 2 ** (of_value - 1) - 1) if is_signed else (0, 2**of_value - 1)
    if plain:
        padding = padding_range = None
    return StoredPixels(
        colours=colours,
        itemsize=1 if palette else max(1, allocated // 8),
        low=None if unknown else low,
        high=None if unknown else high,
        slope=slope,
        intercept=intercept,
        inverted=photometric == "MONOCHROME1",
        palette=palette,
        modality_table=table,
        padding=None if padding is None else slope * padding + intercept,
        padding_range=padding_range,
        bits=bits,
        shift=shift,
        is_signed=signed,
        photometric=photometric,
        notes=(
            *_notes(header, table, padding_range is not None),
            *((_NOT_INVERTED,) if unknown and photometric == "MONOCHROME1" else ()),
        ),
    )


def missing_elements(ds: Dataset) -> tuple[str, ...]:
    """Return the elements without which pixels cannot be decoded, which a header lacks, and which can be assumed."""
    needed = ["SamplesPerPixel", "PhotometricInterpretation", "BitsStored"]
    needed += ["PlanarConfiguration"] if int(ds.get("SamplesPerPixel") or 1) == 3 else []
    needed += ["PixelRepresentation"]
    return tuple(keyword for keyword in needed if ds.get(keyword) in (None, ""))


def assumed(ds: Dataset, missing: Sequence[str]) -> dict[str, Any]:
    """Return what is taken for missing elements."""
    values = {
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "RGB" if ds.get("SamplesPerPixel") == 3 else "MONOCHROME2",
        "BitsStored": ds.get("BitsAllocated"),
        "PlanarConfiguration": 0,
        "PixelRepresentation": 0,
    }
    return {keyword: value for keyword, value in values.items() if keyword in missing}


def _padding(header: Frame | Any, bits: int, signed: bool) -> tuple[float | None, tuple[float, float] | None]:
    """Return the stored value outside the field of view, and the range of such values where there are several."""
    value = header.get("FloatPixelPaddingValue" if bits == 0 else "PixelPaddingValue")
    limit = header.get("FloatPixelPaddingRangeLimit" if bits == 0 else "PixelPaddingRangeLimit")
    if value in (None, ""):
        return None, None
    ends = [_wrapped(float(v), bits, signed) for v in (value, value if limit in (None, "") else limit)]
    return ends[0], None if ends[0] == ends[1] else (min(ends), max(ends))


def _wrapped(value: float, bits: int, signed: bool) -> float:
    """Return a padding value in the representation of the pixels; many files write -2000 as 63536."""
    return value - 2**16 if signed and 0 < bits <= 16 and value >= 2**15 else value


def _overlays(header: Frame | Any) -> list[int]:
    """Return the groups of the header's overlays."""
    dataset: Any = getattr(header, "dataset", header)
    groups = range(0x6000, 0x6020, 2)
    return [g for g in groups if (g, 0x3000) in dataset or (g, 0x0102) in dataset or (g, 0x0010) in dataset]


def _notes(header: Frame | Any, table: bool, has_padding_range: bool) -> tuple[str, ...]:
    notes = []
    if table:
        notes.append("values were mapped by the file's modality look-up table")
    if header.get("VOILUTSequence"):
        notes.append("the file's VOI look-up table (a display curve) was not applied")
    if _overlays(header):
        notes.append("the file's overlay (drawings on the picture) is not shown")
    if str(header.get("PixelPresentation") or "") in ("COLOR", "MIXED") and header.get("SamplesPerPixel") == 1:
        notes.append("the file's supplemental colours are not shown; the values are grey")
    if has_padding_range:
        notes.append("all values of the file's padding range became its padding value")
    return tuple(notes)
