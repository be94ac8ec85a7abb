"""The faint outline of the part of a frame that the model sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam2.core.prompts import BoxPrompt
from napari_sam2.layers.image import place_on
from napari_sam2.layers.prompts import marker_size, rectangle_of

if TYPE_CHECKING:
    from napari.layers import Image, Shapes

    from napari_sam2.core.frames import FrameGrid

WINDOW_NAME = "SAM 2 window"


def make_outline(image: Image) -> Shapes:
    """Make the layer that shows faintly which part of a frame the model sees."""
    from napari.layers import Shapes

    return Shapes(
        ndim=image.ndim,
        name=WINDOW_NAME,
        edge_color="white",
        face_color="transparent",
        edge_width=marker_size(image) / 12,
        opacity=0.35,
        **place_on(image),
    )


def draw_window(outline: Shapes, grid: FrameGrid, frame: int, window: tuple[float, float, float, float] | None) -> None:
    """Outline this part of a frame alone; None takes the outline away.

    Parameters
    ----------
    window
        ``(y0, x0, y1, x1)`` with edges in pixels from the picture's corner; cut at the centres of the outermost
        pixels, so that neither the extent of the scene nor the steps of the sliders change.
    """
    if outline.nshapes:
        outline.remove(list(range(outline.nshapes)))
    if window is not None:
        y0, x0, y1, x1 = window
        height, width = grid.frame_shape
        box = BoxPrompt(max(y0, 0.5), max(x0, 0.5), min(y1, height - 0.5), min(x1, width - 0.5))
        outline.add([rectangle_of(box, frame, grid)], shape_type="rectangle")
        outline.editable = False
