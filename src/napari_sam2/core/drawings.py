"""What the user draws by hand: outlines, scribbles and strokes of the brush; plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


# A scribble says about as much as a few clicks; more of them only cost time.
MOST_CLICKS = 8
# The ends of a line lie on the edge of the object: so far inwards, as a share of its length, the clicks beside them.
_INSET = 0.1


@dataclass(frozen=True)
class Drawing:
    """A freely drawn shape: ``corners`` is ``(n, 2)``, ``(y, x)``, ``place`` its index in the layer.

    ``is_line``: a straight line from edge to edge of the object, such as its long axis.
    """

    place: int
    obj_id: int
    frame: int
    is_outline: bool
    corners: NDArray[np.float64]
    is_line: bool = False

    @property
    def is_too_short(self) -> bool:
        """Return whether it is a line of less than a pixel, which says nothing."""
        return self.is_line and float(np.linalg.norm(self.corners[-1] - self.corners[0])) < 1

    def fill(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return the pixels ``(Y, X) bool`` whose centres lie inside."""
        from skimage.draw import polygon2mask

        return np.asarray(polygon2mask(shape, self.corners), bool)

    def clicks(self, spacing: float) -> NDArray[np.float64]:
        """Points ``(n, 2)``, ``(y, x)``: evenly along a scribble, at least one; of a line as :func:`line_clicks`."""
        if self.is_line:
            return self.corners[:0] if self.is_too_short else line_clicks(self.corners)
        steps = np.linalg.norm(np.diff(self.corners, axis=0), axis=1)
        along = np.concatenate([[0.0], np.cumsum(steps)])
        count = int(np.clip(round(along[-1] / spacing), 1, MOST_CLICKS))
        at = (np.arange(count) + 0.5) / count * along[-1]
        return np.stack([np.interp(at, along, self.corners[:, i]) for i in (0, 1)], axis=1)


def line_clicks(ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the clicks ``(3, 2)`` that a line across an object stands for: in its middle, and beside its ends.

    Examples
    --------
    >>> import numpy as np
    >>> line_clicks(np.array([[4.0, 10.0], [14.0, 10.0]])).tolist()
    [[5.0, 10.0], [9.0, 10.0], [13.0, 10.0]]
    """
    first, last = ends[0], ends[-1]
    return np.stack([first + part * (last - first) for part in (_INSET, 0.5, 1 - _INSET)])


@dataclass(eq=False)
class Stroke:
    """Pixels ``(Y, X) bool`` of a frame that were given to an object or taken from it, by object id.

    ``owner`` is whoever the strokes of the watched frame belong to, see :meth:`StrokeRecorder.watch`.
    """

    frame: int
    owner: Any
    painted: dict[int, NDArray[np.bool_]] = field(default_factory=dict)
    erased: dict[int, NDArray[np.bool_]] = field(default_factory=dict)
