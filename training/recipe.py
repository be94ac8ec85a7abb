"""The configuration file of a run."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from training.loss import LossWeights

DEFAULT = Path(__file__).with_name("starter.toml")


@dataclass(frozen=True)
class Task:
    """What a step may be.

    ``frames`` are the fewest and most of a clip, ``judged`` how many of the last ones are learned from beside the first
    (None: all), ``until`` the first step without this task.
    """

    share: float
    size: int
    frames: tuple[int, int]
    clips: int
    judged: int | None = None
    until: int | None = None

    def __post_init__(self) -> None:
        if self.size <= 0 or self.size % 32:
            raise ValueError(f"the size of a task must be a positive multiple of 32, not {self.size}")
        if not 1 <= self.frames[0] <= self.frames[1]:
            raise ValueError(f"frames must be the fewest and the most of a clip, not {list(self.frames)}")


@dataclass(frozen=True)
class Scenes:
    """See `training.scenes.ScenePool`."""

    pool: int
    per_step: float
    frames: int
    pixels: int
    cell_share: float


@dataclass(frozen=True)
class Real:
    """Share of real clips, and the labels of some sets that may be asked for."""

    share: float
    only: Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class ClipChoice:
    """Objects of a clip, how often each of `training.crops.Chances` is taken, and how often each view comes."""

    objects: int
    end_share: float
    change_share: float
    outward_share: float
    views: Mapping[str, float]


@dataclass(frozen=True)
class PromptChoice:
    """How often what is asked; see the configuration file."""

    clip: Mapping[str, float]
    single: Mapping[str, float]
    first_correction: float
    frame_correction: float
    two_clicks: float
    as_in_use: float
    through_masks: float
    slips: float
    both_ends: float


@dataclass(frozen=True)
class Optimizer:
    """AdamW, its rate, and the average of the weights."""

    rate: float
    warm_up_steps: int
    betas: tuple[float, float]
    weight_decay: float
    clip: float
    average: float
    lowest: float


@dataclass(frozen=True)
class Recipe:
    """All of a configuration file; ``network`` is the JSON that a weights file carries."""

    seed: int
    scenes: Scenes
    real: Real
    clips: ClipChoice
    prompts: PromptChoice
    tasks: tuple[Task, ...]
    warm_up: tuple[Task, ...]
    optimizer: Optimizer
    loss: LossWeights
    network: Mapping[str, Any]


def load_recipe(path: Path = DEFAULT, overrides: Sequence[str] = ()) -> Recipe:
    """Read a configuration file.

    Parameters
    ----------
    path
        TOML with the entries of ``starter.toml``, all of them.
    overrides
        ``"section.entry=value"``, the value as in Python; strings that are no value are taken as they are.

    Raises
    ------
    ValueError
        Where an entry is missing or unknown.
    """
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    for text in overrides:
        _override(data, text)
    try:
        return Recipe(
            seed=int(data["seed"]),
            scenes=_section(Scenes, data["scenes"]),
            real=_section(Real, data["real"]),
            clips=_section(ClipChoice, data["clips"]),
            prompts=_section(PromptChoice, data["prompts"]),
            tasks=tuple(_section(Task, entry) for entry in data["tasks"]),
            warm_up=tuple(_section(Task, entry) for entry in data.get("warm_up", ())),
            optimizer=_section(Optimizer, data["optimizer"]),
            loss=_section(LossWeights, data["loss"]),
            network=data["network"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} is no recipe: {error}") from error


def _section(kind: Any, data: Mapping[str, Any]) -> Any:
    known = {field.name for field in fields(kind)}
    unknown = set(data) - known
    if unknown:
        raise ValueError(f"unknown entries of {kind.__name__.lower()}: {', '.join(sorted(unknown))}")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in data.items()})


def _override(data: dict[str, Any], text: str) -> None:
    place, given, value = text.partition("=")
    *sections, name = place.strip().split(".")
    target = data
    for section in sections:
        target = target.get(section, {})
    if not given or name not in target:
        raise ValueError(f"{text!r} overrides nothing: it must be section.entry=value, with an entry of the recipe")
    try:
        target[name] = ast.literal_eval(value.strip())
    except (ValueError, SyntaxError):
        target[name] = value.strip()
