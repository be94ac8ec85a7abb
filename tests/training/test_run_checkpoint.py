"""Checkpoints of a run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from support.small_training import CPU, train_in_parts
from training import run_checkpoint
from training.recipe import Recipe
from training.steps import StepMaker
from training.train import Trainer, new_network


def test_the_compact_checkpoint_is_close_and_fits(recipe: Recipe, tmp_path: Path) -> None:
    state = train_in_parts(recipe, tmp_path / "run.pt", 3)
    run_checkpoint.save(tmp_path / "compact.pt", state, compact=True)
    assert (tmp_path / "compact.pt").stat().st_size <= 25e6
    compact = run_checkpoint.load(tmp_path / "compact.pt")
    assert compact.step == state.step
    assert compact.updates == state.updates
    for name, tolerance in (("average", 1e-3), ("weights", 1e-3), ("exp_avg", 0.02), ("exp_avg_sq", 0.02)):
        for key, value in getattr(state, name).items():
            error = float((getattr(compact, name)[key] - value).abs().max())
            assert error <= tolerance * float(value.abs().max()) + 1e-6, (name, key)
    Trainer(recipe, compact, CPU).step(StepMaker(recipe, [], True).make(3))


@pytest.mark.parametrize("compact", [False, True])
def test_a_checkpoint_has_the_keys_of_the_first_ones(recipe: Recipe, tmp_path: Path, compact: bool) -> None:
    """Attributes may be renamed, the files of earlier runs have to stay readable."""
    run_checkpoint.save(tmp_path / "run.pt", new_network(recipe.network, 0), compact)
    content = torch.load(tmp_path / "run.pt", weights_only=True)
    tensors, numbers = ["live", "average", "first", "second"], ["step", "begun", "updates", "seconds"]
    cooling = ["cool_from", "cool_steps"]
    assert set(content) == {"format", "network", "compact", "from_nothing", *tensors, *numbers, *cooling}
    assert run_checkpoint.load(tmp_path / "run.pt").from_scratch
