"""How well a model does on labelled sets, from one prompt on one slice of each object.

Dice is taken over the slices that were not prompted, beside a baseline that copies the true prompted mask to
every slice that has the object (so it is told where the object ends, which no model is).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from napari_sam2.analysis.metrics import compare_labels, dice
from napari_sam2.core.intensity import WindowedFrames
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import ReadError
from napari_sam2.evaluation.montage import overlay, save_montage
from napari_sam2.evaluation.sets import (
    COARSE_MM,
    LEAST_AREA,
    LabelledSet,
    SetEntry,
    find_entries,
    find_sets,
    label_file,
    load_set,
    objects_of,
)
from napari_sam2.evaluation.simulated_user import Prompt, correct_worst, prompt_object
from napari_sam2.session import VideoSession

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_sam2.engine.protocols import VideoPredictor

__all__ = ["PROMPTS", "LabelledSet", "Outcome", "Tracked", "distances_to_markdown", "evaluate", "evaluate_object"]
__all__ += ["find_sets", "label_file", "load_set", "objects_of", "to_markdown"]

PROMPTS: tuple[Prompt, ...] = ("click", "box", "mask")
_PICTURES = 5  # of the worst answers
_BEYOND = 3  # frames past each end that a model may wrongly fill


@dataclass(frozen=True)
class Outcome:
    """One object, one prompt.

    ``dice`` of the slices that were not prompted, ``dice_prompted`` of the prompted one, ``dice_copy`` of the
    baseline; ``hd95`` of the slices that were not prompted, in millimetres where the set has a spacing;
    ``dice_corrected`` of the same slices after the corrections; ``coarse`` as `LabelledSet.is_coarse`.
    """

    set: str
    object: int
    name: str
    prompt: str
    frame: int
    dice: float
    dice_prompted: float
    dice_copy: float
    hd95: float
    dice_corrected: float = math.nan
    coarse: bool = False


@dataclass(frozen=True)
class Tracked:
    """What :func:`evaluate_object` found: figures, the masks by frame before corrections, and their Dice by frame."""

    outcome: dict[str, Any]
    masks: dict[int, NDArray[np.bool_]]
    dice_of: dict[int, float]


def evaluate_object(
    predictor: VideoPredictor, case: LabelledSet, truth: NDArray[np.bool_], prompt: Prompt, corrections: int = 0
) -> Tracked:
    """Prompt the largest slice of one object, track it both ways, three frames past its ends, and correct it.

    A correction is one click at the deepest wrong pixel of the worst slice, then propagation of what it changes.
    """
    areas = truth.sum(axis=(1, 2))
    filled = np.flatnonzero(areas)
    frame = int(areas.argmax())
    frames = range(max(0, int(filled[0]) - _BEYOND), min(len(truth), int(filled[-1]) + 1 + _BEYOND))
    others = [f for f in frames if f != frame]
    session = VideoSession(predictor, case.volume, frame_axis=case.volume.axes[0], window=case.window)

    def track() -> NDArray[np.bool_]:
        for _ in session.propagate(frames=frames, stop_when_gone=0):
            pass
        return np.stack([cast("NDArray[np.bool_]", session.mask(1, f)) for f in others])

    target = truth[frame]
    prompt_object(session, 1, frame, target, prompt)
    found, true = track(), truth[others]
    masks = {f: cast("NDArray[np.bool_]", session.mask(1, f)) for f in frames}
    copy = np.stack([target if areas[f] else np.zeros_like(target) for f in others])
    outcome = {
        "frame": frame,
        "dice": dice(found, true),
        "dice_prompted": dice(masks[frame], target),
        "dice_copy": dice(copy, true),
        "hd95": _hd95(found, true, case.volume),
    }
    for _ in range(corrections):
        if correct_worst(session, 1, truth, frames) is None:
            break
        found = track()
    if corrections:
        outcome["dice_corrected"] = dice(found, true)
    return Tracked(outcome, masks, {f: dice(masks[f], truth[f]) for f in others})


def _hd95(found: NDArray[np.bool_], true: NDArray[np.bool_], volume: ImageVolume) -> float:
    grid = ImageVolume(found, axes=volume.axes, spacing=volume.spacing, units=volume.units)
    table = compare_labels(found.astype(np.uint8), true.astype(np.uint8), grid)
    column = next(name for name in table.columns if name.startswith("hd95"))
    return float(table[column].to_numpy()[0]) if len(table) else 0.0


def evaluate(
    predictor: VideoPredictor,
    data: Path | Sequence[Path],
    out: Path,
    prompts: Sequence[Prompt] = PROMPTS,
    most: int | None = 6,
    corrections: int = 0,
    report: Callable[[str], None] = lambda text: None,
    merge: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> pd.DataFrame:
    """Evaluate a model on labelled sets; writes ``evaluation.md``, ``evaluation.csv`` and ``worst.png`` to ``out``.

    Parameters
    ----------
    predictor
        The model.
    data
        Labelled sets, packs, or folders of them, see :func:`find_sets`.
    out
        Folder for the results.
    prompts
        Kinds of prompt to try.
    most
        Objects a set, and a case of a pack, at most; None: all.
    corrections
        Simulated corrections of each object, after which Dice is taken again.
    report
        Called with a line for each object.
    merge, exclude
        Names of sets, packs or cases (``*`` stands for anything): all of whose labels are one object; that are left
        out.

    Returns
    -------
    pandas.DataFrame
        One row an object and prompt.
    """
    places = list(data) if isinstance(data, Sequence) else [data]
    entries = find_entries(places, exclude, merge)
    results = _Results()
    for entry in entries:
        if entry.reason:
            continue
        case = entry.load(whole=any(entry.is_called(pattern) for pattern in merge))
        for label, truth in objects_of(case.truth, most, case.least_area):
            for prompt in prompts:
                row = results.add(
                    case, label, truth, prompt, evaluate_object(predictor, case, truth, prompt, corrections)
                )
                after = f", after {corrections} corrections {row.dice_corrected:.3f}" if corrections else ""
                report(f"{case.name} {label} {row.name} {prompt}: Dice {row.dice:.3f}{after}")
    notes = _left_out(entries)
    if not results.rows:
        kinds = f"{LEAST_AREA[False]} pixels ({LEAST_AREA[True]} in coarse sets)"
        named = ", ".join(str(place) for place in places)
        raise ReadError(
            " ".join([f"{named}: no object of at least two slices and {kinds} on its largest one.", *notes])
        )
    table = pd.DataFrame(results.rows)
    out.mkdir(parents=True, exist_ok=True)
    table.to_csv(out / "evaluation.csv", index=False)
    by_distance = pd.DataFrame(results.distances, columns=["set", "prompt", "distance", "dice"])
    text = to_markdown(table, predictor.name, notes) + distances_to_markdown(by_distance)
    (out / "evaluation.md").write_text(text, encoding="utf-8")
    save_montage(out / "worst.png", [t for _, t in results.worst], columns=len(results.worst))
    return table


@dataclass
class _Results:
    """What was found so far: the rows, Dice of each slice by its distance, and pictures of the worst answers."""

    rows: list[Outcome] = field(default_factory=list)
    distances: list[tuple[str, str, int, float]] = field(default_factory=list)
    worst: list[tuple[float, Any]] = field(default_factory=list)

    def add(self, case: LabelledSet, label: int, truth: NDArray[np.bool_], prompt: Prompt, tracked: Tracked) -> Outcome:
        name = case.names.get(label, "")
        row = Outcome(case.name, label, name, prompt, **tracked.outcome, coarse=case.is_coarse)
        self.rows.append(row)
        self.distances += [(_pack(case.name), prompt, abs(f - row.frame), d) for f, d in tracked.dice_of.items()]
        if len(self.worst) < _PICTURES or row.dice < self.worst[-1][0]:
            tile = row.dice, _picture(case, row, truth, tracked)
            self.worst = sorted([*self.worst, tile], key=lambda t: t[0])[:_PICTURES]
        return row


def _picture(case: LabelledSet, row: Outcome, truth: NDArray[np.bool_], tracked: Tracked) -> Any:
    """The slice with the lowest Dice."""
    worst = min(tracked.dice_of, key=lambda f: tracked.dice_of[f])
    caption = f"{case.name} {row.name or row.object}\n{row.prompt}, Dice {row.dice:.2f}, slice {worst}"
    outlines = [(truth[worst], (0.2, 0.9, 0.3)), (tracked.masks[worst], (1.0, 0.3, 0.2))]
    return overlay(WindowedFrames(case.volume, case.grid, case.window)[worst], outlines, caption)


def _pack(name: str) -> str:
    """The pack of a case; another set is its own."""
    return name.partition("/")[0]


def _left_out(entries: Sequence[SetEntry]) -> list[str]:
    """A sentence for each kind of set that cannot be scored."""
    kinds = Counter((entry.path.stem, entry.reason) for entry in entries if entry.reason)
    return [
        f"Not scored: {name}, which {reason}." if count == 1 else f"Not scored: {count} of {name}: each {reason}."
        for (name, reason), count in kinds.items()
    ]


def to_markdown(table: pd.DataFrame, model: str, notes: Sequence[str] = ()) -> str:
    """Write the means of each set and prompt, sharp and coarse ones apart, and every object, as Markdown tables."""
    corrected = bool(table["dice_corrected"].notna().any())
    lines = [f"# {model}: one prompt on the largest slice", "", "Dice over the slices that were not prompted.", ""]
    lines += [*_means(table, corrected), ""]
    if table["coarse"].any():
        lines += [
            f"Coarse: pixels of {COARSE_MM:g} mm or more. There objects count from {LEAST_AREA[True]} pixels on their "
            f"largest slice on, in sharp sets from {LEAST_AREA[False]}.",
            "",
        ]
    lines += [part for note in notes for part in (note, "")]
    lines += ["## Objects", ""]
    heads = ["set", "object", "prompt", "frame", "Dice", "prompted slice", "copy", "HD95", *["corrected"] * corrected]
    lines += ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in table.itertuples(index=False):
        values = cast("Any", row)
        cells = [values.set, values.name or values.object, values.prompt, values.frame]
        cells += [f"{v:.3f}" for v in (values.dice, values.dice_prompted, values.dice_copy)]
        cells += [f"{values.hd95:.1f}", *[f"{values.dice_corrected:.3f}"] * corrected]
        lines.append("| " + " | ".join(str(c) for c in cells) + " |")
    return "\n".join(lines) + "\n"


def _means(table: pd.DataFrame, corrected: bool) -> list[str]:
    """A row for each set (all cases of a pack are one), then the means of the sharp, of the coarse and of all sets."""
    prompts = list(dict.fromkeys(table["prompt"]))
    columns = [*((p, "dice") for p in prompts), *((p, "dice_corrected") for p in prompts if corrected)]
    heads = [f"{p} corrected" if figure == "dice_corrected" else p for p, figure in columns]
    table = table.assign(pack=[_pack(name) for name in table["set"]])
    keys = ["pack", "coarse", "prompt"]
    means = table.groupby(keys, sort=False)[["dice", "dice_corrected", "dice_copy"]].mean()
    counts = table.loc[table["prompt"] == prompts[0]].groupby(keys[:2], sort=False)["object"].count()

    def line(name: str, count: str, part: Any, bold: str = "") -> str:
        by_prompt = part.groupby("prompt").mean()
        cells = [f"{bold}{by_prompt.loc[p, figure]:.3f}{bold}" for p, figure in columns]
        return f"| {name} | {count} | {by_prompt.loc[prompts[0], 'dice_copy']:.3f} | " + " | ".join(cells) + " |"

    lines = ["| set | objects | copy | " + " | ".join(heads) + " |", "|---" * (3 + len(heads)) + "|"]
    kinds = [kind for kind in (False, True) if kind in set(table["coarse"])]
    for kind in kinds:
        part = means.xs(kind, level="coarse")
        for name in dict.fromkeys(part.index.get_level_values("pack")):
            shown = f"{name} (coarse)" if kind else name
            lines.append(line(shown, str(counts[(name, kind)]), part.xs(name, level="pack")))
        if len(kinds) == 2:
            lines.append(line(f"**mean of {'coarse' if kind else 'sharp'} sets**", "", part, "**"))
    return [*lines, line("**mean of sets**", "", means, "**")]


def distances_to_markdown(table: pd.DataFrame) -> str:
    """Mean Dice of single slices against the distance from the prompted one, mean of sets, as Markdown."""
    prompts = list(dict.fromkeys(table["prompt"]))
    lines = ["", "## By distance from the prompted slice", "", "Dice of single slices, mean of sets.", ""]
    lines += ["| slices away | " + " | ".join(prompts) + " |", "|---" * (1 + len(prompts)) + "|"]
    edges = [1, 2, 3, 5, 8, 12, 20, 40, math.inf]
    for low, high in pairwise(edges):
        part = table[(table["distance"] >= low) & (table["distance"] < high)]
        if part.empty:
            continue
        means = part.groupby(["set", "prompt"])["dice"].mean().groupby("prompt").mean()
        head = f"{low}" if high == low + 1 else f"{low} and more" if high == math.inf else f"{low} to {high - 1}"
        lines.append(f"| {head} | " + " | ".join(f"{means[p]:.3f}" if p in means else "–" for p in prompts) + " |")
    return "\n".join(lines) + "\n"
