"""Score a model on one object, from one prompt on one slice of it.

Dice is taken over the slices that were not prompted, beside a baseline that copies the true prompted mask to
every slice that has the object (so it is told where the object ends, which no model is).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from napari_sam2.analysis.metrics import compare_labels, dice
from napari_sam2.core.volume import ImageVolume
from napari_sam2.evaluation.simulated_user import correct_worst, prompt_object
from napari_sam2.session import VideoSession

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_sam2.engine.protocols import VideoPredictor
    from napari_sam2.evaluation.sets import LabelledSet
    from napari_sam2.evaluation.simulated_user import Prompt

_BEYOND = 3  # frames past each end that a model may wrongly fill


@dataclass(frozen=True)
class ObjectScore:
    """Figures of one object from one prompt.

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
    """The result of `evaluate_object`: figures, the masks by frame before corrections, and their Dice by frame."""

    outcome: dict[str, Any]
    masks: dict[int, NDArray[np.bool_]]
    dice_of: dict[int, float]


def evaluate_object(
    predictor: VideoPredictor,
    case: LabelledSet,
    truth: NDArray[np.bool_],
    prompt: Prompt,
    corrections: int = 0,
    rules: Mapping[str, Any] | None = None,
) -> Tracked:
    """Prompt the largest slice of one object, track it both ways, three frames past its ends, and correct it.

    A correction is one click at the deepest wrong pixel of the worst slice, then propagation of what it changes.
    ``rules`` are arguments of the session: memory, click_mask, motion (which counts along time alone).
    """
    areas = truth.sum(axis=(1, 2))
    filled = np.flatnonzero(areas)
    frame = int(areas.argmax())
    frames = range(max(0, int(filled[0]) - _BEYOND), min(len(truth), int(filled[-1]) + 1 + _BEYOND))
    others = [f for f in frames if f != frame]
    session = VideoSession(
        predictor, case.volume, case.volume.axes[0], case.window, **_fitting(rules or {}, case.volume)
    )

    def track() -> NDArray[np.bool_]:
        for _ in session.propagate(frames=frames, stop_when_gone=0):
            pass
        return np.stack([cast("NDArray[np.bool_]", session.mask(1, f)) for f in others])

    target = truth[frame]
    prompt_object(session, 1, frame, target, prompt)
    found, true = track(), truth[others]
    masks = {f: cast("NDArray[np.bool_]", session.mask(1, f)) for f in frames}
    outcome = {
        "frame": frame,
        "dice": dice(found, true),
        "dice_prompted": dice(masks[frame], target),
        "dice_copy": dice(copy_prompted(target, true), true),
        "hd95": _hd95(found, true, case.volume),
    }
    for _ in range(corrections):
        if correct_worst(session, 1, truth, frames) is None:
            break
        found = track()
    if corrections:
        outcome["dice_corrected"] = dice(found, true)
    return Tracked(outcome, masks, {f: dice(masks[f], truth[f]) for f in others})


def _fitting(rules: Mapping[str, Any], volume: ImageVolume) -> dict[str, Any]:
    """Return the rules as they are for a set: motion is for frames that follow in time."""
    return {**rules, "motion": rules.get("motion", False) and volume.axes[0] == "t"}


def copy_prompted(target: NDArray[np.bool_], true: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the baseline: the true prompted mask ``(Y, X)`` on every slice of ``true`` that has the object."""
    return np.stack([target if mask.any() else np.zeros_like(target) for mask in true])


def _hd95(found: NDArray[np.bool_], true: NDArray[np.bool_], volume: ImageVolume) -> float:
    """Return HD95 in the unit of the spacing; 0 where there is nothing to compare."""
    grid = ImageVolume(found, axes=volume.axes, spacing=volume.spacing, units=volume.units)
    table = compare_labels(found.astype(np.uint8), true.astype(np.uint8), grid)
    column = next(name for name in table.columns if name.startswith("hd95"))
    return float(table[column].to_numpy()[0]) if len(table) else 0.0
