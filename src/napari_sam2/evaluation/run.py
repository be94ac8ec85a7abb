"""Evaluate a model on labelled sets, from one prompt on one slice of each object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari_sam2.errors import ReadError
from napari_sam2.evaluation.report import Results, notes_of, write_report
from napari_sam2.evaluation.score import evaluate_object
from napari_sam2.evaluation.sets import LEAST_AREA, find_entries, objects_of
from napari_sam2.session.log.records import Rules

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from napari_sam2.engine.protocols import VideoPredictor
    from napari_sam2.evaluation.sets import LabelledSet
    from napari_sam2.evaluation.simulated_user import Prompt

PROMPTS: tuple[Prompt, ...] = ("click", "box", "mask")


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
    memory: str = "meta",
    click_mask: str = "surest",
    motion: bool = False,
) -> pd.DataFrame:
    """Evaluate a model on labelled sets; write ``evaluation.md``, ``evaluation.csv`` and ``worst.png`` to ``out``.

    Parameters
    ----------
    predictor
        The model.
    data
        Labelled sets, packs, or folders of them, see `find_sets`.
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
    memory, click_mask, motion
        Rules of the sessions, see :class:`napari_sam2.session.VideoSession`; motion counts in sets along time alone.

    Returns
    -------
    pandas.DataFrame
        One row an object and prompt.
    """
    places = list(data) if isinstance(data, Sequence) else [data]
    entries = find_entries(places, exclude, merge)
    rules = {"memory": memory, "click_mask": click_mask, "motion": motion}
    results = Results()
    for entry in entries:
        if not entry.reason:
            case = entry.load(whole=any(entry.is_called(pattern) for pattern in merge))
            _score(predictor, case, prompts, most, corrections, rules, results, report)
    notes = notes_of(entries)
    if not results.rows:
        kinds = f"{LEAST_AREA[False]} pixels ({LEAST_AREA[True]} in coarse sets)"
        named = ", ".join(str(place) for place in places)
        raise ReadError(
            " ".join([f"{named}: no object of at least two slices and {kinds} on its largest one.", *notes])
        )
    changed = [f"{name}={value!r}" for name, value in rules.items() if value != Rules._field_defaults[name]]
    return write_report(out, results, ", ".join([predictor.name, *changed]), notes)


def _score(
    predictor: VideoPredictor,
    case: LabelledSet,
    prompts: Sequence[Prompt],
    most: int | None,
    corrections: int,
    rules: dict[str, Any],
    results: Results,
    report: Callable[[str], None],
) -> None:
    """Add the figures of each object of a set from each prompt to the results."""
    for label, truth in objects_of(case.truth, most, case.least_area):
        for prompt in prompts:
            tracked = evaluate_object(predictor, case, truth, prompt, corrections, rules)
            row = results.add(case, label, truth, prompt, tracked)
            after = f", after {corrections} corrections {row.dice_corrected:.3f}" if corrections else ""
            report(f"{case.name} {label} {row.name} {prompt}: Dice {row.dice:.3f}{after}")
