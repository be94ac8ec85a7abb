"""Adapts to memory that ran out: one step back at a time, with a note, and the work goes on.

Steps, in this order: fewer frames or objects at once, then cached embeddings off the device. What was computed stays.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import torch

from napari_sam2.engine.device import release_memory
from napari_sam2.errors import OutOfMemoryError

if TYPE_CHECKING:
    from napari_sam2.engine.sam2.tracking.embedding_store import EmbeddingStore

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")
_SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "invalid buffer size")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error of torch means that memory ran out; only CUDA has a class of its own for it."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


class BatchSizer:
    """Decides how much is computed at once, and does with less when memory runs out.

    Parameters
    ----------
    device : torch.device
        Of the network.
    store : EmbeddingStore
    frames_at_once : int
        Frames in one batch of the image encoder.
    objects_at_once : int
        Objects in one batch of tracking.

    Attributes
    ----------
    notes : list of str
        Every step that was taken, for the user.
    """

    def __init__(
        self, device: torch.device, store: EmbeddingStore, frames_at_once: int = 8, objects_at_once: int = 16
    ) -> None:
        self._device, self._store = device, store
        self.frames_at_once, self.objects_at_once = frames_at_once, objects_at_once
        self.notes: list[str] = []

    def encode(self, work: Callable[[Sequence[Item]], Sequence[Result]], items: Sequence[Item]) -> list[Result]:
        """Do ``work`` on frames, as many at once as memory allows; the results in order."""
        return self._in_parts("frames", work, items)

    def track(self, work: Callable[[Sequence[Item]], Sequence[Result]], items: Sequence[Item]) -> list[Result]:
        """Do ``work`` on objects, as many at once as memory allows; the results in order."""
        return self._in_parts("objects", work, items)

    def _in_parts(
        self, what: str, work: Callable[[Sequence[Item]], Sequence[Result]], items: Sequence[Item]
    ) -> list[Result]:
        """``work`` must change nothing until it returns, because it may be called again for the same items."""
        results: list[Result] = []
        while len(results) < len(items):
            part = items[len(results) : len(results) + getattr(self, f"{what}_at_once")]
            try:
                results.extend(work(part))
                continue
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                reason = str(error).splitlines()[0] if str(error) else "out of memory"
            # Out here, because the error held on to the tensors of the failed attempt.
            self._step_back(what, len(part), reason)
            release_memory(str(self._device))
        return results

    def _step_back(self, what: str, tried: int, reason: str) -> None:
        if tried > 1:
            setattr(self, f"{what}_at_once", tried // 2)
            fewer = "one by one" if tried // 2 == 1 else f"{tried // 2} at once"
            self._note(
                f"Memory on {self._device} ran out: {what} are now computed {fewer}, instead of {tried} at once."
            )
        elif self._store.leave_device():
            self._note(f"Memory on {self._device} ran out: cached embeddings now stay in main memory.")
        else:
            raise OutOfMemoryError(
                f"There is not enough memory on {self._device} for this model, even one image and object at a time.\n"
                f"Take a smaller model, close other programs, or choose the device 'cpu'. ({reason})"
            )

    def _note(self, text: str) -> None:
        self.notes.append(text)
        logger.warning("%s", text)
