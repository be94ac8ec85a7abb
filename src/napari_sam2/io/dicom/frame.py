"""One plane of a DICOM file, with what its header says of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydicom.dataset import Dataset


@dataclass(frozen=True)
class Frame:
    """One plane of a file: its number, its tile of a mosaic, and the elements in force for it.

    Parameters
    ----------
    dataset
        The file's header.
    number
        Index of the frame in the file's pixel data.
    own
        Elements that hold for this frame alone, over those of the dataset.
    tile
        ``(row, column, rows, columns)`` of the part of a mosaic in pixels; None for the whole picture.
    is_placed
        False where position and orientation are made up, because the header gives none.
    part
        What tells frames of different images in one file from each other, or empty.
    interval
        Seconds from frame to frame, where the frames are time points.
    is_time
        False where frames share a place and nothing says that time is what differs.
    notes
        What was assumed about the frames of the file.
    """

    dataset: Dataset
    number: int = 0
    own: Mapping[str, Any] = field(default_factory=dict)
    tile: tuple[int, int, int, int] | None = None
    is_placed: bool = True
    part: str = ""
    interval: float | None = None
    is_time: bool = True
    notes: tuple[str, ...] = ()

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.own or keyword in self.dataset

    def get(self, keyword: str, default: Any = None) -> Any:
        """Return the value of an element in this frame."""
        return self.own[keyword] if keyword in self.own else self.dataset.get(keyword, default)
