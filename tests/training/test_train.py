"""The loop, its checkpoints, and weights that the package opens."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

import napari_sam2 as ns
from napari_sam2.engine.sam2.checkpoint import read_checkpoint
from napari_sam2.engine.sam2.network.config import Sam2Config
from training import checkpoint
from training.ahead import Ahead
from training.command import main
from training.export import config_to_json, write_weights
from training.grow import grow
from training.loss import LossWeights, judge
from training.recipe import Recipe, load_recipe
from training.steps import StepMaker
from training.train import Limits, Trainer, new_network, run, set_input_size
from training.walk import walk

CPU = torch.device("cpu")
SMALL = [
    "scenes.pool=3",
    "scenes.frames=4",
    "scenes.pixels=64",
    "network.image_size=64",
    "tasks=[{'share': 1.0, 'size': 64, 'frames': [2, 3], 'clips': 2}]",
    "warm_up=[]",
    "optimizer.warm_up_steps=1",
]


@pytest.fixture
def recipe() -> Recipe:
    return load_recipe(overrides=SMALL)


def _trained(recipe: Recipe, path: Path, *counts: int) -> checkpoint.Progress:
    """Train in so many runs, each from the file that the last one wrote."""
    for count in counts:
        progress = checkpoint.load(path) if path.exists() else new_network(recipe.network, recipe.seed)
        run(Trainer(recipe, progress, CPU), StepMaker(recipe, [], True), path, Limits(steps=count))
    return checkpoint.load(path)


def test_a_run_that_was_taken_up_again_is_the_same_run(recipe: Recipe, tmp_path: Path) -> None:
    whole, parts = _trained(recipe, tmp_path / "whole.pt", 4), _trained(recipe, tmp_path / "parts.pt", 1, 3)
    assert whole.step == parts.step == whole.updates == 4
    for name in ("live", "average", "first", "second"):
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


def test_workers_make_the_same_steps(recipe: Recipe) -> None:
    maker = StepMaker(recipe, [], True)
    with Ahead(recipe, [], True, workers=1) as ahead:
        for number in (3, 4, 5):
            one, other = maker.make(number), ahead.make(number)
            assert one.plan == other.plan
            assert torch.equal(one.clips.images, other.clips.images)
            assert torch.equal(one.clips.masks, other.clips.masks)
            masks = one.clips.masks[:, 0, 0]
            for mine, theirs in zip(one.prompter.first(masks, "box"), other.prompter.first(masks, "box"), strict=True):
                assert torch.equal(mine, theirs)


def test_processes_that_train_together_average_their_gradients(recipe: Recipe, tmp_path: Path) -> None:
    """What two processes leave after a step follows from the steps of both, made here one after the other."""
    out = tmp_path / "run.pt"
    asked = [part for text in SMALL for part in ("--set", text)]
    # As people start it: processes that are spawned must find what they run.
    given = ["--start", "nothing", "--out", str(out), "--device", "cpu", "--processes", "2", "--steps", "1"]
    command = [sys.executable, "-m", "training", "train", *given, *asked]
    subprocess.run(command, cwd=Path(__file__).parents[2], check=True, timeout=300)
    means: dict[str, torch.Tensor] = {}
    for rank in range(2):
        trainer = Trainer(recipe, new_network(recipe.network, recipe.seed), CPU)
        made = StepMaker(recipe, [], True, rank).make(0)
        set_input_size(trainer.model, made.clips.images.shape[-1])
        judge(walk(trainer.model, made.clips, made.plan, made.prompter), made.clips.masks, recipe.loss).loss.backward()
        for name, parameter in trainer.model.named_parameters():
            if parameter.grad is not None:
                means[name] = means.get(name, 0) + parameter.grad / 2
    norm = torch.stack([g.norm() for g in means.values()]).norm()
    scale = (1 - recipe.optimizer.betas[0]) * min(1.0, recipe.optimizer.clip / float(norm))
    found = checkpoint.load(out)
    assert found.step == 1
    assert set(found.first) == set(means)
    for name, mean in means.items():
        # Processes may add in another order; the gradients of one alone would be off by about their own size.
        tolerance = 1e-6 + 0.01 * float(mean.abs().max()) * scale
        torch.testing.assert_close(found.first[name], mean * scale, rtol=0, atol=tolerance)


def test_processes_are_for_the_cpu(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="take --workers"):
        main(["train", "--out", str(tmp_path / "run.pt"), "--device", "cpu", "--processes", "2", "--workers", "1"])


def test_the_average_follows(recipe: Recipe, tmp_path: Path) -> None:
    begin = new_network(recipe.network, recipe.seed).average
    progress = _trained(recipe, tmp_path / "run.pt", 2)
    name = "sam_mask_decoder.mask_tokens.weight"
    assert not torch.equal(progress.average[name], begin[name])
    assert not torch.equal(progress.average[name], progress.live[name])


def test_a_gradient_that_is_not_finite_changes_nothing(recipe: Recipe) -> None:
    trainer = Trainer(recipe, new_network(recipe.network, 0), CPU)
    maker = StepMaker(recipe, [], True)
    made = maker.make(0)
    made.clips.images[0, 0, 0, 0] = torch.nan
    before = {k: v.clone() for k, v in trainer.model.state_dict().items()}
    trainer.step(made)
    assert trainer.skipped == 1
    assert trainer.progress.step == 1
    assert trainer.progress.updates == 0
    assert all(torch.equal(v, before[k]) for k, v in trainer.model.state_dict().items())


def test_the_rate_warms_up_and_cools_down() -> None:
    recipe = load_recipe(overrides=[*SMALL, "optimizer.rate=1e-3", "optimizer.warm_up_steps=10"])
    progress = new_network(recipe.network, 0)
    trainer = Trainer(recipe, progress, CPU)
    assert trainer.rate() == pytest.approx(1e-4)
    progress.step = 100
    assert trainer.rate() == pytest.approx(1e-3)
    progress.cool_from, progress.cool_steps = 100, 50
    assert trainer.rate() == pytest.approx(1e-3)
    progress.step = 150
    assert trainer.rate() == pytest.approx(2e-5)


def test_the_compact_checkpoint_is_close_and_fits(recipe: Recipe, tmp_path: Path) -> None:
    progress = _trained(recipe, tmp_path / "run.pt", 3)
    checkpoint.save(tmp_path / "compact.pt", progress, compact=True)
    assert (tmp_path / "compact.pt").stat().st_size <= 25e6
    compact = checkpoint.load(tmp_path / "compact.pt")
    assert compact.step == progress.step
    assert compact.updates == progress.updates
    for name, tolerance in (("average", 1e-3), ("live", 1e-3), ("first", 0.02), ("second", 0.02)):
        for key, value in getattr(progress, name).items():
            error = float((getattr(compact, name)[key] - value).abs().max())
            assert error <= tolerance * float(value.abs().max()) + 1e-6, (name, key)
    Trainer(recipe, compact, CPU).step(StepMaker(recipe, [], True).make(3))


def test_weights_open_in_the_package(recipe: Recipe, tmp_path: Path) -> None:
    progress = _trained(recipe, tmp_path / "run.pt", 1)
    path = tmp_path / "trained.safetensors"
    write_weights(path, progress.network, progress.average, progress.step)
    predictor = ns.load_predictor(path)
    image = np.random.default_rng(0).normal(size=(3, 64, 64)).astype(np.float32)
    session = ns.VideoSession(predictor, ns.ImageVolume(image, axes="zyx"))
    session.add_box(1, 0, (10, 10, 40, 40))
    assert session.predict_frame(0)[1].shape == (64, 64)
    with safe_open(path, framework="pt") as file:
        assert json.loads(file.metadata()["config"])["image_size"] == 64


def test_bundled_weights_can_be_trained_on(bundled_weights: Path, tmp_path: Path) -> None:
    progress = checkpoint.load(bundled_weights)
    config, tensors = read_checkpoint(bundled_weights)
    assert Sam2Config.from_json(progress.network, name=config.name) == config
    assert set(progress.live) == set(tensors)
    recipe = load_recipe(overrides=SMALL)
    judgement = Trainer(recipe, progress, CPU).step(StepMaker(recipe, [], False).make(0))
    assert torch.isfinite(judgement.loss)


def test_the_recipe_describes_the_bundled_network(bundled_weights: Path) -> None:
    config, _ = read_checkpoint(bundled_weights)
    network = load_recipe().network
    assert Sam2Config.from_json(network, name=config.name) == config
    assert Sam2Config.from_json(config_to_json(config), name=config.name) == config


def test_commands(tmp_path: Path, recipe: Recipe) -> None:
    out, weights, compact = (tmp_path / name for name in ("run.pt", "w.safetensors", "compact.pt"))
    overrides = [part for text in SMALL for part in ("--set", text)]
    main(["train", "--start", "nothing", "--out", str(out), "--device", "cpu", "--steps", "1", *overrides])
    larger = ["--set", "network.image_size=96"]
    main(["train", "--out", str(out), "--device", "cpu", "--steps", "1", "--cool-down", "5", *overrides, *larger])
    progress = checkpoint.load(out)
    assert (progress.step, progress.cool_from, progress.cool_steps) == (2, 1, 5)
    assert progress.network["image_size"] == 96
    main(["export", str(out), str(weights), "--compact", str(compact)])
    assert ns.load_predictor(weights).name
    assert checkpoint.load(compact).step == 2


def test_a_grown_network_begins_by_answering_as_before(recipe: Recipe) -> None:
    encoder, memory = recipe.network["image_encoder"], recipe.network["memory_attention"]
    shallow, deep = (
        {
            **recipe.network,
            "image_encoder": {**encoder, "stages": stages, "global_att_blocks": attending},
            "memory_attention": {**memory, "num_layers": layers},
        }
        for stages, attending, layers in (([1, 2, 2, 1], [4, 5], 1), ([2, 3, 4, 1], [6, 7, 8, 9], 3))
    )
    progress = new_network(shallow, 0)
    grown = grow(progress, deep)
    assert len(grown.live) > len(progress.live)
    before, after = (Trainer(recipe, p, CPU).model.eval() for p in (progress, grown))
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        one, other = (m.encode_image(images) for m in (before, after))
    for name in ("s4", "s8", "s16"):
        assert torch.allclose(getattr(one, name), getattr(other, name), atol=1e-5)
    assert torch.isfinite(Trainer(recipe, grown, CPU).step(StepMaker(recipe, [], False).make(0)).loss)


def test_a_network_that_differs_in_more_than_depth_does_not_grow(recipe: Recipe) -> None:
    shallow = {**recipe.network, "memory_attention": {**recipe.network["memory_attention"], "num_layers": 1}}
    wider = {**shallow, "image_encoder": {**shallow["image_encoder"], "embed_dim": 16}}
    with pytest.raises(ValueError, match="with more blocks"):
        grow(new_network(wider, 0), recipe.network)


def test_absent_objects_have_no_mask_to_learn(recipe: Recipe) -> None:
    """Whatever is drawn on a frame without the object costs nothing; saying that it is there does."""
    made = StepMaker(recipe, [], True).make(0)
    trainer = Trainer(recipe, new_network(recipe.network, 0), CPU)
    answers = walk(trainer.model, made.clips, made.plan, made.prompter)[-1:]
    empty = made.clips.masks.clone()
    empty[:, :, answers[0].frame] = False
    judgement = judge(answers, empty, LossWeights())
    assert float(judgement.terms["mask"]) == 0
    assert float(judgement.terms["presence"]) > 1


def test_unknown_entries_of_a_recipe_are_refused() -> None:
    with pytest.raises(ValueError, match="overrides nothing"):
        load_recipe(overrides=["optimizer.speed=3"])
    with pytest.raises(ValueError, match="multiple of 32"):
        load_recipe(overrides=["tasks=[{'share': 1.0, 'size': 100, 'frames': [1, 1], 'clips': 2}]"])


def test_the_average_of_given_weights_is_kept(recipe: Recipe, bundled_weights: Path) -> None:
    """Weights that were averaged over a long run are not given up for those of the next few steps."""
    trainer = Trainer(recipe, checkpoint.load(bundled_weights), CPU)
    name = "sam_mask_decoder.mask_tokens.weight"
    before = trainer.progress.average[name].clone()
    trainer.step(StepMaker(recipe, [], False).make(0))
    state = trainer.state()
    moved, average = (state.live[name] - before).norm(), (state.average[name] - before).norm()
    assert 0 < average < 1.5 * (1 - recipe.optimizer.average) * moved
