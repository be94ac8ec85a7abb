"""What each step trains on: the task, the clips, and what is asked of them.

All of it follows from the seed and the step's number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from napari_sam2.engine.sam2.network.config import Sam2Config, ZoomPolicy
from training.crops import Chances, Clips, Shape, View, make_clips
from training.prompts import SimulatedPrompter
from training.real import RealStacks
from training.recipe import Recipe, Task
from training.scenes import ScenePool
from training.stacks import Stack
from training.walk import ClipScript

_STREAM_OF_STEPS, _STREAM_OF_CLIPS = 2, 3  # beside those of the scenes (1) and of variants of real sets (4)


@dataclass(frozen=True)
class Step:
    """What a step trains on: the clips, what is asked, and by whom."""

    clips: Clips
    plan: ClipScript
    prompter: SimulatedPrompter


class MakesSteps(Protocol):
    """Gives the step of a number."""

    def make(self, number: int) -> Step:
        """The step of this number."""


class StepMaker:
    """Makes the clips of each step.

    Parameters
    ----------
    recipe
        Its shares decide.
    data
        Folders and files of real sets; none: synthetic clips only.
    from_nothing
        Whether the network began without weights: then the tasks of the warm-up come first.
    rank
        Of processes that train together: their steps ask the same of clips of their own.
    """

    def __init__(self, recipe: Recipe, data: Sequence[Path], from_nothing: bool, rank: int = 0) -> None:
        self._recipe, self._rank = recipe, rank
        self._zoom = Sam2Config.from_json(recipe.network).zoom or ZoomPolicy()
        self._warm_up = recipe.warm_up if from_nothing else ()
        self._real = RealStacks(data, recipe.real, recipe.seed + rank) if data else None
        s = recipe.scenes
        self._scenes = ScenePool(recipe.seed + self._rank, s.pool, s.per_step, s.frames, s.pixels, s.cell_share)

    def make(self, number: int) -> Step:
        """The step of this number."""
        rng = np.random.default_rng((self._recipe.seed, _STREAM_OF_STEPS, number))
        task = self._task(number, rng)
        frames = int(rng.integers(task.frames[0], task.frames[1] + 1))
        choice, wanted = self._recipe.clips, self._recipe.prompts
        prompt = _drawn(wanted.single if frames == 1 else wanted.clip, rng)
        views = dict(choice.views)
        if prompt != "click":
            views.pop("click", None)
        view = _drawn(views, rng)
        corrected = frames > 1 and rng.random() < wanted.frame_correction
        quiet = 0 if task.judged is None else max(0, frames - 1 - task.judged)
        both_ends = not corrected and frames > 2 and rng.random() < wanted.both_ends
        slips = not both_ends and rng.random() < wanted.slips
        plan = ClipScript(
            prompt=prompt,
            first_corrections=_clicks(rng, wanted.first_correction, wanted.two_clicks) if prompt != "mask" else 0,
            corrected_frame=int(rng.integers(1 + quiet, frames)) if corrected else None,
            frame_corrections=_clicks(rng, 1.0, wanted.two_clicks),
            as_in_use=bool(rng.random() < wanted.as_in_use),
            through_masks=bool(rng.random() < wanted.through_masks),
            slipped_frame=_slipped_frame(prompt, quiet, frames, rng) if slips else None,
            quiet=quiet,
            both_ends=both_ends,
        )
        shape = Shape(frames, task.size, 1 if view == "click" else choice.objects)
        # What is asked is the same for all processes, what it is asked of is not.
        rng = np.random.default_rng((self._recipe.seed, _STREAM_OF_CLIPS, number, self._rank))
        batch = self._clips(number, task, shape, view, rng)
        return Step(batch, plan, SimulatedPrompter(rng, at_centre=view == "click"))

    def _clips(self, number: int, task: Task, shape: Shape, view: View, rng: np.random.Generator) -> Clips:
        choice, real = self._recipe.clips, self._real
        chances = Chances(
            ends=choice.end_share,
            changes=choice.change_share,
            outward=choice.outward_share,
            small=choice.small,
            least_area=choice.least_area,
        )

        def clips(draw: Callable[[], Stack], count: int) -> Clips:
            return make_clips(draw, count, shape, view, self._zoom, rng, chances)

        total = max(1, round(task.clips * choice.batch_factor))
        count = 0 if real is None else int(total * self._recipe.real.share + rng.random())
        parts = []
        if total > count:
            parts.append(clips(lambda: self._scenes.draw(rng, number), total - count))
        if real is not None:
            for _ in range(count):
                # Drawn before the stack: a pack whose stacks often show nothing suitable keeps its share.
                group = real.group(rng, shape.frames)
                parts.append(clips(partial(real.draw, group, rng, number, shape.frames), 1))
        return Clips(torch.cat([p.images for p in parts]), torch.cat([p.masks for p in parts]))

    def _task(self, number: int, rng: np.random.Generator) -> Task:
        for task in self._warm_up:
            if task.until is not None and number < task.until:
                return task
        tasks = self._recipe.tasks
        shares = np.array([task.share for task in tasks])
        return tasks[int(rng.choice(len(tasks), p=shares / shares.sum()))]


def _drawn(shares: Mapping[str, float], rng: np.random.Generator) -> Any:
    names = sorted(shares)
    weights = np.array([shares[name] for name in names])
    return names[int(rng.choice(len(names), p=weights / weights.sum()))]


def _slipped_frame(prompt: str, quiet: int, frames: int, rng: np.random.Generator) -> int | None:
    """One that a later frame can show to be wrong."""
    first = 0 if prompt == "mask" and not quiet else 1 + quiet
    return int(rng.integers(first, frames - 1)) if frames - 1 > first else None


def _clicks(rng: np.random.Generator, share: float, twice: float) -> int:
    return 0 if rng.random() >= share else 1 + int(rng.random() < twice)
