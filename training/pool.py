"""A pool of items that take long to make and are used many times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")


class Pool(Generic[T]):
    """A window over an endless, numbered series, which moves on as training does.

    An item is made when it is first asked for. The number alone determines it, so a run that is stopped and
    taken up again sees the same.

    Parameters
    ----------
    make
        Makes the item of a number.
    size
        How many are in use at a time.
    per_step
        By how many the window moves at each step.
    """

    def __init__(self, make: Callable[[int], T], size: int, per_step: float) -> None:
        self._make, self._size, self._per_step = make, size, per_step
        self._made: dict[int, T] = {}

    def draw(self, rng: np.random.Generator, step: int) -> T:
        """Draw one of those in use at this step.

        Parameters
        ----------
        rng
            Everything follows from it.
        step
            Number of the training step.
        """
        first = int(step * self._per_step)
        number = first + int(rng.integers(self._size))
        if number not in self._made:
            for old in [n for n in self._made if n < first]:
                del self._made[old]
            self._made[number] = self._make(number)
        return self._made[number]
