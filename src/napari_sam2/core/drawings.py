"""What the user draws by hand: outlines, scribbles and strokes of the brush; plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


# A scribble says about as much as a few clicks; more of them only cost time.
MOST_CLICKS = 8


@dataclass(frozen=True)
class Drawing:
    """A freely drawn shape: ``corners`` is ``(n, 2)``, ``(y, x)``, ``place`` its index in the layer."""

    place: int
    obj_id: int
    frame: int
    is_outline: bool
    corners: NDArray[np.float64]

    def fill(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return the pixels ``(Y, X) bool`` whose centres lie inside."""
        from skimage.draw import polygon2mask

        return np.asarray(polygon2mask(shape, self.corners), bool)

    def clicks(self, spacing: float) -> NDArray[np.float64]:
        """Points ``(n, 2)``, ``(y, x)``, evenly along the line, at least one."""
        steps = np.linalg.norm(np.diff(self.corners, axis=0), axis=1)
        along = np.concatenate([[0.0], np.cumsum(steps)])
        count = int(np.clip(round(along[-1] / spacing), 1, MOST_CLICKS))
        at = (np.arange(count) + 0.5) / count * along[-1]
        return np.stack([np.interp(at, along, self.corners[:, i]) for i in (0, 1)], axis=1)


@dataclass(eq=False)
class Stroke:
    """Pixels ``(Y, X) bool`` of a frame that were given to an object or taken from it, by object id.

    ``owner`` is whoever the strokes of the watched frame belong to, see :meth:`StrokeRecorder.watch`.
    """

    frame: int
    owner: Any
    painted: dict[int, NDArray[np.bool_]] = field(default_factory=dict)
    erased: dict[int, NDArray[np.bool_]] = field(default_factory=dict)
