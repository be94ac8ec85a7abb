"""How well a model does on labelled sets, from one prompt on one slice of each object.

Dice is taken over the slices that were not prompted, beside a baseline that copies the true prompted mask to
every slice that has the object (so it is told where the object ends, which no model is).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import pandas as pd
from scipy import ndimage

from napari_sam2.axes import FrameGrid
from napari_sam2.errors import ReadError
from napari_sam2.intensity import SOFT_TISSUE, WindowedFrames
from napari_sam2.masks import bounding_box
from napari_sam2.metrics import dice
from napari_sam2.montage import overlay, save_montage
from napari_sam2.session import VideoSession
from napari_sam2.volume import ImageVolume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_sam2.engine.predictor import VideoPredictor

Prompt = Literal["click", "box", "mask"]
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
    window: tuple[float, float]


@dataclass(frozen=True)
class Outcome:
    """One object, one prompt: Dice of the other slices, of the prompted one, and of the baseline."""

    set: str
    object: int
    name: str
    prompt: str
    frame: int
    dice: float
    dice_prompted: float
    dice_copy: float


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
        return LabelledSet(path.name, volume, read_labels(labels, volume), {}, _window(volume.array, volume.is_hu))
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
    modality = str(content.get("modality", ""))
    is_hu = modality.upper().startswith("CT") or (not modality and float(image.min()) < -500)
    volume = ImageVolume(image, axes=axes, spacing=spacing, is_hu=is_hu)
    return LabelledSet(path.stem, volume, truth, {int(k): v for k, v in names.items()}, _window(image, is_hu))


def _window(image: Any, is_hu: bool) -> tuple[float, float]:
    if is_hu:
        return SOFT_TISSUE
    low, high = (float(v) for v in np.percentile(np.asarray(image), (0.5, 99.5)))
    return (low, high) if high > low else (low, low + 1.0)


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


def deepest_pixel(mask: NDArray[np.bool_]) -> tuple[int, int]:
    """``(y, x)`` of the pixel farthest from the outside, the frame's border counting as outside."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), mask.shape)
    return int(y), int(x)


def evaluate_object(
    predictor: VideoPredictor, case: LabelledSet, truth: NDArray[np.bool_], prompt: Prompt
) -> tuple[int, dict[str, float], dict[int, NDArray[np.bool_]]]:
    """Prompt the largest slice of one object and track it both ways, three frames past its ends.

    Returns
    -------
    frame : int
        The prompted frame.
    scores : dict
        ``dice``, ``dice_prompted`` and ``dice_copy``.
    masks : dict
        Mask by frame.
    """
    areas = truth.sum(axis=(1, 2))
    filled = np.flatnonzero(areas)
    frame = int(areas.argmax())
    frames = range(max(0, int(filled[0]) - _BEYOND), min(len(truth), int(filled[-1]) + 1 + _BEYOND))
    session = VideoSession(predictor, case.volume, frame_axis=case.volume.axes[0], window=case.window)
    target = truth[frame]
    if prompt == "click":
        session.add_points(1, frame, [deepest_pixel(target)])
    elif prompt == "box":
        session.add_box(1, frame, cast("tuple[int, int, int, int]", bounding_box(target)))
    else:
        session.add_mask(1, frame, target)
    masks: dict[int, NDArray[np.bool_]] = {}
    for step in session.propagate(frames=frames, stop_when_gone=0):
        masks[step.frame] = step.masks[1]
    others = [f for f in frames if f != frame]
    found = np.stack([masks[f] for f in others])
    copy = np.stack([target if areas[f] else np.zeros_like(target) for f in others])
    scores = {
        "dice": dice(found, truth[others]),
        "dice_prompted": dice(masks[frame], target),
        "dice_copy": dice(copy, truth[others]),
    }
    return frame, scores, masks


def evaluate(
    predictor: VideoPredictor,
    data: Path,
    out: Path,
    prompts: Sequence[Prompt] = PROMPTS,
    most: int | None = 6,
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
    report
        Called with a line for each object.

    Returns
    -------
    pandas.DataFrame
        One row an object and prompt.
    """
    rows: list[Outcome] = []
    tiles: list[tuple[float, Any]] = []
    for path in find_sets(data):
        case = load_set(path)
        shown = WindowedFrames(case.volume, FrameGrid.of(case.volume, case.volume.axes[0]), case.window)
        for label, truth in objects_of(case.truth, most):
            for prompt in prompts:
                frame, scores, masks = evaluate_object(predictor, case, truth, prompt)
                name = case.names.get(label, "")
                rows.append(Outcome(case.name, label, name, prompt, frame, **scores))
                report(f"{case.name} {label} {name} {prompt}: Dice {scores['dice']:.3f}")
                worst = min(masks, key=lambda f: dice(masks[f], truth[f]) if f != frame else 2.0)
                caption = f"{case.name} {name or label}\n{prompt}, Dice {scores['dice']:.2f}, slice {worst}"
                outlines = [(truth[worst], (0.2, 0.9, 0.3)), (masks[worst], (1.0, 0.3, 0.2))]
                tile = overlay(shown[worst], outlines, caption)
                tiles = sorted([*tiles, (scores["dice"], tile)], key=lambda t: t[0])[:5]
    if not rows:
        raise ReadError(f"{data} holds no object of at least two slices and {_MIN_AREA} pixels on its largest slice.")
    table = pd.DataFrame(rows)
    out.mkdir(parents=True, exist_ok=True)
    table.to_csv(out / "evaluation.csv", index=False)
    (out / "evaluation.md").write_text(to_markdown(table, predictor.name), encoding="utf-8")
    save_montage(out / "worst.png", [t for _, t in tiles], columns=len(tiles))
    return table


def to_markdown(table: pd.DataFrame, model: str) -> str:
    """Write the means of each set and prompt, and every object, as Markdown tables."""
    prompts = list(dict.fromkeys(table["prompt"]))
    means = table.groupby(["set", "prompt"], sort=False)[["dice", "dice_prompted", "dice_copy"]].mean()
    lines = [f"# {model}: one prompt on the largest slice", "", "Dice over the slices that were not prompted.", ""]
    lines += ["| set | objects | copy | " + " | ".join(prompts) + " |", "|---" * (3 + len(prompts)) + "|"]
    sets = list(dict.fromkeys(table["set"]))
    for name in sets:
        count = table.loc[table["set"] == name, "object"].nunique()
        copy = means.loc[(name, prompts[0]), "dice_copy"]
        cells = [f"{means.loc[(name, p), 'dice']:.3f}" for p in prompts]
        lines.append(f"| {name} | {count} | {copy:.3f} | " + " | ".join(cells) + " |")
    overall = [f"**{means.xs(p, level='prompt')['dice'].mean():.3f}**" for p in prompts]
    copy = means.xs(prompts[0], level="prompt")["dice_copy"].mean()
    lines += [f"| **mean of sets** | | {copy:.3f} | " + " | ".join(overall) + " |", "", "## Objects", ""]
    lines += ["| set | object | prompt | frame | Dice | prompted slice | copy |", "|---|---|---|---|---|---|---|"]
    for row in table.itertuples(index=False):
        values = cast("Any", row)
        lines.append(
            f"| {values.set} | {values.name or values.object} | {values.prompt} | {values.frame} | {values.dice:.3f} "
            f"| {values.dice_prompted:.3f} | {values.dice_copy:.3f} |"
        )
    return "\n".join(lines) + "\n"
