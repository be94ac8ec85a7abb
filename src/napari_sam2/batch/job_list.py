"""Jobs from a CSV table, or from a folder of images with their prompts beside them."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from napari_sam2.batch.job import BoxOnFrame, Job
from napari_sam2.core.paths import check_file, checked_path, is_folder
from napari_sam2.engine.catalog.registry import MODELS
from napari_sam2.errors import JobError
from napari_sam2.io.formats import by_suffix, stems_of, without_suffix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from os import PathLike

    from napari_sam2.batch.job import Direction

COLUMNS = (
    "image", "name", "prompts", "boxes", "model", "axis", "at", "channel", "window", "series", "direction",
    "operations", "formats",
)  # fmt: skip
_DIRECTIONS = ("both", "forward", "backward")
# Of a folder: what may stand behind an image's name, the richest first.
_PROMPTS_BESIDE = (".sam2", "_prompts.json", ".json")


def read_jobs(source: str | PathLike[str]) -> list[Job]:
    """Read the jobs of a batch.

    Parameters
    ----------
    source
        A CSV file with a column ``image`` and any of ``name, prompts, boxes, model, axis, at, channel, window, series,
        direction, operations, formats`` (paths are relative to the file), or a folder of images, each with its prompts
        beside it: ``NAME.sam2``, ``NAME_prompts.json``, ``NAME.json``, or labels as ``NAME_labels.*``.

    Returns
    -------
    list of Job
        In the order of the table, or of the images' names; with absolute paths.

    Raises
    ------
    JobError
        With the line and column of what cannot be understood.
    """
    path = _absolute(checked_path(source, JobError, "list of jobs"))
    jobs = _from_folder(path) if is_folder(path) else _from_table(path)
    _check_names(jobs, path)
    return jobs


def _from_table(path: Path) -> list[Job]:
    check_file(path, JobError)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            unknown = [c for c in rows.fieldnames or () if c not in COLUMNS]
            if "image" not in (rows.fieldnames or ()):
                raise JobError(
                    f"{path} has no column 'image'.\nIts first line must name the columns: {', '.join(COLUMNS)}."
                )
            if unknown:
                raise JobError(
                    f"{path} has a column {unknown[0]!r} that is not known.\nColumns are {', '.join(COLUMNS)}."
                )
            jobs = [_job(row, f"{path}, line {rows.line_num}", path.parent) for row in rows]
    except (UnicodeDecodeError, csv.Error) as error:
        raise JobError(f"{path} is no CSV file in UTF-8: {error}.") from error
    if not jobs:
        raise JobError(f"{path} lists no image.\nGive one line for each image.")
    return jobs


def _job(row: dict[str | None, Any], where: str, folder: Path) -> Job:
    if None in row:
        raise JobError(f"{where}: there are more fields than columns.\nPut fields with commas in quotes.")
    given = {str(k): v.strip() for k, v in row.items() if v is not None and v.strip()}
    if "image" not in given:
        raise JobError(f"{where}: column 'image' is empty.")

    def parsed(column: str, parse: Callable[[str], Any], form: str, default: Any = None) -> Any:
        if column not in given:
            return default
        try:
            return parse(given[column])
        except ValueError as error:
            why = f": {error}" if str(error) else ""
            raise JobError(f"{where}: {column} {given[column]!r} is not of the form {form}{why}.") from error

    image = str(_beside(given["image"], folder))
    series = given.get("series")
    return Job(
        name=given.get("name") or stem_of(Path(image)),
        image=image,
        prompts=str(_beside(given["prompts"], folder)) if "prompts" in given else None,
        boxes=parsed("boxes", parse_boxes, "OBJECT:FRAME,Y0,X0,Y1,X1; …", ()),
        model=_model(given["model"], folder) if "model" in given else None,
        frame_axis=given.get("axis"),
        at=parsed("at", _parse_at, "t=3 c=0", {}),
        channel=parsed("channel", int, "0"),
        contrast_limits=parsed("window", _parse_window, "-160,240"),
        series=int(series) if series is not None and series.isdecimal() else series,
        direction=cast("Direction", parsed("direction", _parse_direction, " or ".join(_DIRECTIONS), "both")),
        operations=parsed("operations", parse_operations, "largest; smooth radius=1.5", ()),
        formats=parsed("formats", parse_formats, ".nii.gz .dcm", (".nii.gz",)),
    )


def parse_boxes(text: str) -> tuple[BoxOnFrame, ...]:
    """Return boxes written as ``OBJECT:FRAME,Y0,X0,Y1,X1; …``; without ``OBJECT:``, the object is 1.

    Raises
    ------
    ValueError
        For another form.

    Examples
    --------
    >>> parse_boxes("2:12,30,40,80,90")
    (BoxOnFrame(obj_id=2, frame=12, box=(30.0, 40.0, 80.0, 90.0)),)
    """
    boxes = []
    for part in filter(None, (p.strip() for p in text.split(";"))):
        number, colon, rest = part.partition(":")
        values = (rest if colon else part).split(",")
        if len(values) != 5:
            raise ValueError(f"{part!r} has {len(values)} numbers instead of 5")
        y0, x0, y1, x1 = (float(v) for v in values[1:])
        boxes.append(BoxOnFrame(int(number) if colon else 1, int(values[0]), (y0, x0, y1, x1)))
    return tuple(boxes)


def parse_operations(text: str) -> tuple[tuple[str, dict[str, float]], ...]:
    """Return operations written as ``NAME KEY=VALUE …; NAME …``.

    Raises
    ------
    ValueError
        For another form.

    Examples
    --------
    >>> parse_operations("largest; smooth radius=1.5")
    (('largest', {}), ('smooth', {'radius': 1.5}))
    """
    found = []
    for part in filter(None, (p.strip() for p in text.split(";"))):
        name, *pairs = part.split()
        options = {}
        for pair in pairs:
            key, equals, value = pair.partition("=")
            if not equals:
                raise ValueError(f"{pair!r} has no value")
            options[key] = float(value)
        found.append((name, options))
    return tuple(found)


def parse_formats(text: str) -> tuple[str, ...]:
    """Return suffixes parted by spaces, commas or semicolons; the dot may be left out."""
    names = [n for n in re.split(r"[\s,;]+", text) if n]
    return tuple(n if n.startswith(".") else f".{n}" for n in names)


def _parse_at(text: str) -> dict[str, int]:
    pairs = (pair.partition("=") for pair in re.split(r"[\s,;]+", text) if pair)
    return {axis: int(index) for axis, _, index in pairs}


def _parse_window(text: str) -> tuple[float, float]:
    low, high = (float(v) for v in text.split(","))
    return low, high


def _parse_direction(text: str) -> str:
    if text not in _DIRECTIONS:
        raise ValueError
    return text


def _absolute(path: Path) -> Path:
    """Return the path that a worker of any working folder can open, the same by whatever way a list is given."""
    return path.resolve() if ".." in path.parts else path.absolute()


def _beside(text: str, folder: Path) -> Path:
    path = Path(text).expanduser()
    return path if path.is_absolute() else folder / path


def _model(text: str, folder: Path) -> str:
    """Return the path of a checkpoint, relative to the table as all paths are; anything else is a name."""
    path = _beside(text, folder)
    return str(path) if path.is_file() and text not in MODELS else text


# ---------------------------------------------------------------------- folders


def _from_folder(folder: Path) -> list[Job]:
    entries = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    names = {p.name for p in entries}
    images = [p for p in entries if (is_folder(p) or _is_image(p)) and not _is_labels(p)]
    plain_names = {stem_of(image) for image in images}
    jobs = []
    for image in images:
        plain = stem_of(image)
        # What has the plain name of another image is that one's.
        stems = [stem for stem in reversed(stems_of(image)) if stem == plain or stem not in plain_names]
        called = (stem + suffix for suffix in _PROMPTS_BESIDE for stem in stems)
        beside = next((n for n in called if n in names and not _is_sidecar(folder / n)), None)
        beginnings = tuple(f"{stem}_labels." for stem in stems)
        labels = next((p.name for p in entries if _is_labels(p) and p.name.startswith(beginnings)), None)
        prompts = beside or labels
        if prompts is not None:
            jobs.append(Job(name=plain, image=str(image), prompts=str(folder / prompts)))
    if not jobs:
        raise JobError(
            f"{folder} holds no image with prompts beside it.\n"
            "Put NAME.sam2, NAME_prompts.json or NAME_labels.nii.gz beside each image, or give a CSV file."
        )
    return jobs


def _is_sidecar(path: Path) -> bool:
    """Tell whether a file is JSON of another program, such as what BIDS has beside each image.

    What is no JSON, or says that it holds prompts, is told to the user when the job is checked.
    """
    if path.suffix.lower() != ".json" or path.stem.endswith("_prompts"):
        return False
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and bool(found) and "format" not in found


def stem_of(image: Path) -> str:
    """Return the name of an image without the suffix of its format."""
    return without_suffix(image.name)


def _is_image(path: Path) -> bool:
    return by_suffix(path.name) is not None


def _is_labels(path: Path) -> bool:
    return _is_image(path) and stems_of(path)[0].endswith("_labels")


def _check_names(jobs: Iterable[Job], path: Path) -> None:
    """Refuse names that are no folder names, or that two cases would share."""
    seen: set[str] = set()
    for job in jobs:
        if not job.name.strip(". ") or re.search(r'[\\/:*?"<>|\0]', job.name):
            raise JobError(f"{path}: the name {job.name!r} cannot be that of a folder.\nGive a column 'name'.")
        # Folders of names that differ in case alone are one on Windows and macOS.
        if job.name.lower() in seen:
            raise JobError(f"{path}: the name {job.name!r} stands twice.\nGive each image a name of its own.")
        seen.add(job.name.lower())
