"""Steps made ahead by other processes: a GPU would wait for its clips most of the time."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from training.crops import Clips
from training.recipe import Recipe
from training.steps import Step, StepMaker

_AHEAD = 2  # steps a worker has at most in hand or waiting
_maker: StepMaker | None = None  # of a worker's own process


class Ahead:
    """Makes the same steps as a `StepMaker`, in ``workers`` processes; a context manager.

    Each process has scenes and labelled sets of its own, so memory grows with the workers.
    """

    def __init__(self, recipe: Recipe, data: Sequence[Path], from_nothing: bool, workers: int) -> None:
        # Spawned: a forked process must not inherit a CUDA context.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(recipe, data, from_nothing))
        self._coming: dict[int, Future[Any]] = {}
        self._count = workers * _AHEAD

    def make(self, number: int) -> Step:
        """The step of this number; those after it are begun."""
        for wanted in range(number, number + self._count):
            if wanted not in self._coming:
                self._coming[wanted] = self._pool.submit(_make, wanted)
        images, masks, plan, prompter = self._coming.pop(number).result()
        return Step(Clips(torch.from_numpy(images), torch.from_numpy(masks)), plan, prompter)

    def __enter__(self) -> Ahead:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)


def _begin(recipe: Recipe, data: Sequence[Path], from_nothing: bool) -> None:
    global _maker
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches all processes; the first one ends the others
    _maker = StepMaker(recipe, data, from_nothing)


def _make(number: int) -> tuple[Any, ...]:
    assert _maker is not None
    step = _maker.make(number)
    # As arrays: tensors would travel through shared memory, of which containers often have little.
    return step.clips.images.numpy(), step.clips.masks.numpy(), step.plan, step.prompter
