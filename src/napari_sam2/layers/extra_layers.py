"""Layers for a moment: proposals to choose from, clicks into daughters; and the Tracks layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Points, Tracks
from napari.utils import DirectLabelColormap

from napari_sam2.layers.geometry import geometry_of, moved_by
from napari_sam2.layers.image import grid_shape, place_on
from napari_sam2.layers.prompts import marker_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_sam2.core.frames import FrameGrid

PROPOSALS_NAME, DAUGHTERS_NAME, TRACKS_NAME = "SAM 2 proposals", "SAM 2 daughters", "SAM 2 tracks"
PLANE_NAME = "SAM 2 this plane"
_ASKED, _OTHERS = "#f9c22b", "#3fc1c9"


def make_proposals(image: Image, grid: FrameGrid, frame: int, masks: Sequence[NDArray[np.bool_]]) -> Labels:
    """Make a labels layer that outlines masks on a frame, numbered from 1; where two meet, the first has the pixel."""
    array = np.zeros(grid_shape(image), np.uint16)
    plane = np.zeros(grid.frame_shape, np.uint16)
    for number, mask in reversed(list(enumerate(masks, start=1))):
        plane[mask] = number
    array[grid.label_index(frame)] = plane
    layer = Labels(array, name=PROPOSALS_NAME, opacity=0.9, **place_on(image))
    layer.contour = 2
    layer.editable = False
    return layer


def make_plane(image: Image, grid: FrameGrid, frame: int, labels: NDArray[np.uint16]) -> Labels:
    """Make a labels layer of one frame, whatever its plane, which outlines its objects.

    Parameters
    ----------
    grid
        Of the image, along the axis across the plane.
    labels
        ``(Y, X)`` of the frame.
    """
    shape = [n if a in grid.plane_axes else 1 for a, n in zip(grid.label_axes, grid.label_shape, strict=True)]
    place = moved_by(place_on(image), grid.from_frame(frame, 0.0, 0.0))
    layer = Labels(labels.reshape(shape), name=PLANE_NAME, opacity=1.0, **place)
    layer.contour = 1
    layer.editable = False
    return layer


def ask_about(layer: Labels, number: int) -> None:
    """Show one of the proposals in another colour than the others."""
    layer.colormap = DirectLabelColormap(color_dict={0: "transparent", number: _ASKED, None: _OTHERS})
    layer.selected_label = number


def make_daughters(image: Image) -> Points:
    """Make an empty points layer for the clicks into the daughters of a division."""
    return Points(
        ndim=image.ndim,
        name=DAUGHTERS_NAME,
        symbol="star",
        face_color="yellow",
        size=1.5 * marker_size(image),
        **place_on(image),
    )


def make_tracks(image: Image, letters: str, data: NDArray[np.float64], graph: Mapping[int, list[int]]) -> Tracks:
    """Make a Tracks layer on an image.

    Parameters
    ----------
    image
        The time-lapse, whose first axis is time.
    letters
        Of its axes, the channel included.
    data, graph
        As :func:`napari_sam2.io.tracks.napari_tracks` gives them.
    """
    place: dict[str, Any] = geometry_of(image)
    if "c" in letters:
        # Tracks are of all channels.
        data = np.insert(data, 1 + letters.index("c"), 0.0, axis=1)
    return Tracks(data, graph=dict(graph), name=TRACKS_NAME, tail_length=max(2, int(data[:, 1].max()) + 1), **place)
