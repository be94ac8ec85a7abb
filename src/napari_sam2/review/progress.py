"""How far a review is: what was found of each case, in a small file that is always whole."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from napari_sam2.core.atomic_write import replacing
from napari_sam2.core.paths import is_folder
from napari_sam2.errors import ReadError, WriteError
from napari_sam2.session.log.records import ReviewState
from napari_sam2.session.storage.locations import user_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

_VERSION = 1


@dataclass(frozen=True)
class Verdict:
    """What a reader found of a case.

    Parameters
    ----------
    state
        ``"accepted"``, ``"rejected"`` or ``"needs edit"``; None: not reviewed yet.
    comment
        A few words.
    reviewer
        Initials of the reader, if wished.
    """

    state: ReviewState | None = None
    comment: str = ""
    reviewer: str = ""


def progress_file(source: Path) -> Path:
    """Return where the progress of a list is kept.

    ``NAME_review.json`` beside a table, ``review.json`` in a folder; in the user's folder where nothing may be written
    there.
    """
    place = source / "review.json" if is_folder(source) else source.with_name(f"{source.stem}_review.json")
    if os.access(place if place.exists() else place.parent, os.W_OK) and os.access(place.parent, os.W_OK):
        return place
    mark = hashlib.blake2b(str(source.resolve()).encode(), digest_size=4).hexdigest()
    return user_folder() / "reviews" / f"{source.stem}-{mark}.json"


class ReviewProgress:
    """The verdicts of a list, and the case that was open last, kept in a file.

    Parameters
    ----------
    source
        The table or folder of the list.

    Raises
    ------
    ReadError
        If the file of the progress cannot be understood.
    """

    def __init__(self, source: Path) -> None:
        self.file = progress_file(source)
        self._verdicts, self._current = self._read()

    @property
    def current(self) -> str:
        """Return the key of the case that was open last; empty where none was."""
        return self._current

    def verdict(self, key: str) -> Verdict:
        """Return what was found of a case."""
        return self._verdicts.get(key, Verdict())

    def set_verdict(self, key: str, verdict: Verdict) -> None:
        """Keep what was found of a case; the file is written before this returns.

        Raises
        ------
        ReadError, WriteError
            If the file was made something else meanwhile, or the disk refuses. Nothing is changed then.
        """
        # Another reader may have written meanwhile: of that, only this case is replaced.
        verdicts, current = self._read()
        verdicts[key] = verdict
        self._write(verdicts, current)

    def set_current(self, key: str) -> None:
        """Keep which case is open."""
        verdicts, _ = self._read()
        self._write(verdicts, key)

    def _read(self) -> tuple[dict[str, Verdict], str]:
        if not self.file.exists():
            return {}, ""
        try:
            found = json.loads(self.file.read_text(encoding="utf-8"))
            if found["version"] > _VERSION:
                raise ReadError(f"{self.file} was written by a newer version of napari-sam2.\nUpdate napari-sam2.")
            return {key: _verdict(each) for key, each in found["cases"].items()}, str(found.get("current", ""))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ReadError(
                f"{self.file} is not the progress of a review, or is damaged.\nMove it elsewhere to begin anew."
            ) from error

    def _write(self, verdicts: dict[str, Verdict], current: str) -> None:
        document = {
            "version": _VERSION,
            "current": current,
            "cases": {key: asdict(each) for key, each in verdicts.items() if each != Verdict()},
        }
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WriteError(f"{self.file} cannot be written: {error.strerror or error}.") from error
        with replacing(self.file) as part:
            part.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        self._verdicts, self._current = verdicts, current


def checked_state(state: Any) -> ReviewState | None:
    """Return a state of a review, or None for none.

    Raises
    ------
    ReadError
        If there is no such state.
    """
    if state is not None and state not in get_args(ReviewState):
        raise ReadError(f"state={state!r} must be {', '.join(map(repr, get_args(ReviewState)))}, or None for none.")
    return cast("ReviewState | None", state)


def _verdict(data: Mapping[str, Any]) -> Verdict:
    try:
        return Verdict(checked_state(data["state"]), str(data["comment"]), str(data["reviewer"]))
    except ReadError as error:
        raise ValueError(str(error)) from error
