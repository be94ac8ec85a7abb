"""What some streams can do beside answering and tracking. Ask with ``isinstance``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from napari_sam2.engine.predictions import CropWindow, Proposal


@runtime_checkable
class Checks(Protocol):
    """A stream that can judge tracked masks by going back. Ask with ``isinstance``: not every stream can."""

    def check(
        self,
        anchor: int,
        mask: NDArray[np.bool_],
        tracked: Mapping[int, NDArray[np.bool_]],
        *,
        stride: int = 1,
    ) -> Iterator[tuple[int, float]]:
        """Track back from each tracked frame, by its mask alone, to the accepted frame that it comes from.

        Parameters
        ----------
        anchor
            The accepted frame.
        mask
            Its mask, ``(Y, X) bool``.
        tracked
            By frame the masks to be judged, ``(Y, X) bool``.
        stride
            Frames from one step to the next on the way back: fewer steps, less like the way there.

        Yields
        ------
        frame : int
        iou : float
            Of what came back with ``mask``; NaN for an empty mask, from which there is no way back.
        """
        ...


@runtime_checkable
class BoundsObjects(Protocol):
    """A stream that knows how many objects it can follow at once. Ask with ``isinstance``."""

    def objects_that_fit(self) -> int:
        """Return for how many objects a run can be made at once, both ways, in the memory that is free now.

        More than these are tracked in chunks, one run after the other: a track holds the memory of its object.
        """
        ...


@runtime_checkable
class Proposes(Protocol):
    """A stream that finds objects without prompts. Ask with ``isinstance``: not every stream can."""

    def propose(
        self,
        frame: int,
        spacing_px: float | None = None,
        *,
        min_iou: float | None = None,
        min_stability: float | None = None,
        max_overlap: float = 0.5,
        forbidden: NDArray[np.bool_] | None = None,
        cancelled: Callable[[], bool] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Proposal]:
        """Find objects by a grid of clicks; the best first.

        Parameters
        ----------
        frame
            Index of the frame.
        spacing_px
            Pixels from click to click; None: 16 clicks along the shorter side, and half the spacing, up to twice, where
            the objects that were found are smaller than it.
        min_iou, min_stability
            Least predicted IoU, and least ratio of the areas above a higher and a lower threshold; None: as the model
            asks. With None for the ratio, an edge that lies within a pixel of the frame at both is stable, too.
        max_overlap
            Of two proposals of a higher IoU only the better one stays.
        forbidden
            ``(Y, X) bool``: where nothing is looked for, such as objects that are there already.
        cancelled
            Asked between batches; True ends it, and what was found is returned.
        progress
            Called with the clicks done and to do.
        """
        ...


@runtime_checkable
class EncodesAhead(Protocol):
    """A stream that can compute ahead while nobody waits for it. Ask with ``isinstance``: not every stream can."""

    @property
    def sees_whole_frames(self) -> bool:
        """Return whether all objects share one window, the whole frame; else windows are known only while tracking."""
        ...

    def encode_ahead(
        self,
        frames: Iterable[int],
        window: CropWindow | None = None,
        *,
        cancelled: Callable[[], bool] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Make the embeddings of frames that will be wanted.

        Meant for a thread in the background: requests of other threads go first.

        Parameters
        ----------
        frames
            Indices, in the order in which to make them: from the current frame outwards, or a whole range.
        window
            Through which the frames will be seen; None: the whole frame. Models that zoom need the window of an
            object, which its last `Prediction` tells.
        cancelled
            Asked between frames; True ends it, and what was made is kept.
        progress
            Called with the frames done and to do.

        Returns
        -------
        int
            How many were made; the others were there already.
        """
        ...

    def count_encoded(self, frames: Iterable[int]) -> int:
        """Return how many of these frames have an embedding of the whole frame already."""
        ...
