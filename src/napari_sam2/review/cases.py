"""The cases of a review: from a CSV table, a folder of images and sessions, or the results of a batch."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.batch.records import RECORD_NAME, read_record
from napari_sam2.core.paths import check_file, checked_path, is_folder, why_no_file
from napari_sam2.errors import ReadError, SessionFileError
from napari_sam2.io.formats import by_suffix, stems_of, without_suffix
from napari_sam2.session.storage.database import check_session_file
from napari_sam2.session.storage.session_file import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from os import PathLike


@dataclass(frozen=True)
class ReviewCase:
    """One image to look at, with its session.

    Parameters
    ----------
    name
        What the list calls it.
    image
        File or folder of the image; None: the one that the session names.
    session
        Its session file; None where there is none yet.
    key
        By what the file of the progress knows it: the line of the table, whatever is found beside the image later.
    problem
        One sentence on why it cannot be opened; empty where nothing was found.
    """

    name: str
    image: Path | None = None
    session: Path | None = None
    key: str = ""
    problem: str = ""

    @property
    def path(self) -> Path:
        """Return the session file, or the image where there is none: what the case is known by."""
        found = self.session or self.image
        return Path(self.name) if found is None else found


def read_cases(source: str | PathLike[str]) -> list[ReviewCase]:
    """Read the cases of a review.

    Parameters
    ----------
    source
        A CSV file with a column ``image``, ``session`` or both, and perhaps ``name`` (paths are relative to the file;
        other columns are passed over), a folder of images with sessions beside them, or the folder of the results of
        :func:`napari_sam2.run_batch`. An image without a session gets that of its name: ``NAME.sam2`` beside it.

    Returns
    -------
    list of ReviewCase
        In the order of the table, or of the names. A line that cannot be used is a case with a
        :attr:`~ReviewCase.problem`.

    Raises
    ------
    ReadError
        If there is no such list, or no case in it.
    """
    path = checked_path(source, ReadError, "list of cases").absolute()
    if not is_folder(path):
        check_file(path)
        cases = _from_table(path)
    elif any(path.glob(f"*/{RECORD_NAME}")):
        cases = _from_batch(path)
    else:
        cases = _from_folder(path)
    if not cases:
        raise ReadError(f"{path} holds no case.\nGive a CSV file with a line for each image, or a folder of images.")
    return list(_with_problems(cases))


def session_beside(image: Path) -> Path | None:
    """Return the session file of the image's name beside it; None where there is none."""
    places = (image.with_name(stem + SUFFIX) for stem in reversed(stems_of(image)))
    return next((place for place in places if place.exists()), None)


def _from_table(path: Path) -> list[ReviewCase]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if not {"image", "session"} & set(rows.fieldnames or ()):
                raise ReadError(
                    f"{path} has no column 'image' and none 'session'.\nIts first line must name at least one of them."
                )
            return [_of_row(row, f"Line {rows.line_num}", path.parent) for row in rows]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ReadError(f"{path} is no CSV file in UTF-8: {error}.") from error


def _of_row(row: dict[str | None, str | list[str] | None], line: str, folder: Path) -> ReviewCase:
    given = {k: v.strip() for k, v in row.items() if k is not None and isinstance(v, str) and v.strip()}
    image, session = (folder / Path(given[c]).expanduser() if c in given else None for c in ("image", "session"))
    name = given.get("name", "")
    key = given.get("session") or given.get("image") or line
    if None in row:
        why = f"{line} has more fields than columns: quote those with commas."
        return ReviewCase(name or line, image, session, key, why)
    if session is None and image is not None:
        of_batch = folder / name / f"{name}{SUFFIX}" if name else None
        session = of_batch if of_batch is not None and of_batch.exists() else session_beside(image)
    shown = image or session
    if shown is None:
        return ReviewCase(name or line, key=key, problem=f"{line} names neither an image nor a session.")
    return ReviewCase(name or without_suffix(shown.name.removesuffix(SUFFIX)), image, session, key)


def _from_batch(folder: Path) -> list[ReviewCase]:
    found = []
    for place in sorted(p.parent for p in folder.glob(f"*/{RECORD_NAME}")):
        record, session = read_record(place), place / f"{place.name}{SUFFIX}"
        image = None if record is None or not record.image else folder / record.image
        case = ReviewCase(place.name, image, session if session.exists() else None, place.name)
        if record is not None and record.status == "failed":
            case = replace(case, problem=f"The batch could not compute it: {record.error}")
        elif case.session is None:
            case = replace(case, problem="The batch has not computed it.")
        found.append(case)
    return found


def _from_folder(folder: Path) -> list[ReviewCase]:
    entries = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    sessions = {p.stem: p for p in entries if p.suffix == SUFFIX}
    cases = {stem: ReviewCase(stem, None, path, stem) for stem, path in sessions.items()}
    plain_names = {without_suffix(p.name) for p in entries if p.suffix != SUFFIX}
    for path in entries:
        stems, plain = stems_of(path), without_suffix(path.name)
        # A session with the plain name of another image is that one's.
        ours = (stem for stem in reversed(stems) if stem in sessions and (stem == plain or stem not in plain_names))
        stem = next(ours, plain)
        is_image = by_suffix(path.name) is not None and not stems[0].endswith("_labels")
        if is_image or (is_folder(path) and stem in sessions):
            cases[stem] = ReviewCase(stem, path, sessions.get(stem), stem)
    return [cases[stem] for stem in sorted(cases)]


def _with_problems(cases: Iterable[ReviewCase]) -> Iterator[ReviewCase]:
    """Say of each case why it cannot be opened, as far as that is seen without reading its image."""
    first: dict[Path, str] = {}
    for case in cases:
        if case.problem:
            yield case
            continue
        place = case.path.resolve()
        earlier = first.get(place)
        first.setdefault(place, case.name)
        problem = _problem(case) if earlier is None else f"{case.path} stands in the list already, as {earlier}."
        yield replace(case, problem=problem)


def _problem(case: ReviewCase) -> str:
    if case.image is not None and not is_folder(case.image) and (why := why_no_file(case.image)):
        return f"The image {case.image} cannot be read: {why}."
    if case.session is not None:
        try:
            check_session_file(case.session)
        except SessionFileError as error:
            return error.headline
    return ""
