"""What a session tells of its case: its objects, the work that it took, and a picture of the largest slice."""

from __future__ import annotations

import io
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.core.frame_spacing import pixel_size
from napari_sam2.core.intensity import WindowedFrames
from napari_sam2.core.length_unit import cell_column
from napari_sam2.errors import SessionFileError
from napari_sam2.evaluation.montage import overlay
from napari_sam2.interaction.loaded_model import UnloadedModel
from napari_sam2.io import read_volume
from napari_sam2.session import VideoSession
from napari_sam2.session.storage.image_identity import with_axes_of
from napari_sam2.session.storage.locations import peek

if TYPE_CHECKING:
    from napari_sam2.review.cases import ReviewCase
    from napari_sam2.session.objects.objects import ObjectInfo

_PICTURE = 320  # pixels of the longer side


@dataclass(frozen=True)
class ObjectFinding:
    """One object of a case.

    Parameters
    ----------
    obj_id, name, color
        As the session has them; ``(r, g, b)`` in 0…1.
    state, comment
        The review of the object; empty where there is none.
    frames, doubtful
        How many frames have a mask, and how many of these are doubtful.
    size
        Volume, or area of a single image or a time series of images (there the mean over its time points).
    size_unit
        ``"mL"``, ``"mm²"``, ``"µm³"`` …; ``"voxels"`` or ``"pixels"`` where the image has no physical unit.
    """

    obj_id: int
    name: str
    color: tuple[float, float, float]
    state: str
    comment: str
    frames: int
    doubtful: int
    size: float
    size_unit: str


@dataclass(frozen=True)
class CaseFindings:
    """What a session tells of its case.

    Parameters
    ----------
    objects
        In their order.
    interactions
        How many steps the user made; None where that was not asked for.
    seconds
        For how long the user was at work; None where that was not asked for, or is not known.
    frame
        Index of the frame of the picture, the one with most pixels of all objects; None where there is no mask.
    picture
        That frame with the outlines of the objects, as PNG; empty where there is no mask.
    """

    objects: tuple[ObjectFinding, ...]
    interactions: int | None = None
    seconds: float | None = None
    frame: int | None = None
    picture: bytes = b""


def findings_of(session: VideoSession, *, effort: bool = True) -> CaseFindings:
    """Return what a session tells of its case.

    Parameters
    ----------
    session
        The session; it is not changed.
    effort
        Whether to tell interactions and time.
    """
    infos = session.objects
    objects = tuple(_object(session, obj_id, info) for obj_id, info in infos.items())
    areas: Counter[int] = Counter()
    for obj_id in infos:
        scores = session.scores(obj_id)
        areas.update({int(f): int(a) for f, a in zip(scores.index, scores["area_px"], strict=True) if a > 0})
    frame = max(areas, key=lambda f: (areas[f], -f), default=None)
    picture = b"" if frame is None else _picture(session, frame)
    if not effort:
        return CaseFindings(objects, frame=frame, picture=picture)
    work = session.effort()
    return CaseFindings(objects, work.interactions, None if math.isnan(work.seconds) else work.seconds, frame, picture)


def read_findings(case: ReviewCase, *, effort: bool = True) -> CaseFindings:
    """Return what the session file of a case tells; the file is only read.

    Parameters
    ----------
    case
        The case; without a session it has no object.
    effort
        Whether to tell interactions and time.

    Raises
    ------
    SessionFileError, ReadError
        If the session or its image cannot be read, or the session is open elsewhere.
    """
    if case.problem:
        raise SessionFileError(case.problem)
    if case.session is None:
        return CaseFindings(())
    header = peek(case.session).header
    # A table says where the image is now.
    volume = None
    if case.image is not None:
        volume = with_axes_of(header.image, read_volume(case.image, series=header.image.series_uid))
    return findings_of(VideoSession.open_copy(case.session, UnloadedModel(header.model.name), volume), effort=effort)


def _object(session: VideoSession, obj_id: int, info: ObjectInfo) -> ObjectFinding:
    volume, grid = session.volume, session.grid
    axes = grid.plane_axes if grid.frame_axis in (None, "t") else volume.spatial_axes
    column, each = cell_column("volume" if len(axes) == 3 else "area", volume, "".join(axes))
    unit = {"ml": "mL", "mm2": "mm²", "um2": "µm²", "um3": "µm³"}.get(column.partition("_")[2])
    if unit is None:
        unit, each = ("voxels" if len(axes) == 3 else "pixels"), 1.0
    times = max(info.frames, 1) if grid.frame_axis == "t" else 1
    doubtful = int(session.scores(obj_id)["doubtful"].sum())
    state, comment = ("", "") if info.review is None else info.review
    size = info.voxels * each / times
    return ObjectFinding(obj_id, info.name, info.color, state, comment, info.frames, doubtful, size, unit)


def _picture(session: VideoSession, frame: int) -> bytes:
    frames = WindowedFrames(session.volume, session.grid, session.mapping)
    found = [(session.mask(obj_id, frame), info.color) for obj_id, info in session.objects.items()]
    tile = overlay(np.asarray(frames[frame]), [(mask, color) for mask, color in found if mask is not None], "")
    # Pixels need not be square.
    sides = np.array(tile.size) * pixel_size(session.volume, session.grid)[::-1]
    width, height = (max(1, round(side * _PICTURE / sides.max())) for side in sides)
    tile = tile.resize((width, height))
    out = io.BytesIO()
    tile.save(out, format="PNG", optimize=True)
    return out.getvalue()
