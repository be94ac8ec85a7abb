"""Steps follow from the seed and their number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from support.small_training import SMALL_MIXED_RECIPE
from training.clip_script import BothEndsClip, CorrectedClip
from training.recipe import load_recipe
from training.steps import StepMaker, _draw_script


def test_a_step_follows_from_its_number_also_with_packs(folder: Path) -> None:
    recipe = load_recipe(overrides=SMALL_MIXED_RECIPE)
    one, other = (StepMaker(recipe, [folder], False) for _ in range(2))
    one.make(0)  # what was made before makes no difference
    for number in (7, 400):
        first, second = one.make(number), other.make(number)
        assert torch.equal(first.clips.images, second.clips.images)
        assert torch.equal(first.clips.masks, second.clips.masks)
        assert len(first.clips.images) == 3  # half of the clips of the task


@pytest.mark.parametrize("rank", [0, 1])
def test_the_share_of_synthetic_clips_is_kept_in_each_process(
    folder: Path, rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe(overrides=[*SMALL_MIXED_RECIPE, "real.share=0.7"])
    maker = StepMaker(recipe, [folder], False, rank)
    counts = {"real": 0, "scenes": 0}
    draw = maker._labelled.draw_group  # type: ignore[union-attr]

    def group(*given: Any) -> str:
        counts["real"] += 1
        return draw(*given)

    monkeypatch.setattr(maker._labelled, "draw_group", group)
    total = sum(len(maker.make(number).clips.images) for number in range(60))
    assert counts["real"] / total == pytest.approx(0.7, abs=0.08)


def test_a_script_has_the_events_of_the_recipe_in_frames_with_a_loss() -> None:
    recipe = load_recipe(overrides=["prompts.both_ends=0.5", "prompts.slips=0.5"])
    rng = np.random.default_rng(0)
    scripts = [_draw_script(recipe.prompts, "click", 8, 3, number % 2 == 0, rng) for number in range(200)]
    corrected, others = scripts[::2], scripts[1::2]
    assert not any(isinstance(script, BothEndsClip) for script in corrected)
    assert 0.35 < np.mean([isinstance(script, BothEndsClip) for script in others]) < 0.65
    assert {script.correction.frame for script in corrected} == {4, 5, 6, 7}  # type: ignore[union-attr]
    assert {script.skipped_frames for script in scripts} == {3}
    corrupted = {script.corrupted_frame for script in scripts if isinstance(script, CorrectedClip)}
    assert corrupted == {None, 4, 5, 6}  # a frame after it has to show that it is wrong


def test_a_given_mask_may_be_corrupted_on_the_first_frame() -> None:
    settings = load_recipe(overrides=["prompts.both_ends=0.0", "prompts.slips=1.0"]).prompts
    rng = np.random.default_rng(0)
    scripts = [_draw_script(settings, "mask", 3, 0, False, rng) for _ in range(40)]
    assert {script.corrupted_frame for script in scripts if isinstance(script, CorrectedClip)} == {0, 1}
    assert {script.first_corrections for script in scripts} == {0}
