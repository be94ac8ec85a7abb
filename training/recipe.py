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
    """A kind of step.

    ``frames`` are the fewest and most of a clip, ``judged`` how many of the last ones have a loss beside the first
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
class SceneSettings:
    """See `training.synthetic.ScenePool`."""

    pool: int
    per_step: float
    frames: int
    pixels: int
    cell_share: float


@dataclass(frozen=True)
class StartCheckpoint:
    """The checkpoint that the recipe was made for: a file outside the project, known by its size and SHA-256."""

    file: str
    step: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class ResampleSettings:
    """Variants of volumes with other pixels and slices.

    ``share`` of the clips of volumes; ``pool`` variants of each group are in use at a time, ``per_step`` new ones come
    at each step. ``spacing`` is the finest and the coarsest in mm; the last two bound the change.
    """

    share: float
    pool: int
    per_step: float
    spacing: tuple[float, float]
    most_finer: float
    most_coarser: float

    def __post_init__(self) -> None:
        if not 0 < self.spacing[0] <= self.spacing[1]:
            raise ValueError(f"spacing must be the finest and the coarsest in mm, not {list(self.spacing)}")


@dataclass(frozen=True)
class LabelledSetSettings:
    """The labelled sets that are trained on, and their shares.

    ``share`` of the clips are real, ``shares`` of these come from each pack (or from ``sets``, the single files) and
    ``other_share`` from each pack that has no entry; they need not add up to 1. The others go by the name of a case or
    a pack: cases to leave out, labels that become one, labels that may be asked for.
    """

    share: float
    shares: Mapping[str, float]
    other_share: float
    skip: Sequence[str]
    merge: Mapping[str, Sequence[Sequence[int]]]
    only: Mapping[str, Sequence[int]]
    resampled: ResampleSettings


@dataclass(frozen=True)
class ClipSettings:
    """Objects of a clip, the entries of `training.clip_sampling.SamplingBias`, and how often each view comes.

    A batch has ``batch_factor`` times the clips of its task.
    """

    objects: int
    end_share: float
    change_share: float
    outward_share: float
    small: float
    least_area: int
    batch_factor: float
    views: Mapping[str, float]


@dataclass(frozen=True)
class PromptSettings:
    """Shares of prompts, corrections and corrupted masks; see the configuration file."""

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
class OptimizerSettings:
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
    start: StartCheckpoint
    scenes: SceneSettings
    real: LabelledSetSettings
    clips: ClipSettings
    prompts: PromptSettings
    tasks: tuple[Task, ...]
    warm_up: tuple[Task, ...]
    optimizer: OptimizerSettings
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
        resampled = _section("real.resampled", ResampleSettings, data["real"]["resampled"])
        return Recipe(
            seed=int(data["seed"]),
            start=_section("start", StartCheckpoint, data["start"]),
            scenes=_section("scenes", SceneSettings, data["scenes"]),
            real=_section("real", LabelledSetSettings, {**data["real"], "resampled": resampled}),
            clips=_section("clips", ClipSettings, data["clips"]),
            prompts=_section("prompts", PromptSettings, data["prompts"]),
            tasks=tuple(_section("tasks", Task, entry) for entry in data["tasks"]),
            warm_up=tuple(_section("warm_up", Task, entry) for entry in data.get("warm_up", ())),
            optimizer=_section("optimizer", OptimizerSettings, data["optimizer"]),
            loss=_section("loss", LossWeights, data["loss"]),
            network=data["network"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} is no recipe: {error}") from error


def _section(name: str, kind: Any, data: Mapping[str, Any]) -> Any:
    known = {field.name for field in fields(kind)}
    unknown = set(data) - known
    if unknown:
        raise ValueError(f"unknown entries of {name}: {', '.join(sorted(unknown))}")
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in data.items()})


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
