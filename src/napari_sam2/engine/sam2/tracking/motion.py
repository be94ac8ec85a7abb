"""Where an object should be next by how it moved so far: the motion of SAMURAI (Yang et al. 2024)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.engine.sam2.tracking import crop_window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_sam2.engine.protocols import CropWindow

Box = tuple[float, float, float, float]
"""``(y0, x0, y1, x1)`` in pixels of the frame."""
_STABLE = 15  # frames in a row
_LEAST_IOU = 0.3
_POSITION, _VELOCITY = 1 / 20, 1 / 160  # noise, in heights of the box
_ASPECT, _ASPECT_CHANGE, _ASPECT_SEEN = 1e-2, 1e-5, 1e-1
_STEP = np.eye(8) + np.eye(8, k=4)
_WIDE = 144  # channels of Meta's large encoder


class Motion:
    """A Kalman filter of constant velocity on the box of one track: centre, aspect and height.

    Parameters
    ----------
    weight
        How much the overlap with the expected box counts beside the predicted IoU, 0…1.
    """

    def __init__(self, weight: float = 0.25) -> None:
        self._weight = weight
        self._stable = 0
        self._mean: NDArray[np.float64] = np.zeros(8)
        self._covariance: NDArray[np.float64] = np.zeros((8, 8))

    def expected(self) -> Box | None:
        """Return the box on the next frame; None until 15 sure masks in a row said how the object moves."""
        if self._stable < _STABLE:
            return None
        x, y, aspect, height = (_STEP @ self._mean)[:4]
        half_y, half_x = height / 2, max(aspect, 0.0) * height / 2
        return y - half_y, x - half_x, y + half_y, x + half_x

    def choice(self, boxes: Sequence[Box | None], ious: Sequence[float]) -> int | None:
        """Return which of several masks is the likeliest, from their boxes and predicted IoUs; None: not known yet."""
        expected = self.expected()
        if expected is None:
            return None
        w = self._weight
        worth = [w * box_iou(expected, box) + (1 - w) * iou for box, iou in zip(boxes, ious, strict=True)]
        return int(np.argmax(worth))

    def see(self, box: Box | None, iou: float) -> None:
        """Take in the mask of the next frame; an empty or a poor one starts the filter anew."""
        if box is None or iou <= _LEAST_IOU:
            self._stable = 0
            return
        y0, x0, y1, x1 = box
        height = y1 - y0
        seen = np.array([(x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / height, height])
        if self._stable:
            self._correct(seen)
        else:
            self._mean = np.concatenate([seen, np.zeros(4)])
            self._covariance = _noise(height, 2.0, 10.0)
        self._stable += 1

    def _correct(self, seen: NDArray[np.float64]) -> None:
        covariance = _STEP @ self._covariance @ _STEP.T + _noise(self._mean[3])
        mean = _STEP @ self._mean
        spread = covariance[:4, :4] + np.diag(np.square(_deviations(mean[3], _POSITION, _ASPECT_SEEN)))
        gain = np.linalg.solve(spread, covariance[:4]).T
        self._mean = mean + gain @ (seen - mean[:4])
        self._covariance = covariance - gain @ spread @ gain.T


def new_motion(embed_dim: int) -> Motion:
    """Return the motion of a new track, with the weight that suits the size of the encoder."""
    return Motion(0.15 if embed_dim >= _WIDE else 0.25)


def box_of(logits: Tensor, window: CropWindow) -> Box | None:
    """Return the box of a mask, given as logits ``(n, n)`` of a window; None of an empty one."""
    box = crop_window.box_in_window(logits > 0)
    return None if box is None else crop_window.to_frame_box(box, logits.shape[-1], window)


def box_iou(one: Box, other: Box | None) -> float:
    """Return the IoU of two boxes; 0 where there is none."""
    if other is None:
        return 0.0
    height = min(one[2], other[2]) - max(one[0], other[0])
    width = min(one[3], other[3]) - max(one[1], other[1])
    common = max(height, 0.0) * max(width, 0.0)
    return common / (_area(one) + _area(other) - common) if common else 0.0


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _deviations(height: float, of_height: float, of_aspect: float) -> list[float]:
    return [of_height * height, of_height * height, of_aspect, of_height * height]


def _noise(height: float, position: float = 1.0, velocity: float = 1.0) -> NDArray[np.float64]:
    """Return the covariance of a step, or that of a first box, which is less sure of place and velocity."""
    place = _deviations(height, position * _POSITION, _ASPECT)
    change = _deviations(height, velocity * _VELOCITY, _ASPECT_CHANGE)
    return np.diag(np.square([*place, *change]))
