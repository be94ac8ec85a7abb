"""How well a model does on labelled sets, from one prompt on one slice of each object.

Dice is taken over the slices that were not prompted, beside a baseline that copies the true prompted mask to
every slice that has the object (so it is told where the object ends, which no model is).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from napari_sam2.axes import FrameGrid
from napari_sam2.errors import ReadError
from napari_sam2.intensity import WindowedFrames, default_window
from napari_sam2.metrics import compare_labels, dice
from napari_sam2.montage import overlay, save_montage
from napari_sam2.paths import check_file
from napari_sam2.session import VideoSession
from napari_sam2.simulated_user import Prompt, correct_worst, prompt_object
from napari_sam2.volume import ImageVolume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_sam2.engine.predictor import VideoPredictor

PROMPTS: tuple[Prompt, ...] = ("click", "box", "mask")
_MIN_AREA = 60  # pixels of the largest slice; smaller objects say more about rounding than about a model
_BEYOND = 3  # frames past each end that a model may wrongly fill


@dataclass(frozen=True)
class LabelledSet:
    """An image with its truth ``(frame, Y, X)`` and the names of its labels."""

    name: str
    volume: ImageVolume
    truth: NDArray[Any]
    names: dict[int, str]

    @property
    def grid(self) -> FrameGrid:
        """Its frames, along the first axis."""
        return FrameGrid.of(self.volume, self.volume.axes[0])

    @cached_property
    def window(self) -> tuple[float, float]:
        """The window that it opens with; reads the image."""
        return default_window(self.volume, self.grid)


@dataclass(frozen=True)
class Outcome:
    """One object, one prompt.

    ``dice`` of the slices that were not prompted, ``dice_prompted`` of the prompted one, ``dice_copy`` of the
    baseline; ``hd95`` of the slices that were not prompted, in millimetres where the set has a spacing;
    ``dice_corrected`` of the same slices after the corrections.
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


@dataclass(frozen=True)
class Tracked:
    """What :func:`evaluate_object` found: figures, the masks by frame before corrections, and their Dice by frame."""

    outcome: dict[str, Any]
    masks: dict[int, NDArray[np.bool_]]
    dice_of: dict[int, float]


def find_sets(data: Path) -> list[Path]:
    """The labelled sets of a path: an ``.npz`` file, an image that has a label file beside it, or a folder of them."""
    if data.is_file():
        return [data]
    if not data.is_dir():
        raise ReadError(f"{data} is neither a file nor a folder; give a labelled set or a folder of them.")
    found = sorted(data.glob("*.npz"))
    found += [f for f in sorted([*data.glob("*.nii*"), *data.glob("*.tif*")]) if label_file(f) is not None]
    if not found:
        raise ReadError(f"{data} holds no .npz set and no image with a NAME_labels or NAME_label file beside it.")
    return found


def label_file(image: Path) -> Path | None:
    """The label file beside an image: ``NAME_labels`` or ``NAME_label`` with the same suffix."""
    stem, _, suffix = image.name.partition(".")
    if stem.endswith(("_label", "_labels")):
        return None
    return next((p for end in ("_labels", "_label") if (p := image.with_name(f"{stem}{end}.{suffix}")).exists()), None)


def load_set(path: Path) -> LabelledSet:
    """Read an ``.npz`` (keys image, label; optional spacing, axes, names, modality) or an image with a label file."""
    if path.suffix != ".npz":
        from napari_sam2.io import read_labels, read_volume

        labels = label_file(path)
        if labels is None:
            raise ReadError(f"{path} has no label file beside it: NAME_labels or NAME_label with the same suffix.")
        volume = read_volume(path)
        return LabelledSet(path.name, volume, read_labels(labels, volume), {})
    check_file(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            content = {key: file[key] for key in file.files}
        image, truth = content["image"], content["label"]
    except (OSError, ValueError, KeyError) as error:
        raise ReadError(f"{path} is no labelled set: it must be an .npz with the arrays image and label.") from error
    if image.shape != truth.shape or image.ndim != 3:
        raise ReadError(f"{path}: image {image.shape} and label {truth.shape} must be 3-D and of one shape.")
    axes = str(content.get("axes", "zyx")).lower()
    spacing = tuple(float(s) for s in content["spacing"]) if "spacing" in content else None
    names = json.loads(str(content["names"])) if "names" in content else {}
    is_hu = str(content.get("modality", "")).upper().startswith("CT")
    volume = ImageVolume(image, axes=axes, spacing=spacing, is_hu=is_hu)
    return LabelledSet(path.stem, volume, truth, {int(k): v for k, v in names.items()})


def objects_of(truth: NDArray[Any], most: int | None) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Label and mask ``(frame, Y, X)`` of each object worth scoring, the first ``most`` of them."""
    count = 0
    for label in (int(v) for v in np.unique(truth) if v != 0):
        mask = truth == label
        areas = mask.sum(axis=(1, 2))
        if (areas > 0).sum() < 2 or areas.max() < _MIN_AREA:
            continue
        if most is not None and count >= most:
            return
        count += 1
        yield label, mask


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
    data: Path,
    out: Path,
    prompts: Sequence[Prompt] = PROMPTS,
    most: int | None = 6,
    corrections: int = 0,
    report: Callable[[str], None] = lambda text: None,
) -> pd.DataFrame:
    """Evaluate a model on labelled sets; writes ``evaluation.md``, ``evaluation.csv`` and ``worst.png`` to ``out``.

    Parameters
    ----------
    predictor
        The model.
    data
        A labelled set or a folder of them, see :func:`find_sets`.
    out
        Folder for the results.
    prompts
        Kinds of prompt to try.
    most
        Objects a set at most; None: all.
    corrections
        Simulated corrections of each object, after which Dice is taken again.
    report
        Called with a line for each object.

    Returns
    -------
    pandas.DataFrame
        One row an object and prompt.
    """
    rows: list[Outcome] = []
    tiles: list[tuple[float, Any]] = []
    distances: list[tuple[str, str, int, float]] = []
    for path in find_sets(data):
        case = load_set(path)
        shown = WindowedFrames(case.volume, case.grid, case.window)
        for label, truth in objects_of(case.truth, most):
            for prompt in prompts:
                tracked = evaluate_object(predictor, case, truth, prompt, corrections)
                name = case.names.get(label, "")
                row = Outcome(case.name, label, name, prompt, **tracked.outcome)
                rows.append(row)
                distances += [(case.name, prompt, abs(f - row.frame), d) for f, d in tracked.dice_of.items()]
                after = f", after {corrections} corrections {row.dice_corrected:.3f}" if corrections else ""
                report(f"{case.name} {label} {name} {prompt}: Dice {row.dice:.3f}{after}")
                worst = min(tracked.dice_of, key=lambda f: tracked.dice_of[f])
                caption = f"{case.name} {name or label}\n{prompt}, Dice {row.dice:.2f}, slice {worst}"
                outlines = [(truth[worst], (0.2, 0.9, 0.3)), (tracked.masks[worst], (1.0, 0.3, 0.2))]
                tile = overlay(shown[worst], outlines, caption)
                tiles = sorted([*tiles, (row.dice, tile)], key=lambda t: t[0])[:5]
    if not rows:
        raise ReadError(f"{data} holds no object of at least two slices and {_MIN_AREA} pixels on its largest slice.")
    table = pd.DataFrame(rows)
    out.mkdir(parents=True, exist_ok=True)
    table.to_csv(out / "evaluation.csv", index=False)
    by_distance = pd.DataFrame(distances, columns=["set", "prompt", "distance", "dice"])
    text = to_markdown(table, predictor.name) + distances_to_markdown(by_distance)
    (out / "evaluation.md").write_text(text, encoding="utf-8")
    save_montage(out / "worst.png", [t for _, t in tiles], columns=len(tiles))
    return table


def to_markdown(table: pd.DataFrame, model: str) -> str:
    """Write the means of each set and prompt, and every object, as Markdown tables."""
    prompts = list(dict.fromkeys(table["prompt"]))
    corrected = bool(table["dice_corrected"].notna().any())
    figures = ["dice", "dice_corrected", "dice_prompted", "dice_copy", "hd95"]
    means = table.groupby(["set", "prompt"], sort=False)[figures].mean()
    columns = [*((p, "dice") for p in prompts), *((p, "dice_corrected") for p in prompts if corrected)]
    heads = [f"{p} corrected" if figure == "dice_corrected" else p for p, figure in columns]
    lines = [f"# {model}: one prompt on the largest slice", "", "Dice over the slices that were not prompted.", ""]
    lines += ["| set | objects | copy | " + " | ".join(heads) + " |", "|---" * (3 + len(heads)) + "|"]
    for name in dict.fromkeys(table["set"]):
        count = table.loc[table["set"] == name, "object"].nunique()
        copy = means.loc[(name, prompts[0]), "dice_copy"]
        cells = [f"{means.loc[(name, p), figure]:.3f}" for p, figure in columns]
        lines.append(f"| {name} | {count} | {copy:.3f} | " + " | ".join(cells) + " |")
    overall = [f"**{means.xs(p, level='prompt')[figure].mean():.3f}**" for p, figure in columns]
    copy = means.xs(prompts[0], level="prompt")["dice_copy"].mean()
    lines += [f"| **mean of sets** | | {copy:.3f} | " + " | ".join(overall) + " |", "", "## Objects", ""]
    heads = ["set", "object", "prompt", "frame", "Dice", "prompted slice", "copy", "HD95", *["corrected"] * corrected]
    lines += ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in table.itertuples(index=False):
        values = cast("Any", row)
        cells = [values.set, values.name or values.object, values.prompt, values.frame]
        cells += [f"{v:.3f}" for v in (values.dice, values.dice_prompted, values.dice_copy)]
        cells += [f"{values.hd95:.1f}", *[f"{values.dice_corrected:.3f}"] * corrected]
        lines.append("| " + " | ".join(str(c) for c in cells) + " |")
    return "\n".join(lines) + "\n"


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
