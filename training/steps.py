"""Make the task, the clips and the prompts of each step.

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
from training.clip_sampling import ClipBatch, ClipShape, SamplingBias, View, sample_clips
from training.clip_script import BothEndsClip, ClipScript, CorrectedClip, FrameCorrection
from training.labelled_sets import LabelledSets
from training.recipe import PromptSettings, Recipe, Task
from training.simulated_prompts import PromptKind, SimulatedPrompter
from training.synthetic import ScenePool
from training.volumes import LabelledVolume

_STREAM_OF_STEPS, _STREAM_OF_CLIPS = 2, 3  # beside those of the scenes (1) and of variants of real sets (4)


@dataclass(frozen=True)
class Step:
    """A step's training data: the clips, the order of events, and who prompts."""

    clips: ClipBatch
    script: ClipScript
    prompter: SimulatedPrompter


class StepSource(Protocol):
    """Gives the step of a number."""

    def make(self, number: int) -> Step:
        """Return the step of this number.

        Parameters
        ----------
        number
            Of the step, from 0 on.
        """


class StepMaker:
    """Makes the clips of each step.

    Parameters
    ----------
    recipe
        Its shares decide.
    data
        Folders and files of labelled sets; none: synthetic clips only.
    from_scratch
        Whether the network began without weights: then the tasks of the warm-up come first.
    rank
        Of processes that train together: their steps ask the same of clips of their own.
    """

    def __init__(self, recipe: Recipe, data: Sequence[Path], from_scratch: bool, rank: int = 0) -> None:
        self._recipe, self._rank = recipe, rank
        self._zoom = Sam2Config.from_json(recipe.network).zoom or ZoomPolicy()
        self._warm_up = recipe.warm_up if from_scratch else ()
        self._labelled = LabelledSets(data, recipe.real, recipe.seed + rank) if data else None
        s = recipe.scenes
        self._scenes = ScenePool(recipe.seed + self._rank, s.pool, s.per_step, s.frames, s.pixels, s.cell_share)

    def make(self, number: int) -> Step:
        """Make the step of this number.

        Parameters
        ----------
        number
            Of the step, from 0 on.
        """
        rng = np.random.default_rng((self._recipe.seed, _STREAM_OF_STEPS, number))
        task = self._task(number, rng)
        frames = int(rng.integers(task.frames[0], task.frames[1] + 1))
        choice, wanted = self._recipe.clips, self._recipe.prompts
        prompt = _choose(wanted.single if frames == 1 else wanted.clip, rng)
        views = dict(choice.views)
        if prompt != "click":
            views.pop("click", None)
        view = _choose(views, rng)
        corrected = frames > 1 and rng.random() < wanted.frame_correction
        skipped = 0 if task.judged is None else max(0, frames - 1 - task.judged)
        script = _draw_script(wanted, prompt, frames, skipped, corrected, rng)
        shape = ClipShape(frames, task.size, 1 if view == "click" else choice.objects)
        # What is asked is the same for all processes, what it is asked of is not.
        rng = np.random.default_rng((self._recipe.seed, _STREAM_OF_CLIPS, number, self._rank))
        batch = self._clips(number, task, shape, view, rng)
        return Step(batch, script, SimulatedPrompter(rng, at_centre=view == "click"))

    def _clips(self, number: int, task: Task, shape: ClipShape, view: View, rng: np.random.Generator) -> ClipBatch:
        choice, labelled = self._recipe.clips, self._labelled
        bias = SamplingBias(
            end_share=choice.end_share,
            change_share=choice.change_share,
            outward_share=choice.outward_share,
            small=choice.small,
            least_area=choice.least_area,
        )

        def clips(draw: Callable[[], LabelledVolume], count: int) -> ClipBatch:
            return sample_clips(draw, count, shape, view, self._zoom, rng, bias)

        total = max(1, round(task.clips * choice.batch_factor))
        count = 0 if labelled is None else int(total * self._recipe.real.share + rng.random())
        parts = []
        if total > count:
            parts.append(clips(lambda: self._scenes.draw(rng, number), total - count))
        if labelled is not None:
            for _ in range(count):
                # Drawn before the volume: a pack whose volumes often show nothing suitable keeps its share.
                group = labelled.draw_group(rng, shape.frames)
                parts.append(clips(partial(labelled.draw, group, rng, number, shape.frames), 1))
        return ClipBatch(torch.cat([p.images for p in parts]), torch.cat([p.masks for p in parts]))

    def _task(self, number: int, rng: np.random.Generator) -> Task:
        for task in self._warm_up:
            if task.until is not None and number < task.until:
                return task
        tasks = self._recipe.tasks
        shares = np.array([task.share for task in tasks])
        return tasks[int(rng.choice(len(tasks), p=shares / shares.sum()))]


def _choose(shares: Mapping[str, float], rng: np.random.Generator) -> Any:
    names = sorted(shares)
    weights = np.array([shares[name] for name in names])
    return names[int(rng.choice(len(names), p=weights / weights.sum()))]


def _draw_script(
    settings: PromptSettings,
    prompt: PromptKind,
    frames: int,
    skipped: int,
    is_corrected: bool,
    rng: np.random.Generator,
) -> ClipScript:
    """Draw what happens in a clip.

    Numbers are drawn whether the clip needs them or not, so that a seed gives the same steps as ever.
    """
    both_ends = not is_corrected and frames > 2 and rng.random() < settings.both_ends
    is_corrupted = not both_ends and rng.random() < settings.slips
    first_corrections = _click_count(rng, settings.first_correction, settings.two_clicks) if prompt != "mask" else 0
    corrected_frame = int(rng.integers(1 + skipped, frames)) if is_corrected else None
    clicks = _click_count(rng, 1.0, settings.two_clicks)
    erases = bool(rng.random() < settings.as_in_use)
    through_masks = bool(rng.random() < settings.through_masks)
    if both_ends:
        return BothEndsClip(prompt, first_corrections, skipped, through_masks)
    return CorrectedClip(
        prompt,
        first_corrections,
        skipped,
        through_masks,
        correction=None if corrected_frame is None else FrameCorrection(corrected_frame, clicks, erases),
        corrupted_frame=_corrupted_frame(prompt, skipped, frames, rng) if is_corrupted else None,
    )


def _corrupted_frame(prompt: str, skipped: int, frames: int, rng: np.random.Generator) -> int | None:
    """Draw a frame whose mask a later frame can show to be wrong."""
    first = 0 if prompt == "mask" and not skipped else 1 + skipped
    return int(rng.integers(first, frames - 1)) if frames - 1 > first else None


def _click_count(rng: np.random.Generator, share: float, twice: float) -> int:
    return 0 if rng.random() >= share else 1 + int(rng.random() < twice)
