"""The accepted frames of an object, and what each of them follows from.

Nothing here computes or changes anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam2.session.log.kinds import BASE, LOCK, MASK, PROMPTS
from napari_sam2.session.log.records import ConditioningRecord, Rules, Sign, Source

if TYPE_CHECKING:
    from napari_sam2.core.masks import RunLengthMask
    from napari_sam2.core.prompts import PromptSet
    from napari_sam2.session.log.history import History
    from napari_sam2.session.log.records import Follows, MaskRecord

SIDES: tuple[Sign, Sign] = (-1, 1)


def conditioning_records(history: History, obj_id: int) -> dict[int, ConditioningRecord]:
    """Return the accepted frames of an object, in ascending order."""
    prompts = history.frames(PROMPTS, obj_id)
    locks = history.frames(LOCK, obj_id)
    masks = history.frames(MASK, obj_id)
    edited = {f for f, record in masks.items() if record.source == "edit"}
    out: dict[int, ConditioningRecord] = {}
    for frame in sorted({*prompts, *locks, *edited}):
        record, base = masks.get(frame), history.get(BASE, obj_id, frame)
        is_operated = record is not None and record.source == "edit" and is_answer_to(record, prompts.get(frame))
        if record is not None and (frame in locks or frame not in prompts or is_operated):
            follows = _follows(frame, record.mask, record, base is not None)
            out[frame] = ConditioningRecord(frame, None, record.mask, None, record.mask.area == 0, follows)
        elif frame in prompts:
            asked = prompts[frame]
            given = asked.mask_alone
            # An empty mask that was given needs no answer.
            known = record.mask if record is not None and is_answer(record, asked) else given
            empty = known is not None and known.area == 0
            follows = _follows(frame, given, record, base is not None)
            out[frame] = ConditioningRecord(frame, asked, None, base, empty, follows)
    return out


def is_answer(record: MaskRecord, prompts: PromptSet) -> bool:
    """Return whether a mask is the answer to these prompts; a mask prompt is its own answer, whoever made that mask."""
    if record.mask == prompts.mask_alone:
        return True
    # What an operation made of an answer stands for the same prompts.
    return record.source != "track" and record.computed_from == (prompts,)


def is_answer_to(record: MaskRecord, prompts: PromptSet | None) -> bool:
    """Return whether a mask is the answer to the prompts of a frame, if there are any."""
    return prompts is not None and is_answer(record, prompts)


def is_by_other_rules(record: MaskRecord, now: Rules) -> bool:
    """Return whether a mask of the model was made by rules that would give another one now.

    What neighbours have to do with it, see :mod:`~napari_sam2.session.tracking.limited_masks`. Which of its masks
    answers a click matters only to what follows from clicks without a box.
    """
    then = record.rules
    if record.source == "track" and (then.memory, then.motion) != (now.memory, now.motion):
        return True
    return then.click_mask != now.click_mask and any(_asks_by_clicks(source) for source in record.computed_from)


def _asks_by_clicks(source: PromptSet | Source) -> bool:
    prompts = source.prompts if isinstance(source, Source) else source
    return prompts is not None and prompts.mask is None and prompts.box is None


def on_side(sources: tuple[PromptSet, ...] | tuple[Source, ...], frame: int, side: Sign) -> Source | None:
    """Return the source below (-1) or above (1) a frame, if there is one."""
    return next((s for s in sources if isinstance(s, Source) and (s.frame - frame) * side > 0), None)


def origin_of(source: Source | None, side: Sign) -> Source | None:
    """Return what a source follows from on one side, where it was accepted as it stood; else itself."""
    if source is None:
        return None
    if source.follows is not None:
        return source.follows[side > 0]
    alone = None if source.prompts is None else source.prompts.mask_alone
    return source if alone is None else Source(source.frame, None, alone, False)


def _follows(frame: int, mask: RunLengthMask | None, record: MaskRecord | None, is_corrected: bool) -> Follows | None:
    """Return what an accepted mask follows from; None where it is the user's own."""
    if mask is None or record is None or record.mask != mask or not record.computed_from or record.source == "edit":
        return None
    first = record.computed_from[0]
    if isinstance(first, Source):
        below, above = (origin_of(on_side(record.computed_from, frame, side), side) for side in SIDES)
        return below, above
    if first.mask_alone is not None:
        return None
    answer = Source(frame, first, None, is_corrected)
    return answer, answer
