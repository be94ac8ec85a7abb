"""The results of an evaluation as Markdown, as CSV, and as a picture of the worst answers."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from napari_sam2.core.intensity import WindowedFrames
from napari_sam2.evaluation.montage import overlay, save_montage
from napari_sam2.evaluation.score import ObjectScore
from napari_sam2.evaluation.sets import COARSE_MM, LEAST_AREA

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_sam2.evaluation.score import Tracked
    from napari_sam2.evaluation.sets import LabelledSet, SetEntry
    from napari_sam2.evaluation.simulated_user import Prompt

_PICTURES = 5  # of the worst answers


@dataclass
class Results:
    """The results so far: the figures, Dice of each slice by its distance, and pictures of the worst answers."""

    rows: list[ObjectScore] = field(default_factory=list)
    distances: list[tuple[str, str, int, float]] = field(default_factory=list)
    worst: list[tuple[float, Any]] = field(default_factory=list)

    def add(
        self, case: LabelledSet, label: int, truth: NDArray[np.bool_], prompt: Prompt, tracked: Tracked
    ) -> ObjectScore:
        """Add the results of one object from one prompt, and return its figures."""
        name = case.names.get(label, "")
        row = ObjectScore(case.name, label, name, prompt, **tracked.outcome, coarse=case.is_coarse)
        self.rows.append(row)
        self.distances += [(_pack(case.name), prompt, abs(f - row.frame), d) for f, d in tracked.dice_of.items()]
        if len(self.worst) < _PICTURES or row.dice < self.worst[-1][0]:
            tile = row.dice, _picture(case, row, truth, tracked)
            self.worst = sorted([*self.worst, tile], key=lambda t: t[0])[:_PICTURES]
        return row


def write_report(out: Path, results: Results, model: str, notes: Sequence[str]) -> pd.DataFrame:
    """Write ``evaluation.md``, ``evaluation.csv`` and ``worst.png``; return one row an object and prompt."""
    table = pd.DataFrame(results.rows)
    out.mkdir(parents=True, exist_ok=True)
    table.to_csv(out / "evaluation.csv", index=False)
    by_distance = pd.DataFrame(results.distances, columns=["set", "prompt", "distance", "dice"])
    text = to_markdown(table, model, notes) + distances_to_markdown(by_distance)
    (out / "evaluation.md").write_text(text, encoding="utf-8")
    save_montage(out / "worst.png", [t for _, t in results.worst], columns=len(results.worst))
    return table


def notes_of(entries: Sequence[SetEntry]) -> list[str]:
    """Return a sentence for each kind of set that cannot be scored."""
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
    """Return a row for each set (a pack is one), then the means of the sharp, of the coarse and of all sets."""
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
    """Write the mean Dice of single slices against the distance from the prompted one, mean of sets, as Markdown."""
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


def _picture(case: LabelledSet, row: ObjectScore, truth: NDArray[np.bool_], tracked: Tracked) -> Any:
    """Return a tile of the slice with the lowest Dice."""
    worst = min(tracked.dice_of, key=lambda f: tracked.dice_of[f])
    caption = f"{case.name} {row.name or row.object}\n{row.prompt}, Dice {row.dice:.2f}, slice {worst}"
    outlines = [(truth[worst], (0.2, 0.9, 0.3)), (tracked.masks[worst], (1.0, 0.3, 0.2))]
    return overlay(WindowedFrames(case.volume, case.grid, case.window)[worst], outlines, caption)


def _pack(name: str) -> str:
    """Return the pack of a case; another set is its own."""
    return name.partition("/")[0]
