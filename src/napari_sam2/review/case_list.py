"""A review under way: its cases in order, what was found of them, and the next one to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam2.core.paths import checked_path
from napari_sam2.errors import ReadError
from napari_sam2.review.cases import ReviewCase, read_cases
from napari_sam2.review.progress import ReviewProgress, Verdict, checked_state

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path


class ReviewList:
    """The cases of a list, and how far their review is.

    Parameters
    ----------
    source
        A CSV table, a folder of images, or the results of a batch, see :func:`~napari_sam2.review.read_cases`.

    Raises
    ------
    ReadError
        If the list, or the file of its progress, cannot be understood.

    Examples
    --------
    >>> from napari_sam2.review import ReviewList
    >>> review = ReviewList("cases.csv")  # doctest: +SKIP
    >>> review.set_verdict(review.cases[0], "accepted", "clear margins", reviewer="AB")  # doctest: +SKIP
    """

    def __init__(self, source: str | PathLike[str]) -> None:
        self.source: Path = checked_path(source, ReadError, "list of cases").absolute()
        self.cases: list[ReviewCase] = read_cases(self.source)
        self._progress = ReviewProgress(self.source)

    @property
    def file(self) -> Path:
        """Return the file in which the progress is kept."""
        return self._progress.file

    @property
    def last(self) -> int | None:
        """Return the index of the case that was opened last; None where none was, or it is gone from the list."""
        keys = [case.key for case in self.cases]
        return keys.index(self._progress.current) if self._progress.current in keys else None

    @property
    def reviewed(self) -> int:
        """Return how many cases have a state."""
        return sum(self.verdict(case).state is not None for case in self.cases)

    def verdict(self, case: ReviewCase) -> Verdict:
        """Return what was found of a case."""
        return self._progress.verdict(case.key)

    def set_verdict(self, case: ReviewCase, state: str | None, comment: str = "", reviewer: str = "") -> None:
        """Keep what was found of a case; the file is written before this returns.

        Parameters
        ----------
        case
            One of :attr:`cases`.
        state
            ``"accepted"``, ``"rejected"`` or ``"needs edit"``; None: not reviewed.
        comment
            A few words.
        reviewer
            Initials of the reader.

        Raises
        ------
        ReadError
            If there is no such state.
        WriteError
            If the disk refuses; nothing is changed then.
        """
        self._progress.set_verdict(case.key, Verdict(checked_state(state), comment, reviewer))

    def note_opened(self, case: ReviewCase) -> None:
        """Keep which case is open, to go on with it another day."""
        self._progress.set_current(case.key)

    def step(self, index: int | None, by: int) -> int | None:
        """Return the index of the next case that can be opened.

        Parameters
        ----------
        index
            Of the case to start from; None: before the first, or behind the last.
        by
            1 forwards, -1 backwards.

        Returns
        -------
        int or None
            None where there is none in that direction; cases with a problem are passed over.
        """
        start = (-1 if by > 0 else len(self.cases)) if index is None else index
        places = range(start + by, len(self.cases) if by > 0 else -1, by)
        return next((i for i in places if not self.cases[i].problem), None)
