"""Pictures of results for people: slices with the outlines of objects, side by side in one PNG."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_TILE = 300


def overlay(
    frame: NDArray[np.float32], masks: Sequence[tuple[NDArray[np.bool_], tuple[float, float, float]]], caption: str
) -> Image.Image:
    """Return one tile: a grey or RGB frame in 0…1 ``(Y, X, C)`` with the outline and a light fill of each mask.

    Parameters
    ----------
    frame
        Picture.
    masks
        Pairs of mask ``(Y, X)`` and colour ``(r, g, b)`` in 0…1.
    caption
        Text in the corner.
    """
    picture = np.repeat(frame, 3, axis=-1) if frame.shape[-1] == 1 else frame
    scale = max(1, round(_TILE / max(picture.shape[:2])))
    picture = picture.repeat(scale, axis=0).repeat(scale, axis=1).astype(np.float64)
    for mask, color in masks:
        large = mask.repeat(scale, axis=0).repeat(scale, axis=1)
        rim = large & ~ndimage.binary_erosion(large, iterations=max(1, scale // 2))
        picture[large] = 0.8 * picture[large] + 0.2 * np.array(color)
        picture[rim] = color
    tile = Image.fromarray((np.clip(picture, 0, 1) * 255).astype(np.uint8))
    ImageDraw.Draw(tile).text((5, 4), caption, fill=(255, 255, 120))
    return tile


def save_montage(path: Path, tiles: Sequence[Image.Image], columns: int) -> None:
    """Put tiles in rows and save them as PNG."""
    width, height = max(t.width for t in tiles), max(t.height for t in tiles)
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * (width + 4) - 4, rows * (height + 4) - 4))
    for i, tile in enumerate(tiles):
        sheet.paste(tile, ((i % columns) * (width + 4), (i // columns) * (height + 4)))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def montage_frames(found: Mapping[int, NDArray[np.bool_]], count: int) -> list[int]:
    """Return frames spread evenly over those on which a mask is not empty."""
    filled = [f for f, mask in sorted(found.items()) if mask.any()]
    if not filled:
        return []
    return sorted({filled[round(i * (len(filled) - 1) / max(count - 1, 1))] for i in range(count)})
