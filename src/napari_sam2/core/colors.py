"""The colours of objects, the same in a session, in the layers and in files."""

from __future__ import annotations

import colorsys


def object_color(obj_id: int) -> tuple[float, float, float]:
    """Return red, green and blue, each from 0 to 1, of an object that was given no colour; hues are far apart.

    Neighbouring numbers differ by the golden ratio of the colour circle.
    """
    return colorsys.hsv_to_rgb((0.02 + obj_id * 0.618034) % 1.0, 0.75, 0.95)
