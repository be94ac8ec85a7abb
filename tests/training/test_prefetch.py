"""Workers make the same steps."""

from __future__ import annotations

from pathlib import Path

import torch

from support.small_training import SMALL_MIXED_RECIPE
from training.prefetch import StepPrefetcher
from training.recipe import Recipe, load_recipe
from training.steps import StepMaker


def test_workers_make_the_same_steps_from_packs(folder: Path) -> None:
    recipe = load_recipe(overrides=SMALL_MIXED_RECIPE)
    maker = StepMaker(recipe, [folder], False)
    with StepPrefetcher(recipe, [folder], False, workers=1) as ahead:
        for number in (20, 21):
            one, other = maker.make(number), ahead.make(number)
            assert one.script == other.script
            assert torch.equal(one.clips.images, other.clips.images)
            assert torch.equal(one.clips.masks, other.clips.masks)


def test_workers_make_the_same_steps(recipe: Recipe) -> None:
    maker = StepMaker(recipe, [], True)
    with StepPrefetcher(recipe, [], True, workers=1) as ahead:
        for number in (3, 4, 5):
            one, other = maker.make(number), ahead.make(number)
            assert one.script == other.script
            assert torch.equal(one.clips.images, other.clips.images)
            assert torch.equal(one.clips.masks, other.clips.masks)
            masks = one.clips.masks[:, 0, 0]
            for mine, theirs in zip(
                one.prompter.first_prompt(masks, "box"), other.prompter.first_prompt(masks, "box"), strict=True
            ):
                assert torch.equal(mine, theirs)
