"""Masks: run-length storage, and the overlap rule that turns the objects' masks into one label picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_sam2.core.run_pool import POOL, RunPool, SpilledRuns
from napari_sam2.errors import NapariSam2Error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Overlap = Literal["keep", "overwrite", "score"]
OVERLAPS: tuple[Overlap, ...] = ("keep", "overwrite", "score")


class RunLengthMask:
    """A ``(Y, X)`` mask stored as runs of the flattened picture. It cannot be changed.

    The runs of many large masks are on the disk, see :mod:`napari_sam2.core.run_pool`.

    Parameters
    ----------
    shape
        ``(Y, X)``.
    runs
        ``(n, 2) int32`` of start and stop, read-only.
    """

    __slots__ = ("__weakref__", "_area", "_count", "_held", "shape")
    shape: tuple[int, int]

    def __init__(self, shape: tuple[int, int], runs: NDArray[np.int32]) -> None:
        self.shape = shape
        self._count = len(runs)
        self._area: int | None = None
        self._held: NDArray[np.int32] | SpilledRuns = runs
        POOL.add(self)

    @classmethod
    def encode(cls, mask: NDArray[np.bool_]) -> RunLengthMask:
        """Store a ``(Y, X) bool`` mask."""
        flat = np.ascontiguousarray(mask, dtype=bool).ravel()
        edges = np.flatnonzero(np.diff(flat.view(np.int8), prepend=np.int8(0), append=np.int8(0)))
        runs = edges.reshape(-1, 2).astype(np.int32)
        runs.setflags(write=False)
        return cls((int(mask.shape[0]), int(mask.shape[1])), runs)

    @property
    def runs(self) -> NDArray[np.int32]:
        """``(n, 2) int32`` of start and stop.

        Raises
        ------
        ReadError
            If they were put aside on a disk that refuses.
        """
        # Looked up once: they may be put aside meanwhile.
        held = self._held
        return held if isinstance(held, np.ndarray) else held.read()

    @property
    def nbytes(self) -> int:
        """Bytes of the runs, wherever they are."""
        return 8 * self._count

    def spill(self, pool: RunPool) -> None:
        """Put the runs aside in a pool; OSError where its disk refuses."""
        if isinstance(self._held, np.ndarray):
            self._area = self.area
            self._held = pool.write(self._held)

    def decode(self) -> NDArray[np.bool_]:
        """Return the mask, ``(Y, X) bool``, a new array."""
        runs = self.runs
        steps = np.zeros(self.shape[0] * self.shape[1] + 1, dtype=np.int8)
        steps[runs[:, 0]] = 1
        steps[runs[:, 1]] = -1
        return np.cumsum(steps[:-1], dtype=np.int8).view(np.bool_).reshape(self.shape)

    @property
    def area(self) -> int:
        """Number of pixels inside."""
        if self._area is not None:
            return self._area
        runs = self.runs
        return int((runs[:, 1] - runs[:, 0]).sum())

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, RunLengthMask) or (self.shape, self._count) != (other.shape, other._count):
            return False
        return np.array_equal(self.runs, other.runs)

    def __hash__(self) -> int:
        return hash((self.shape, self.runs.tobytes()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(shape={self.shape}, runs={self.runs!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.shape, self.runs)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready description."""
        return {"shape": list(self.shape), "runs": self.runs.tolist()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunLengthMask:
        """Return the mask of :meth:`to_dict`."""
        height, width = data["shape"]
        runs = np.asarray(data["runs"], dtype=np.int32).reshape(-1, 2)
        return cls((int(height), int(width)), runs)


class LazyMasks(Mapping[int, "NDArray[np.bool_]"]):
    """Masks ``(Y, X) bool`` by object id, each decoded when it is first asked for.

    Parameters
    ----------
    encoded
        The masks by object id, in the order in which they are listed.

    Examples
    --------
    >>> masks = LazyMasks({1: RunLengthMask.encode(np.eye(2, dtype=bool))})
    >>> masks[1]
    array([[ True, False],
           [False,  True]])
    """

    def __init__(self, encoded: Mapping[int, RunLengthMask]) -> None:
        self._encoded = dict(encoded)
        # Kept, so that what the caller changes in a mask is still there when it is looked up again.
        self._decoded: dict[int, NDArray[np.bool_]] = {}

    def __getitem__(self, obj_id: int) -> NDArray[np.bool_]:
        if obj_id not in self._decoded:
            self._decoded[obj_id] = self._encoded[obj_id].decode()
        return self._decoded[obj_id]

    def __iter__(self) -> Iterator[int]:
        return iter(self._encoded)

    def __contains__(self, obj_id: object) -> bool:
        return obj_id in self._encoded

    def __len__(self) -> int:
        return len(self._encoded)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self)!r})"


def bounding_box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    """Return the half-open box ``(y0, x0, y1, x1)`` around a mask, or None if it is empty."""
    box = box_around(mask)
    if box is None:
        return None
    y, x = box
    return y.start, x.start, y.stop, x.stop


def box_around(mask: NDArray[np.bool_], margin: Sequence[int] | None = None) -> tuple[slice, ...] | None:
    """Return the box around a mask of any number of axes, or None if it is empty.

    Parameters
    ----------
    mask
        The mask.
    margin
        What the box has to spare along each axis; it may end beyond the array, but does not begin before it.
    """
    box = []
    for axis, extra in enumerate(margin or (0,) * mask.ndim):
        filled = np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        if filled.size == 0:
            return None
        box.append(slice(max(int(filled[0]) - extra, 0), int(filled[-1]) + extra + 1))
    return tuple(box)


def deepest_pixel(mask: NDArray[np.bool_]) -> tuple[int, int]:
    """``(y, x)`` of the pixel farthest from the outside, the frame's border counting as outside."""
    from scipy.ndimage import distance_transform_edt

    depth = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), mask.shape)
    return int(y), int(x)


def check_overlap(rule: str) -> Overlap:
    """Return the overlap rule, or raise an error that lists the rules."""
    for known in OVERLAPS:
        if rule == known:
            return known
    raise NapariSam2Error(f"There is no overlap rule {rule!r}; choose one of {', '.join(OVERLAPS)}.")


def compose(
    masks: Sequence[tuple[int, RunLengthMask]],
    shape: tuple[int, int],
    overlap: Overlap,
    locked: Sequence[tuple[int, RunLengthMask]] = (),
) -> NDArray[np.uint16]:
    """Return one label picture from the objects' masks.

    Parameters
    ----------
    masks
        Object id and mask, in the order of the objects.
    shape
        ``(Y, X)``.
    overlap
        ``"overwrite"``: a later object takes pixels from an earlier one; otherwise the earlier keeps them.
    locked
        Masks that no rule takes pixels from, the one locked first first.
    """
    out = np.zeros(shape[0] * shape[1], dtype=np.uint16)
    # Painted last wins.
    for obj_id, mask in (*(masks if overlap == "overwrite" else reversed(masks)), *reversed(locked)):
        for start, stop in mask.runs:
            out[start:stop] = obj_id
    return out.reshape(shape)


def resolve_by_score(logits: Mapping[int, NDArray[np.float32]]) -> dict[int, NDArray[np.bool_]]:
    """Masks of objects that were computed together: each pixel goes to the object with the highest positive logit."""
    ids = list(logits)
    stack = np.stack([logits[i] for i in ids])
    winner = stack.argmax(axis=0)
    return {i: (winner == k) & (stack[k] > 0) for k, i in enumerate(ids)}
