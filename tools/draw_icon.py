"""Draw the plugin's icon, ``src/napari_sam2/icon.png``: ``python -m tools.draw_icon``.

A stack of slices; a box on the middle one, and the object on all of them.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

ICON = Path(__file__).resolve().parents[1] / "src" / "napari_sam2" / "icon.png"
_SIDE = 256
_OVERSAMPLING = 4
_SLICE, _EDGE, _OBJECT, _BOX = (38, 45, 59), (120, 134, 158), (64, 196, 160), (255, 196, 61)


def draw_icon(side: int = _SIDE) -> Image.Image:
    """Return the icon as RGBA, ``side`` pixels square."""
    big = side * _OVERSAMPLING
    unit = big / 256
    image = Image.new("RGBA", (big, big), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    for number, top in enumerate((58, 104, 150)):
        # A slice in perspective: a parallelogram.
        corners = [(64, top), (244, top), (192, top + 64), (12, top + 64)]
        draw.polygon(
            [(x * unit, y * unit) for x, y in corners], fill=(*_SLICE, 235), outline=_EDGE, width=int(4 * unit)
        )
        half = (34, 42, 30)[number]
        draw.ellipse(
            [(128 - half) * unit, (top + 32 - half / 2.2) * unit, (128 + half) * unit, (top + 32 + half / 2.2) * unit],
            fill=_OBJECT,
        )
        if number == 1:
            box = [(94, top + 8), (198, top + 8), (166, top + 56), (62, top + 56)]
            draw.polygon([(x * unit, y * unit) for x, y in box], outline=_BOX, width=int(7 * unit))
    return image.resize((side, side), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    draw_icon().save(ICON, optimize=True)
