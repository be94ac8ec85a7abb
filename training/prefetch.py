"""Make steps ahead of time in other processes: a GPU would wait for its clips most of the time."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from training.clip_sampling import ClipBatch
from training.recipe import Recipe
from training.steps import Step, StepMaker

_STEPS_PER_WORKER = 2  # steps a worker has at most in hand or waiting
_maker: StepMaker | None = None  # of a worker's own process


class StepPrefetcher:
    """Makes the same steps as a `StepMaker` ahead of time, in other processes; a context manager.

    Each process has scenes and labelled sets of its own, so memory grows with the workers.

    Parameters
    ----------
    recipe, data, from_scratch
        See `StepMaker`.
    workers
        Number of processes.
    """

    def __init__(self, recipe: Recipe, data: Sequence[Path], from_scratch: bool, workers: int) -> None:
        # Spawned: a forked process must not inherit a CUDA context.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(
            workers, context, initializer=_start_worker, initargs=(recipe, data, from_scratch)
        )
        self._pending: dict[int, Future[Any]] = {}
        self._count = workers * _STEPS_PER_WORKER

    def make(self, number: int) -> Step:
        """Return the step of this number; those after it are begun.

        Parameters
        ----------
        number
            Of the step, from 0 on.
        """
        for wanted in range(number, number + self._count):
            if wanted not in self._pending:
                self._pending[wanted] = self._pool.submit(_make_step, wanted)
        images, masks, script, prompter = self._pending.pop(number).result()
        return Step(ClipBatch(torch.from_numpy(images), torch.from_numpy(masks)), script, prompter)

    def __enter__(self) -> StepPrefetcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)


def _start_worker(recipe: Recipe, data: Sequence[Path], from_scratch: bool) -> None:
    global _maker
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches all processes; the first one ends the others
    _maker = StepMaker(recipe, data, from_scratch)


def _make_step(number: int) -> tuple[Any, ...]:
    assert _maker is not None
    step = _maker.make(number)
    # As arrays: tensors would travel through shared memory, of which containers often have little.
    return step.clips.images.numpy(), step.clips.masks.numpy(), step.script, step.prompter
