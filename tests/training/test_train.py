"""The training loop."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_sam2.engine.sam2.checkpoint import read_checkpoint
from napari_sam2.engine.sam2.network.config import Sam2Config
from support.small_training import CPU, SMALL_RECIPE, train_in_parts
from training import run_checkpoint
from training.recipe import Recipe, load_recipe
from training.steps import StepMaker
from training.train import Trainer, new_network


def test_a_run_that_was_taken_up_again_is_the_same_run(recipe: Recipe, tmp_path: Path) -> None:
    whole, parts = train_in_parts(recipe, tmp_path / "whole.pt", 4), train_in_parts(recipe, tmp_path / "parts.pt", 1, 3)
    assert whole.step == parts.step == whole.updates == 4
    for name in ("weights", "average", "exp_avg", "exp_avg_sq"):
        one, other = getattr(whole, name), getattr(parts, name)
        assert set(one) == set(other)
        for key in one:
            assert torch.equal(one[key], other[key]), (name, key)


def test_steps_lower_the_loss(recipe: Recipe) -> None:
    """On one batch, with the same prompts each time."""
    maker = StepMaker(recipe, [], True)
    trainer = Trainer(recipe, new_network(recipe.network, 0), CPU)
    losses = [float(trainer.step(maker.make(1)).loss.detach()) for _ in range(12)]
    assert losses[-1] < 0.9 * losses[0]
    assert trainer.skipped == 0


def test_the_average_follows(recipe: Recipe, tmp_path: Path) -> None:
    begin = new_network(recipe.network, recipe.seed).average
    state = train_in_parts(recipe, tmp_path / "run.pt", 2)
    name = "sam_mask_decoder.mask_tokens.weight"
    assert not torch.equal(state.average[name], begin[name])
    assert not torch.equal(state.average[name], state.weights[name])


def test_a_gradient_that_is_not_finite_changes_nothing(recipe: Recipe) -> None:
    trainer = Trainer(recipe, new_network(recipe.network, 0), CPU)
    maker = StepMaker(recipe, [], True)
    made = maker.make(0)
    made.clips.images[0, 0, 0, 0] = torch.nan
    before = {k: v.clone() for k, v in trainer.model.state_dict().items()}
    trainer.step(made)
    assert trainer.skipped == 1
    assert trainer.state.step == 1
    assert trainer.state.updates == 0
    assert all(torch.equal(v, before[k]) for k, v in trainer.model.state_dict().items())


def test_the_rate_warms_up_and_cools_down() -> None:
    recipe = load_recipe(overrides=[*SMALL_RECIPE, "optimizer.rate=1e-3", "optimizer.warm_up_steps=10"])
    state = new_network(recipe.network, 0)
    trainer = Trainer(recipe, state, CPU)
    assert trainer.rate() == pytest.approx(1e-4)
    state.step = 100
    assert trainer.rate() == pytest.approx(1e-3)
    state.cool_down_start, state.cool_down_steps = 100, 50
    assert trainer.rate() == pytest.approx(1e-3)
    state.step = 150
    assert trainer.rate() == pytest.approx(2e-5)


def test_bundled_weights_can_be_trained_on(bundled_weights: Path, tmp_path: Path) -> None:
    state = run_checkpoint.load(bundled_weights)
    config, tensors = read_checkpoint(bundled_weights)
    assert Sam2Config.from_json(state.network, name=config.name) == config
    assert set(state.weights) == set(tensors)
    recipe = load_recipe(overrides=SMALL_RECIPE)
    result = Trainer(recipe, state, CPU).step(StepMaker(recipe, [], False).make(0))
    assert torch.isfinite(result.loss)


def test_the_average_of_given_weights_is_kept(recipe: Recipe, bundled_weights: Path) -> None:
    """Weights that were averaged over a long run are not given up for those of the next few steps."""
    trainer = Trainer(recipe, run_checkpoint.load(bundled_weights), CPU)
    name = "sam_mask_decoder.mask_tokens.weight"
    before = trainer.state.average[name].clone()
    trainer.step(StepMaker(recipe, [], False).make(0))
    state = trainer.snapshot()
    moved, average = (state.weights[name] - before).norm(), (state.average[name] - before).norm()
    assert 0 < average < 1.5 * (1 - recipe.optimizer.average) * moved
