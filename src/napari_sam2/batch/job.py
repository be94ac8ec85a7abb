"""A job: an image, the prompts of its objects, and how to compute and write them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Direction = Literal["both", "forward", "backward"]


@dataclass(frozen=True)
class BoxOnFrame:
    """A half-open box ``(y0, x0, y1, x1)`` of one object on one frame, in data pixels."""

    obj_id: int
    frame: int
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Job:
    """One image to segment.

    Parameters
    ----------
    name
        Name of the case: of its folder and its row in the results table.
    image
        Path of the image, in any format that :func:`napari_sam2.read_volume` reads.
    prompts
        Path of a session file (``.sam2``), of prompts (``.json``, see docs/session-file.md) or of labels on key slices;
        None where `boxes` say all.
    boxes
        Boxes of objects on frames.
    model
        Name or path of the model; None: that of the whole batch.
    frame_axis, at, channel, contrast_limits
        As :class:`napari_sam2.VideoSession` takes them; None: its defaults. A session file has its own.
    series
        UID or index of a DICOM series.
    direction
        In which direction to propagate.
    operations
        Mask operations after propagation, in their order, such as ``("largest", {})`` or ``("smooth", {"radius": 1})``.
    formats
        Suffixes of the labels files to write.
    """

    name: str
    image: str
    prompts: str | None = None
    boxes: tuple[BoxOnFrame, ...] = ()
    model: str | None = None
    frame_axis: str | None = None
    at: Mapping[str, int] = field(default_factory=dict)
    channel: int | None = None
    contrast_limits: tuple[float, float] | None = None
    series: str | int | None = None
    direction: Direction = "both"
    operations: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    formats: tuple[str, ...] = (".nii.gz",)

    @property
    def fingerprint(self) -> str:
        """Return a hash of all that the result depends on beside the files themselves."""
        text = json.dumps(asdict(self), sort_keys=True, default=str)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
