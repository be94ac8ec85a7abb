"""Small recipes, and runs of a few steps."""

from __future__ import annotations

from pathlib import Path

import torch

from training import run_checkpoint
from training.recipe import Recipe
from training.steps import StepMaker
from training.train import RunLimits, Trainer, new_network, run

CPU = torch.device("cpu")

SMALL_RECIPE = [
    "scenes.pool=3",
    "scenes.frames=4",
    "scenes.pixels=64",
    "network.image_size=64",
    "tasks=[{'share': 1.0, 'size': 64, 'frames': [2, 3], 'clips': 2}]",
    "warm_up=[]",
    "optimizer.warm_up_steps=1",
]

SMALL_MIXED_RECIPE = [
    "scenes.pool=3",
    "scenes.frames=4",
    "scenes.pixels=64",
    "network.image_size=64",
    "clips.batch_factor=0.5",
    "tasks=["
    "{'share': 1, 'size': 64, 'frames': [2, 3], 'clips': 6},"
    "{'share': 1, 'size': 64, 'frames': [1, 1], 'clips': 6}]",
    "warm_up=[]",
]


def train_in_parts(recipe: Recipe, path: Path, *counts: int) -> run_checkpoint.TrainingState:
    """Train in so many runs, each from the file that the last one wrote."""
    for count in counts:
        state = run_checkpoint.load(path) if path.exists() else new_network(recipe.network, recipe.seed)
        run(Trainer(recipe, state, CPU), StepMaker(recipe, [], True), path, RunLimits(steps=count))
    return run_checkpoint.load(path)
