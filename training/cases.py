"""Read the labelled images of single sets and of packs, as the recipe wants them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.recipe import LabelledSetSettings

SETS = "sets"
"""The group of the sets that have a file of their own."""

_VALIDATION = ("val", "validation")
_MILLIMETRES = ("CT", "MR")  # modalities whose spacing is in mm


@dataclass(frozen=True)
class Case:
    """A labelled image.

    Attributes
    ----------
    group, name
        The pack (its file's name without ``_train``) or `SETS`, and the name of the case.
    image, labels
        ``(T, Y, X)``; images have T = 1; ``image`` is None where there are only labels.
    spacing
        Of the three axes, in mm where ``in_mm``.
    is_time
        Whether the first axis is time.
    is_hu
        Whether the image holds Hounsfield units.
    names
        Of the labels.
    percentile_range
        Percentiles 0.5 and 99.5 of the image where the file has them.
    only
        Labels that may be asked for; empty: all.
    weight
        How often it comes beside the others of its group.
    """

    group: str
    name: str
    image: NDArray[np.generic] | None
    labels: NDArray[np.integer]
    spacing: tuple[float, float, float]
    in_mm: bool
    is_time: bool
    is_hu: bool
    names: Mapping[int, str]
    percentile_range: tuple[float, float] | None
    only: frozenset[int]
    weight: float

    @property
    def is_flat(self) -> bool:
        """Tell whether it is a single frame."""
        return len(self.labels) == 1


def read_cases(places: Sequence[Path], settings: LabelledSetSettings) -> list[Case]:
    """Read the labelled images of files and folders.

    Parameters
    ----------
    places
        ``.npz`` files or folders of them: single sets (``image`` and ``label`` of one 3-D shape, optionally ``axes``,
        ``spacing``, ``names``, ``modality``) or packs (an ``index`` and many cases).
    settings
        Says which cases are left out, which labels are merged and which may be asked for.

    Raises
    ------
    ValueError
        Where a place is for validation, or holds nothing to train on. A validation file beside others is passed over.
    """
    cases: list[Case] = []
    seen: set[Path] = set()
    for place in places:
        for path in _files(place):
            if path.resolve() not in seen:
                seen.add(path.resolve())
                cases += _cases_of(path, settings)
    if not cases:
        raise ValueError(f"{', '.join(map(str, places))}: nothing is left to train on.")
    return cases


def _files(place: Path) -> list[Path]:
    parts = {part.lower() for part in place.resolve().parts}
    if parts & set(_VALIDATION):
        raise ValueError(f"{place} is a validation folder; it must not be trained on.")
    if place.is_dir():
        files = [path for path in sorted(place.glob("*.npz")) if not _is_validation(path)]
        if not files:
            raise ValueError(f"{place} holds no .npz set to train on.")
        return files
    if _is_validation(place):
        raise ValueError(f"{place} is a validation set; it must not be trained on.")
    if not place.is_file():
        raise ValueError(f"{place} is neither a file nor a folder.")
    return [place]


def _is_validation(path: Path) -> bool:
    # A link is judged by what it leads to as well.
    stems = {path.stem.lower(), path.resolve().stem.lower()}
    folders = {part.lower() for part in path.resolve().parts[:-1]}
    return any(stem == kind or stem.endswith(f"_{kind}") for stem in stems for kind in _VALIDATION) or bool(
        folders & set(_VALIDATION)
    )


def _cases_of(path: Path, settings: LabelledSetSettings) -> Iterator[Case]:
    with np.load(path, allow_pickle=False) as file:
        if "index" not in file.files:
            content = {key: file[key] for key in file.files}
            about: dict[str, Any] = {k: str(content[k]) for k in ("axes", "modality") if k in content}
            about |= {"name": path.stem, "names": json.loads(str(content.get("names", "{}")))}
            if not {"image", "label"} <= set(content):
                raise ValueError(f"{path}: neither a set (image and label) nor a pack (index).")
            if path.stem not in settings.skip:
                given = content["image"], content["label"], content.get("spacing")
                yield _case(path, SETS, about, given, 1.0, settings)
            return
        index = json.loads(str(file["index"]))
        group = path.stem.removesuffix("_train")
        # The same image with other labels is one image: what is seen twice is not worth twice as much.
        same = [str(entry.get("source", entry["name"])) for entry in index if entry["name"] not in settings.skip]
        for entry in index:
            if entry["name"] in settings.skip or group in settings.skip:
                continue
            key = entry["key"]
            image, label, spacing = (
                file[f"{kind}_{key}"] if f"{kind}_{key}" in file.files else None
                for kind in ("image", "label", "spacing")
            )
            if label is None:
                raise ValueError(f"{path}: {entry['name']} has no labels.")
            share = 1.0 / same.count(str(entry.get("source", entry["name"])))
            yield _case(path, group, entry, (image, label, spacing), share, settings)


def _case(
    path: Path, group: str, about: Mapping[str, Any], arrays: Any, share: float, settings: LabelledSetSettings
) -> Case:
    image, labels, spacing = arrays
    name = str(about["name"])
    if (image is not None and image.shape != labels.shape) or labels.ndim not in (2, 3):
        shown = "none" if image is None else image.shape
        raise ValueError(f"{path}: {name}: image {shown} and label {labels.shape} must be 2-D or 3-D, of one shape.")
    spacing = tuple(float(s) for s in (np.ones(labels.ndim) if spacing is None else spacing))
    if labels.ndim == 2:
        labels, image, spacing = labels[None], None if image is None else image[None], (1.0, *spacing)
    modality = str(about.get("modality", "")).upper()
    names = {int(k): str(v) for k, v in about.get("names", {}).items()}
    percentiles = about.get("percentiles")
    labels = _merged(labels, [*settings.merge.get(group, ()), *settings.merge.get(name, ())])
    if image is None:
        labels, names = _compact(labels, names)
    count = len(np.unique(labels)) - (labels.min() == 0)
    return Case(
        group=group,
        name=name,
        image=image,
        labels=labels,
        spacing=spacing,
        in_mm=modality.startswith(_MILLIMETRES) or image is None,
        is_time=str(about.get("axes", "ZYX")).upper().startswith("T"),
        is_hu=modality.startswith("CT"),
        names=names,
        percentile_range=None if percentiles is None else (float(percentiles["0.5"]), float(percentiles["99.5"])),
        only=frozenset((*settings.only.get(group, ()), *settings.only.get(name, ()))),
        weight=share * min(7.0, max(2.0, float(count) ** 0.5)),
    )


def _merged(labels: NDArray[np.integer], groups: Sequence[Sequence[int]]) -> NDArray[np.integer]:
    for first, *others in groups:
        labels = np.where(np.isin(labels, others), labels.dtype.type(first), labels)
    return labels


def _compact(labels: NDArray[np.integer], names: Mapping[int, str]) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """Renumber labels from 0 on without gaps, in one byte a voxel."""
    there = np.unique(labels)
    if there[0] != 0:
        there = np.concatenate([[0], there])
    if len(there) > 255:
        raise ValueError(f"a label map without an image has {len(there)} labels; 254 are possible.")
    table = np.zeros(int(there[-1]) + 1, np.uint8)
    table[there] = np.arange(len(there))
    return table[labels], {i: names[int(v)] for i, v in enumerate(there) if int(v) in names}
