"""The colours of a PALETTE COLOR picture: plain and segmented look-up tables, and the well-known ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

_COLOURS = ("Red", "Green", "Blue")


def coloured(stored: NDArray[Any], ds: Dataset) -> NDArray[np.uint8]:
    """Return ``(Y, X, 3)`` colours of stored values ``(Y, X)``.

    Raises
    ------
    ValueError
        If the palette is missing or damaged.
    """
    uid = str(ds.get("PaletteColorLookupTableUID") or "")
    tables = [_table(ds, colour) for colour in _COLOURS]
    if any(t is None for t in tables):
        if not uid:
            raise ValueError("it is a palette picture without its palette")
        return _well_known(stored, uid)
    known = [t for t in tables if t is not None]
    # Entries of 16 bits have 8 significant ones, above or (in some files) below the others.
    wide = max(int(entries.max()) for entries, _ in known) > 255
    channels = []
    for entries, first in known:
        index = np.clip(stored.astype(np.int64) - first, 0, len(entries) - 1)
        channels.append((entries[index] >> 8 if wide else entries[index]).astype(np.uint8))
    return np.stack(channels, axis=-1)


def _well_known(stored: NDArray[Any], uid: str) -> NDArray[np.uint8]:
    from pydicom.pixels import apply_color_lut

    index = np.clip(stored, 0, 255).astype(np.uint8)
    return np.asarray(apply_color_lut(index, palette=uid))[..., :3].astype(np.uint8)


def _table(ds: Dataset, colour: str) -> tuple[NDArray[np.int64], int] | None:
    """Return the entries of one colour, and the stored value of the first."""
    descriptor = ds.get(f"{colour}PaletteColorLookupTableDescriptor")
    plain = ds.get(f"{colour}PaletteColorLookupTableData")
    segmented = ds.get(f"Segmented{colour}PaletteColorLookupTableData")
    if descriptor is None or (plain is None and segmented is None):
        return None
    count, first, bits = (int(v) for v in descriptor)
    # 0 stands for 65536, which needs 17 bits; a first value below zero may be written as unsigned.
    count = count or 2**16
    if int(ds.get("PixelRepresentation") or 0) == 1 and first >= 2**15:
        first -= 2**16
    order = ">" if ds.original_encoding[1] is False else "<"
    if plain is not None:
        return _numbers(plain, order, 2 if isinstance(plain, bytes) and len(plain) >= 2 * count else 1)[:count], first
    size = 2 if bits > 8 else 1
    return np.array(_expanded(_numbers(segmented, order, size), size)[:count], dtype=np.int64), first


def _numbers(data: Any, order: str, size: int) -> NDArray[np.int64]:
    if not isinstance(data, bytes):
        return np.atleast_1d(np.asarray(data, dtype=np.int64))
    return np.frombuffer(data[: len(data) // size * size], dtype=f"{order}u{size}").astype(np.int64)


def _expanded(data: NDArray[np.int64], size: int) -> list[int]:
    """Expand a segmented table of `size` bytes a number: runs of values, straight lines, repeated segments."""
    entries: list[int] = []
    starts: list[int] = []
    position = 0
    while position + 1 < len(data):
        starts.append(position)
        if int(data[position]) != 2:
            position = _segment(data, position, entries)
            continue
        # The offset in bytes of the first of the segments that come again has 32 bits; some writers count numbers.
        parts = [int(v) << 8 * size * i for i, v in enumerate(data[position + 2 : position + 2 + 4 // size])]
        place = next((p for p in (sum(parts) // size, sum(parts)) if p in starts), None)
        for _ in range(int(data[position + 1])):
            if place is None or place >= position or int(data[place]) == 2:
                raise ValueError("the palette is damaged: a segment refers to none before it")
            place = _segment(data, place, entries)
        position += 2 + 4 // size
    return entries


def _segment(data: NDArray[np.int64], position: int, entries: list[int]) -> int:
    """Append a run of values or a straight line to the entries; returns where the next segment starts."""
    code, length = int(data[position]), int(data[position + 1])
    if code == 0:
        entries.extend(int(v) for v in data[position + 2 : position + 2 + length])
        return position + 2 + length
    if code != 1 or not entries or position + 2 >= len(data):
        raise ValueError(f"the palette is damaged: segment {code} cannot stand there")
    entries.extend(int(v) for v in np.rint(np.linspace(entries[-1], float(data[position + 2]), length + 1)[1:]))
    return position + 3
