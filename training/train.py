"""The training loop; it can be stopped and resumed at any moment.

ClipBatch, prompts and tasks of a step follow from the seed and the step's number alone, so a resumed run
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
from training import run_checkpoint
from training.data_parallel import ProcessGroup
from training.loss import LossResult, clip_loss
from training.recipe import Recipe
from training.run_checkpoint import TrainingState
from training.steps import Step, StepSource
from training.unroll import unroll

logger = logging.getLogger(__name__)


def new_network(network: Mapping[str, Any], seed: int) -> TrainingState:
    """Initialise a network so that it can learn: it answers a box by the box and a mask by the mask.

    Parameters
    ----------
    network
        JSON of the configuration.
    seed
        Of torch's generator.
    """
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
    return TrainingState(network, 0, weights, {k: v.clone() for k, v in weights.items()}, from_scratch=True)


class Trainer:
    """A network in training.

    Parameters
    ----------
    recipe
        The configuration.
    state
        Where to go on from.
    device
        Where to train; bfloat16 is used on CUDA.
    process_group
        The processes that train the same network; None: this one alone.
    """

    def __init__(
        self, recipe: Recipe, state: TrainingState, device: torch.device, process_group: ProcessGroup | None = None
    ) -> None:
        self.recipe, self.state, self.device, self.process_group = recipe, state, device, process_group
        self._config = Sam2Config.from_json(state.network)
        self.model = Sam2Model(self._config)
        self.model.load_state_dict(state.weights)
        self.model.to(device).train()
        self._average = {k: v.to(device).clone() for k, v in state.average.items()}
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

    def step(self, made: Step) -> LossResult:
        """Make one step; one whose gradient is not finite changes no weight.

        Parameters
        ----------
        made
            Clips, script and prompts.
        """
        set_input_size(self.model, made.clips.images.shape[-1])
        clips = made.clips.to(self.device)
        with torch.autocast("cuda", torch.bfloat16, enabled=self.device.type == "cuda"):
            outputs = unroll(self.model, clips, made.script, made.prompter)
        result = clip_loss(outputs, clips.masks, self.recipe.loss)
        self._adam.zero_grad(set_to_none=True)
        result.loss.backward()  # type: ignore[no-untyped-call]
        if self.process_group is not None:
            self.process_group.average_gradients(self._parameters.values())
        norm = nn.utils.clip_grad_norm_(self._parameters.values(), self.recipe.optimizer.clip)
        if bool(torch.isfinite(norm)):
            for group in self._adam.param_groups:
                group["lr"] = self.rate()
            self._adam.step()
            self.state.updates += 1
            self._update_average()
        else:
            self.skipped += 1
        self.state.step += 1
        return result

    def rate(self) -> float:
        """Return the learning rate of the next step."""
        optimizer, state = self.recipe.optimizer, self.state
        rate = optimizer.rate * min(1.0, (state.step - state.optimizer_start + 1) / max(1, optimizer.warm_up_steps))
        if state.cool_down_steps:
            done = min(1.0, (state.step - state.cool_down_start) / state.cool_down_steps)
            rate *= optimizer.lowest + (1 - optimizer.lowest) * 0.5 * (1 + float(np.cos(np.pi * done)))
        return rate

    def snapshot(self) -> TrainingState:
        """Copy the run as it is now to the CPU."""
        state = self.state
        state.weights = {k: v.detach().float().cpu().clone() for k, v in self.model.state_dict().items()}
        state.average = {k: v.float().cpu().clone() for k, v in self._average.items()}
        states = {k: self._adam.state[p] for k, p in self._parameters.items() if p in self._adam.state}
        state.exp_avg = {k: s["exp_avg"].float().cpu().clone() for k, s in states.items()}
        state.exp_avg_sq = {k: s["exp_avg_sq"].float().cpu().clone() for k, s in states.items()}
        return state

    @torch.no_grad()
    def _update_average(self) -> None:
        """Move the average; that of a network without weights begins fast: it has nothing to keep."""
        keep, step = self.recipe.optimizer.average, self.state.step
        if self.state.from_scratch:
            keep = min(keep, (step + 1) / (step + 10))
        for name, value in self.model.state_dict().items():
            self._average[name].lerp_(value, 1 - keep)

    def _restore_moments(self) -> None:
        state = self.state
        for name, parameter in self._parameters.items():
            if name in state.exp_avg:
                self._adam.state[parameter] = {
                    "step": torch.tensor(float(state.updates)),
                    "exp_avg": state.exp_avg[name].to(self.device).clone(),
                    "exp_avg_sq": state.exp_avg_sq[name].to(self.device).clone(),
                }


def set_input_size(model: Sam2Model, size: int) -> None:
    """Let a network see inputs of another size; no weight depends on it.

    Parameters
    ----------
    model
        Changed in place.
    size
        Side of the input in pixels.
    """
    if model.config.image_size != size:
        model.config = model.config.with_image_size(size)
        model.sam_prompt_encoder.image_size = size


def _is_decayed(name: str, parameter: Tensor) -> bool:
    """Tell whether weight decay applies: not to biases, scales, embeddings, tokens and the factors of the hint."""
    kept = ("embed", "token", "no_obj", "no_mem", "pos_enc", "residual")
    return parameter.ndim >= 2 and not any(part in name for part in kept)


@dataclass(frozen=True)
class RunLimits:
    """The end of a run: after ``steps`` or ``seconds``, whichever comes first; None: never."""

    steps: int | None = None
    seconds: float | None = None


def run(
    trainer: Trainer,
    maker: StepSource,
    path: Path,
    limits: RunLimits,
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
    state = trainer.state
    first, begin, before = state.step, time.monotonic(), state.seconds
    saved = logged = begin
    figures: dict[str, list[float]] = {}
    frames = 0
    processes = trainer.process_group
    leads = processes is None or processes.rank == 0

    def is_over() -> bool:
        late = limits.seconds is not None and time.monotonic() - begin >= limits.seconds
        over = stop() or late or (limits.steps is not None and state.step - first >= limits.steps)
        return over if processes is None else processes.broadcast(over)

    while not is_over():
        made = maker.make(state.step)
        result = trainer.step(made)
        if not leads:
            continue
        now = time.monotonic()
        state.seconds = before + now - begin
        frames += made.clips.images.shape[0] * made.clips.images.shape[1]
        _record(figures, made, result)
        if now - logged >= log_every:
            _log_figures(trainer, figures, frames / (now - logged))
            figures, frames, logged = {}, 0, now
        if now - saved >= save_every:
            run_checkpoint.save(path, trainer.snapshot())
            saved = now
    if not leads:
        return
    run_checkpoint.save(path, trainer.snapshot())
    if figures:
        _log_figures(trainer, figures, frames / max(time.monotonic() - logged, 1e-6))


def _record(figures: dict[str, list[float]], made: Step, result: LossResult) -> None:
    prompt, frames = made.script.prompt, made.clips.images.shape[1]
    values = {"loss": result.loss.detach(), **result.terms}
    values[f"IoU_{prompt}_{'1' if prompt == 'mask' else '0'}"] = result.first_iou
    if frames > 1:
        values[f"IoU_{prompt}_last"] = result.last_iou
    for name, value in values.items():
        figures.setdefault(name, []).append(float(value))


def _log_figures(trainer: Trainer, figures: dict[str, list[float]], rate: float) -> None:
    text = ", ".join(f"{name} {np.mean(values):.3f}" for name, values in sorted(figures.items()))
    logger.info(
        "step %d, %.0f s, lr %.1e, %d skipped, %.1f frames/s: %s",
        trainer.state.step,
        trainer.state.seconds,
        trainer.rate(),
        trainer.skipped,
        rate,
        text,
    )
