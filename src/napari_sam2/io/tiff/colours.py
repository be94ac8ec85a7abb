"""The values of a TIFF's pixels as they are meant: alpha left out, bright is bright, colours as RGB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import ReadError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_sam2.io.tiff.series import PageFacts, StoredTiff

_MIN_IS_WHITE, _RGB, _PALETTE, _INKS, _YCBCR = 0, 2, 3, 5, 6
_LAB = {8: "CIELab", 9: "ICCLab", 10: "ITULab"}
_MOSAIC = 32803
_LOGARITHMIC = (32844, 32845)
# How many values make the colour; further ones are alpha or channels.
_COLOURS = {_RGB: 3, _INKS: 4, _YCBCR: 3, **dict.fromkeys(_LAB, 3)}
# tifffile has these decoded to RGB.
_JPEG = (6, 7, 34892)
_ASSOCIATED, _UNASSOCIATED = 1, 2
# Weights of red and blue in the brightness, where the file has none (ITU-R BT.601).
_LUMA = (0.299, 0.114)


def meant_values(path: Path, stored: StoredTiff) -> tuple[NDArray[Any], str, list[str]]:
    """Return the values as they are meant.

    Returns
    -------
    values : ndarray
        Half precision is widened to single. Colours of eight bits stay so.
    letters : str
        The letter of each axis, with ``S`` for the colours of a palette.
    notes : list of str
        What was converted and left out.

    Raises
    ------
    ReadError
        If the values mean nothing that can be shown.
    """
    array, letters, page = stored.array, stored.letters, stored.page
    notes: list[str] = []
    if page.photometric in _LOGARITHMIC:
        raise ReadError(f"{path} cannot be read: its values are logarithms (LogLuv).\nConvert it to floating point.")
    axis = _axis_of_samples(array, letters, page)
    if axis is not None:
        letters = letters[:axis] + "S" + letters[axis + 1 :]
        array = _without_alpha(array, axis, page, notes)
        if array.shape[axis] == 1:
            array, letters, axis = array.take(0, axis), letters[:axis] + letters[axis + 1 :], None
    if page.photometric == _MIN_IS_WHITE:
        array = _mirrored(array, page.bits)
        notes.append("the file says that its lowest value is white; the values were mirrored, so that bright is bright")
    elif page.photometric == _PALETTE:
        array, letters = _looked_up(array, letters, page, notes)
    elif axis is not None and page.photometric in (_INKS, _YCBCR, *_LAB):
        array = np.moveaxis(_as_rgb(np.moveaxis(array, axis, -1), page, notes), -1, axis)
    elif page.photometric == _MOSAIC:
        notes.append("the values are those of a colour sensor, pixel by pixel; they are shown as grey")
    if page.orientation != 1:
        notes.append(
            f"the file says that it is turned or mirrored (orientation {page.orientation}); it is shown as stored"
        )
    return array.astype(np.float32) if array.dtype == np.float16 else array, letters, notes


def _axis_of_samples(array: NDArray[Any], letters: str, page: PageFacts) -> int | None:
    """Return the axis of the values of a pixel; metadata may call it channel."""
    if "S" in letters:
        return letters.index("S")
    place = len(letters) - (3 if page.planar else 1)
    if page.samples > 1 and letters[place : place + 1] == "C" and array.shape[place] == page.samples:
        return place
    return None


def _without_alpha(array: NDArray[Any], axis: int, page: PageFacts, notes: list[str]) -> NDArray[Any]:
    """Without the one value of a pixel that the file calls alpha; a picture has no two of them."""
    count = array.shape[axis]
    first = count - len(page.extra_samples)
    alpha = [first + i for i, kind in enumerate(page.extra_samples) if kind in (_ASSOCIATED, _UNASSOCIATED)]
    if len(alpha) > 1:
        notes.append(f"the file calls {len(alpha)} of its channels alpha; all were kept")
        return array
    if alpha and 0 < alpha[0] < count:
        notes.append("the alpha channel was dropped")
        return np.delete(array, alpha[0], axis)
    return array


def _mirrored(array: NDArray[Any], bits: int) -> NDArray[Any]:
    """Return every value on the other side of the middle of its type; of a float, of the middle of the picture."""
    if array.dtype.kind == "u":
        highest = array.dtype.type(min(2**bits, 2 ** (8 * array.dtype.itemsize)) - 1)
        return np.asarray(highest - array)
    if array.dtype.kind in "ib":
        return ~array
    finite = array[np.isfinite(array)]
    return np.subtract(finite.max() + finite.min(), array, dtype=array.dtype) if finite.size else array


def _looked_up(array: NDArray[Any], letters: str, page: PageFacts, notes: list[str]) -> tuple[NDArray[Any], str]:
    """Return the colours of a palette, eight bits each; one grey value where every colour of it is grey."""
    if not page.coloured_by or "S" in letters or array.dtype.kind not in "uib":
        notes.append("the file has no usable colour table; the numbers of its colours are shown")
        return array, letters
    # Some programs write the table with eight bits instead of sixteen.
    tables = [(t if t.max() < 256 else t >> 8).astype(np.uint8) for t in page.coloured_by]
    index = array.astype(np.intp)
    pages = index.reshape(-1, *index.shape[-2:]) if len(tables) > 1 else index[None]
    if len(tables) not in (1, len(pages)):
        tables, pages = tables[:1], index[None]
        notes.append("the colour tables of the pages differ; that of the first was taken")
    colours = np.stack(
        [np.moveaxis(t[:, np.minimum(p, t.shape[1] - 1)], 0, -1) for t, p in zip(tables, pages, strict=True)]
    ).reshape(*index.shape, 3)
    if (colours == colours[..., :1]).all():
        notes.append("the colour table holds greys; its grey values are shown")
        return colours[..., 0], letters
    notes.append("the colours of the palette are shown")
    return colours, letters + "S"


def _as_rgb(array: NDArray[Any], page: PageFacts, notes: list[str]) -> NDArray[Any]:
    """Inks, brightness with colour differences, or Lab as RGB; the colours are the last axis."""
    if array.shape[-1] != _COLOURS[page.photometric] or array.dtype.kind not in "uif":
        notes.append("the values of a pixel are no colours that are known; each is shown as a channel")
        return array
    if page.photometric == _YCBCR:
        return array if page.compression in _JPEG else _from_ycbcr(array, page)
    if page.photometric == _INKS:
        notes.append("the inks (CMYK) were converted to RGB, without a colour profile")
        highest = _highest(array)
        paper = 1.0 - array.astype(np.float64) / highest
        return _in_type(paper[..., :3] * paper[..., 3:] * highest, array.dtype)
    notes.append(f"the colours ({_LAB[page.photometric]}) were converted to RGB")
    return _from_lab(array, page.photometric)


def _from_ycbcr(array: NDArray[Any], page: PageFacts) -> NDArray[Any]:
    """Full range unless the file's reference values say otherwise (TIFF 6.0, section 21)."""
    coefficients, reference = page.luma
    weights = _numbers(coefficients, 3) or (_LUMA[0], 1 - sum(_LUMA), _LUMA[1])
    highest = _highest(array)
    middle = (highest + 1) / 2 if array.dtype.kind != "f" else 0.0
    low = _numbers(reference, 6) or (0.0, highest, middle, highest, middle, highest)
    y, cb, cr = (array[..., i].astype(np.float64) for i in range(3))
    y = (y - low[0]) * highest / (low[1] - low[0])
    cb = (cb - low[2]) * (highest - middle) / (low[3] - low[2])
    cr = (cr - low[4]) * (highest - middle) / (low[5] - low[4])
    red = y + cr * (2 - 2 * weights[0])
    blue = y + cb * (2 - 2 * weights[2])
    green = (y - weights[0] * red - weights[2] * blue) / weights[1]
    return _in_type(np.stack([red, green, blue], -1), array.dtype)


def _from_lab(array: NDArray[Any], kind: int) -> NDArray[Any]:
    from skimage.color import lab2rgb

    lab = array.astype(np.float64)
    if array.dtype.kind != "f":
        full = float(_highest(array))
        lab[..., 0] *= 100.0 / full
        if kind == 8 and array.dtype.kind == "u":
            # a and b are signed, whatever the type of the pixel says.
            signed = array[..., 1:].view(np.dtype(f"i{array.dtype.itemsize}"))
            lab[..., 1:] = signed / (full + 1) * 256
        elif kind != 8:
            lab[..., 1:] = (array[..., 1:].astype(np.float64) - (full + 1) / 2) / (full + 1) * 256
    return np.asarray(np.rint(np.clip(lab2rgb(lab), 0, 1) * 255), np.uint8)


def _highest(array: NDArray[Any]) -> float:
    return 1.0 if array.dtype.kind == "f" else float(np.iinfo(array.dtype).max)


def _in_type(values: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind == "f":
        return values.astype(dtype)
    return np.clip(np.rint(values), 0, np.iinfo(dtype).max).astype(dtype)


def _numbers(value: Any, count: int) -> tuple[float, ...] | None:
    """Return the rationals of a tag as numbers; None where it is absent or makes no sense."""
    if value is None or len(value) != 2 * count:
        return None
    pairs = np.array(value, dtype=float).reshape(count, 2)
    numbers = pairs[:, 0] / np.where(pairs[:, 1] == 0, 1, pairs[:, 1])
    return tuple(float(n) for n in numbers) if np.isfinite(numbers).all() else None
