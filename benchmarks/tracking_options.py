"""What the options of tracking change: Dice and processor time of each against the defaults, object by object.

    python benchmarks/tracking_options.py SET[:LABEL,…] … [--model NAME] [--csv FILE]

SET is a labelled set as ``napari-sam2 evaluate`` takes it; LABEL picks its objects (default: the first four). Each
object is prompted on its largest slice, by a click and by a box, and tracked with every option in turn in this process.
Options that can change nothing there (the answer to a click after a box, motion in a volume) are left out.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

import napari_sam2 as ns
from napari_sam2.evaluation import evaluate_object, find_entries, objects_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from napari_sam2.evaluation import LabelledSet
    from napari_sam2.evaluation.simulated_user import Prompt

OPTIONS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "memory selected": {"memory": "selected"},
    "memory distractor": {"memory": "distractor"},
    "mask single": {"click_mask": "single"},
    "mask first": {"click_mask": "first"},
    "motion": {"motion": True},
    "motion, memory selected": {"motion": True, "memory": "selected"},
}
FIRST = 4  # objects of a set where none are named
CLEAR = 0.01  # Dice from which on an object counts as better or worse


def cases(places: list[str]) -> Iterator[tuple[LabelledSet, int, NDArray[np.bool_]]]:
    """Yield the objects that were named, with their sets."""
    for place in places:
        path, _, named = place.partition(":")
        labels = [int(label) for label in named.split(",")] if named else None
        for entry in find_entries([Path(path)]):
            case = entry.load()
            for label, truth in objects_of(case.truth, FIRST if labels is None else None, case.least_area):
                if labels is None or label in labels:
                    yield case, label, truth


def fitting(case: LabelledSet, prompt: Prompt) -> list[str]:
    """Return the options that can change anything."""
    in_time = case.volume.axes[0] == "t"
    return [
        name
        for name, rules in OPTIONS.items()
        if (in_time or "motion" not in rules) and (prompt == "click" or "click_mask" not in rules)
    ]


def measured(model: str, places: list[str]) -> pd.DataFrame:
    """Return a row for each object, prompt and option."""
    # One for each option: what was encoded for one is not there for the next.
    predictors = {name: ns.load_predictor(model, device="cpu") for name in OPTIONS}
    rows = []
    for case, label, truth in cases(places):
        prompts: tuple[Prompt, ...] = ("click", "box")
        for prompt in prompts:
            for name in fitting(case, prompt):
                start = time.process_time()
                tracked = evaluate_object(predictors[name], case, truth, prompt, 0, OPTIONS[name])
                seconds = (time.process_time() - start) / len(tracked.masks)
                dice = tracked.outcome["dice"]
                rows.append((case.name.partition("/")[0], case.name, label, prompt, name, dice, seconds))
                print(
                    f"{case.name} {label} {prompt} {name}: Dice {dice:.3f}, {seconds * 1000:.0f} ms a slice", flush=True
                )
    return pd.DataFrame(rows, columns=["set", "case", "object", "prompt", "option", "dice", "seconds"])


def compared(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each option: means of sets beside those of the defaults on the same objects."""
    key = ["set", "case", "object", "prompt"]
    wide = table.pivot(index=key, columns="option", values=["dice", "seconds"])
    rows = []
    for name in [n for n in OPTIONS if n != "defaults" and n in set(table["option"])]:
        both = wide[[("dice", "defaults"), ("dice", name), ("seconds", "defaults"), ("seconds", name)]].dropna()
        before, after, slow, now = (both[column] for column in both)
        change = after - before
        rows.append(
            {
                "option": name,
                "objects": len(both),
                "defaults": before.groupby("set").mean().mean(),
                "Dice": after.groupby("set").mean().mean(),
                "better": int((change > CLEAR).sum()),
                "worse": int((change < -CLEAR).sum()),
                "largest gain": change.max(),
                "largest loss": change.min(),
                "time": (now / slow).median(),
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", metavar="SET[:LABEL,…]")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--csv", help="also keep every figure in this file")
    arguments = parser.parse_args()
    table = measured(arguments.model, arguments.sets)
    if arguments.csv:
        table.to_csv(arguments.csv, index=False)
    print("\nDice: mean of sets. time: of the processor for a slice, against the defaults, median.\n")
    print(compared(table).round(3).to_string(index=False))
    print("\nMean Dice of each set\n")
    print(table.pivot_table(index=["set", "prompt"], columns="option", values="dice").round(3).to_string())


if __name__ == "__main__":
    main()
