"""The quality of masks, as far as a session knows it, and the frames that deserve a look."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_sam2.session.log.kinds import CHECK, LOCK, MASK

if TYPE_CHECKING:
    import pandas as pd

    from napari_sam2.core.intensity_mapping import IntensityMapping
    from napari_sam2.session.log.history import History

_FIGURES = ("iou", "object_score", "area_px", "locked", "doubtful", "area_jump", "disagreement", "rival", "back")
COLUMNS = (*_FIGURES, "other_contrast", "reasons")
DOUBTFUL_IOU = 0.7
DOUBTFUL_JUMP = 1.8
DOUBTFUL_DISAGREEMENT = 0.3
DOUBTFUL_RIVAL = 0.3
DOUBTFUL_BACK = 0.6
"""How it was chosen, and what it finds: docs/explanation/tracking_options.md."""


def scores(history: History, obj_id: int, mapping: IntensityMapping) -> pd.DataFrame:
    """Return the figures of each frame with a mask of an object, by frame.

    Parameters
    ----------
    history
        The log.
    obj_id
        Id of the object.
    mapping
        Contrast limits and gamma with which the model sees the image now.

    Returns
    -------
    pandas.DataFrame
        ``iou``: the model's own estimate, 0…1; ``object_score``: logit, above 0 where the model sees the object;
        ``area_px``; ``locked``; ``doubtful``: not empty, not locked, and one of the figures is beyond what good masks
        have; ``area_jump``: the area over that of the neighbour that differs most, or its inverse, at least 1;
        ``disagreement``: 1 - IoU of the masks that were tracked from both ends, where two tracks meet; ``rival``: how
        far the model's other answers reach beyond the mask, 0…1; ``back``: IoU with the mask of the accepted frame,
        after going back there (see :meth:`napari_sam2.session.VideoSession.check`); ``other_contrast``: the model made
        the mask with other contrast limits or another gamma; ``reasons``: why it is doubtful, in words; empty where it
        is not. NaN where a figure does not exist.
    """
    import pandas as pd

    masks = history.frames(MASK, obj_id)
    areas = {frame: record.mask.area for frame, record in masks.items()}
    locked = history.frames(LOCK, obj_id)
    rows = []
    for frame in sorted(masks):
        record = masks[frame]
        jump = _jump(areas, frame)
        rival = math.nan if record.scores.rival is None else record.scores.rival
        check = history.get(CHECK, obj_id, frame)
        back = check.back if check is not None and check.mask == record.mask else math.nan
        reasons = []
        if areas[frame] > 0 and frame not in locked:
            reasons = _reasons(record.scores.iou, jump, record.disagreement, rival, back)
        own = (record.scores.iou, record.scores.object_score, areas[frame])
        other_contrast = record.mapping not in (None, mapping)
        figures = (jump, record.disagreement, rival, back, other_contrast)
        rows.append((frame, *own, frame in locked, bool(reasons), *figures, ", ".join(reasons)))
    return pd.DataFrame(rows, columns=["frame", *COLUMNS]).set_index("frame")


def _reasons(iou: float, jump: float, disagreement: float, rival: float, back: float) -> list[str]:
    """Return what is not as it is with good masks; NaN says nothing."""
    found = (
        (iou < DOUBTFUL_IOU, "the model is not sure of the mask"),
        (jump > DOUBTFUL_JUMP, f"the area changes {jump:.1f}-fold"),
        (disagreement > DOUBTFUL_DISAGREEMENT, "the masks from both sides differ"),
        (rival >= DOUBTFUL_RIVAL, "something beside it looks alike"),
        (back < DOUBTFUL_BACK, "the way back ends at another mask"),
    )
    return [reason for holds, reason in found if holds]


def _jump(areas: dict[int, int], frame: int) -> float:
    """Return the factor by which the area differs from that of a neighbour, where both are not empty."""
    here = areas[frame]
    near = [areas[f] for f in (frame - 1, frame + 1) if areas.get(f)]
    return max((max(a, here) / min(a, here) for a in near), default=math.nan) if here else math.nan
