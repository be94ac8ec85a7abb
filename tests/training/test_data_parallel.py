"""Processes that train one network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

from support.small_training import CPU, SMALL_RECIPE
from training import run_checkpoint
from training.loss import clip_loss
from training.recipe import Recipe
from training.steps import StepMaker
from training.train import Trainer, new_network, set_input_size
from training.unroll import unroll


def test_processes_that_train_together_average_their_gradients(recipe: Recipe, tmp_path: Path) -> None:
    """What two processes leave after a step follows from the steps of both, made here one after the other."""
    out = tmp_path / "run.pt"
    asked = [part for text in SMALL_RECIPE for part in ("--set", text)]
    # As people start it: processes that are spawned must find what they run.
    given = ["--start", "nothing", "--out", str(out), "--device", "cpu", "--processes", "2", "--steps", "1"]
    command = [sys.executable, "-m", "training", "train", *given, *asked]
    subprocess.run(command, cwd=Path(__file__).parents[2], check=True, timeout=300)
    means: dict[str, torch.Tensor] = {}
    for rank in range(2):
        trainer = Trainer(recipe, new_network(recipe.network, recipe.seed), CPU)
        made = StepMaker(recipe, [], True, rank).make(0)
        set_input_size(trainer.model, made.clips.images.shape[-1])
        clip_loss(
            unroll(trainer.model, made.clips, made.script, made.prompter), made.clips.masks, recipe.loss
        ).loss.backward()
        for name, parameter in trainer.model.named_parameters():
            if parameter.grad is not None:
                means[name] = means.get(name, 0) + parameter.grad / 2
    norm = torch.stack([g.norm() for g in means.values()]).norm()
    scale = (1 - recipe.optimizer.betas[0]) * min(1.0, recipe.optimizer.clip / float(norm))
    found = run_checkpoint.load(out)
    assert found.step == 1
    assert set(found.exp_avg) == set(means)
    for name, mean in means.items():
        # Processes may add in another order; the gradients of one alone would be off by about their own size.
        tolerance = 1e-6 + 0.01 * float(mean.abs().max()) * scale
        torch.testing.assert_close(found.exp_avg[name], mean * scale, rtol=0, atol=tolerance)
