"""The loop: clips, walk, loss, step; it can be stopped and taken up again at any moment.

Clips, prompts and tasks of a step follow from the seed and the step's number alone, so a run that was taken up again
makes the same steps as one that was never stopped (on a CPU to the last bit).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_sam2.engine.sam2.network.config import Sam2Config
from napari_sam2.engine.sam2.network.model import Sam2Model
from training import checkpoint
from training.checkpoint import Progress
from training.loss import Judgement, judge
from training.recipe import Recipe
from training.steps import MakesSteps, Step
from training.together import Together
from training.walk import walk

logger = logging.getLogger(__name__)


def new_network(network: Mapping[str, Any], seed: int) -> Progress:
    """A network without weights, begun so that it can learn: it answers a box by the box and a mask by the mask."""
    torch.manual_seed(seed)
    model = Sam2Model(Sam2Config.from_json(network))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("gamma"):
                parameter.fill_(0.1)  # the engine's 1e-6 is Meta's, which takes very long to grow
            elif parameter.ndim >= 2 and not parameter.any():
                parameter.normal_(0, 0.02)
        decoder = model.sam_mask_decoder
        if decoder.prompt_residual is not None:
            decoder.prompt_residual.fill_(0.25)
        last = [m for m in decoder.pred_obj_score_head.modules() if isinstance(m, nn.Linear)][-1]
        last.bias.fill_(3.0)  # nearly every object is there
    weights = {k: v.detach().clone() for k, v in model.state_dict().items()}
    return Progress(network, 0, weights, {k: v.clone() for k, v in weights.items()}, from_nothing=True)


class Trainer:
    """A network in training.

    Parameters
    ----------
    recipe
        The configuration.
    progress
        Where to go on from.
    device
        Where to train; bfloat16 is used on CUDA.
    together
        The processes that train the same network; None: this one alone.
    """

    def __init__(
        self, recipe: Recipe, progress: Progress, device: torch.device, together: Together | None = None
    ) -> None:
        self.recipe, self.progress, self.device, self.together = recipe, progress, device, together
        self._config = Sam2Config.from_json(progress.network)
        self.model = Sam2Model(self._config)
        self.model.load_state_dict(progress.live)
        self.model.to(device).train()
        self._average = {k: v.to(device).clone() for k, v in progress.average.items()}
        self._parameters = dict(self.model.named_parameters())
        optimizer = recipe.optimizer
        decayed = [p for k, p in self._parameters.items() if _is_decayed(k, p)]
        free = [p for k, p in self._parameters.items() if not _is_decayed(k, p)]
        self._adam = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": optimizer.weight_decay}, {"params": free, "weight_decay": 0.0}],
            lr=optimizer.rate,
            betas=optimizer.betas,
        )
        self._restore_moments()
        self.skipped = 0

    def step(self, made: Step) -> Judgement:
        """Make one step; one whose gradient is not finite changes no weight."""
        set_input_size(self.model, made.clips.images.shape[-1])
        clips = made.clips.to(self.device)
        with torch.autocast("cuda", torch.bfloat16, enabled=self.device.type == "cuda"):
            answers = walk(self.model, clips, made.plan, made.prompter)
        judgement = judge(answers, clips.masks, self.recipe.loss)
        self._adam.zero_grad(set_to_none=True)
        judgement.loss.backward()  # type: ignore[no-untyped-call]
        if self.together is not None:
            self.together.average(self._parameters.values())
        norm = nn.utils.clip_grad_norm_(self._parameters.values(), self.recipe.optimizer.clip)
        if bool(torch.isfinite(norm)):
            for group in self._adam.param_groups:
                group["lr"] = self.rate()
            self._adam.step()
            self.progress.updates += 1
            self._follow()
        else:
            self.skipped += 1
        self.progress.step += 1
        return judgement

    def rate(self) -> float:
        """The learning rate of the next step."""
        optimizer, progress = self.recipe.optimizer, self.progress
        rate = optimizer.rate * min(1.0, (progress.step - progress.begun + 1) / max(1, optimizer.warm_up_steps))
        if progress.cool_steps:
            done = min(1.0, (progress.step - progress.cool_from) / progress.cool_steps)
            rate *= optimizer.lowest + (1 - optimizer.lowest) * 0.5 * (1 + float(np.cos(np.pi * done)))
        return rate

    def state(self) -> Progress:
        """The run as it is now, on the CPU."""
        progress = self.progress
        progress.live = {k: v.detach().float().cpu().clone() for k, v in self.model.state_dict().items()}
        progress.average = {k: v.float().cpu().clone() for k, v in self._average.items()}
        states = {k: self._adam.state[p] for k, p in self._parameters.items() if p in self._adam.state}
        progress.first = {k: s["exp_avg"].float().cpu().clone() for k, s in states.items()}
        progress.second = {k: s["exp_avg_sq"].float().cpu().clone() for k, s in states.items()}
        return progress

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average. That of a network without weights begins fast: it has nothing to keep."""
        keep, step = self.recipe.optimizer.average, self.progress.step
        if self.progress.from_nothing:
            keep = min(keep, (step + 1) / (step + 10))
        for name, value in self.model.state_dict().items():
            self._average[name].lerp_(value, 1 - keep)

    def _restore_moments(self) -> None:
        progress = self.progress
        for name, parameter in self._parameters.items():
            if name in progress.first:
                self._adam.state[parameter] = {
                    "step": torch.tensor(float(progress.updates)),
                    "exp_avg": progress.first[name].to(self.device).clone(),
                    "exp_avg_sq": progress.second[name].to(self.device).clone(),
                }


def set_input_size(model: Sam2Model, size: int) -> None:
    """Let a network see inputs of another size; no weight depends on it."""
    if model.config.image_size != size:
        model.config = model.config.with_image_size(size)
        model.sam_prompt_encoder.image_size = size


def _is_decayed(name: str, parameter: Tensor) -> bool:
    """Biases, scales, embeddings, tokens and the factors of the hint are left alone by the weight decay."""
    kept = ("embed", "token", "no_obj", "no_mem", "pos_enc", "residual")
    return parameter.ndim >= 2 and not any(part in name for part in kept)


@dataclass(frozen=True)
class Limits:
    """When a run stops: after ``steps`` or ``seconds``, whichever comes first; None: never."""

    steps: int | None = None
    seconds: float | None = None


def run(
    trainer: Trainer,
    maker: MakesSteps,
    path: Path,
    limits: Limits,
    stop: Callable[[], bool] = lambda: False,
    save_every: float = 300,
    log_every: float = 120,
) -> None:
    """Train until a limit is reached or ``stop`` says so; the checkpoint is written at the end.

    Of processes that train together the first one decides, logs and writes; the others only make their steps.

    Parameters
    ----------
    trainer, maker
        The network, and what it is trained on.
    path
        Of the checkpoint.
    limits
        Of this run.
    stop
        Asked between steps.
    save_every, log_every
        Seconds.
    """
    progress = trainer.progress
    first, begin, before = progress.step, time.monotonic(), progress.seconds
    saved = logged = begin
    figures: dict[str, list[float]] = {}
    frames = 0
    together = trainer.together
    leads = together is None or together.rank == 0

    def is_over() -> bool:
        late = limits.seconds is not None and time.monotonic() - begin >= limits.seconds
        over = stop() or late or (limits.steps is not None and progress.step - first >= limits.steps)
        return over if together is None else together.agree(over)

    while not is_over():
        made = maker.make(progress.step)
        judgement = trainer.step(made)
        if not leads:
            continue
        now = time.monotonic()
        progress.seconds = before + now - begin
        frames += made.clips.images.shape[0] * made.clips.images.shape[1]
        _note(figures, made, judgement)
        if now - logged >= log_every:
            _report(trainer, figures, frames / (now - logged))
            figures, frames, logged = {}, 0, now
        if now - saved >= save_every:
            checkpoint.save(path, trainer.state())
            saved = now
    if not leads:
        return
    checkpoint.save(path, trainer.state())
    if figures:
        _report(trainer, figures, frames / max(time.monotonic() - logged, 1e-6))


def _note(figures: dict[str, list[float]], made: Step, judgement: Judgement) -> None:
    prompt, frames = made.plan.prompt, made.clips.images.shape[1]
    values = {"loss": judgement.loss.detach(), **judgement.terms}
    values[f"IoU_{prompt}_{'1' if prompt == 'mask' else '0'}"] = judgement.first_iou
    if frames > 1:
        values[f"IoU_{prompt}_last"] = judgement.last_iou
    for name, value in values.items():
        figures.setdefault(name, []).append(float(value))


def _report(trainer: Trainer, figures: dict[str, list[float]], rate: float) -> None:
    text = ", ".join(f"{name} {np.mean(values):.3f}" for name, values in sorted(figures.items()))
    logger.info(
        "step %d, %.0f s, lr %.1e, %d skipped, %.1f frames/s: %s",
        trainer.progress.step,
        trainer.progress.seconds,
        trainer.rate(),
        trainer.skipped,
        rate,
        text,
    )
