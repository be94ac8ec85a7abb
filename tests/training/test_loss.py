"""The loss of a clip."""

from __future__ import annotations

from support.small_training import CPU
from training.loss import LossWeights, clip_loss
from training.recipe import Recipe
from training.steps import StepMaker
from training.train import Trainer, new_network
from training.unroll import unroll


def test_absent_objects_have_no_mask_to_learn(recipe: Recipe) -> None:
    """Whatever is drawn on a frame without the object costs nothing; saying that it is there does."""
    made = StepMaker(recipe, [], True).make(0)
    trainer = Trainer(recipe, new_network(recipe.network, 0), CPU)
    outputs = unroll(trainer.model, made.clips, made.script, made.prompter)[-1:]
    empty = made.clips.masks.clone()
    empty[:, :, outputs[0].frame] = False
    result = clip_loss(outputs, empty, LossWeights())
    assert float(result.terms["mask"]) == 0
    assert float(result.terms["presence"]) > 1
