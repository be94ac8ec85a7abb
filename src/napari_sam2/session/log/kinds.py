"""The kinds of values that the log of a session holds, each with its name in the file and its codec.

A new kind is declared here, and nowhere else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from napari_sam2.session.log import codec
from napari_sam2.session.log.codec import Codec, dumps

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_sam2.core.intensity_range import IntensityRange
    from napari_sam2.core.masks import RunLengthMask
    from napari_sam2.core.prompts import PromptSet
    from napari_sam2.session.log.codec import Fetch, Keep
    from napari_sam2.session.log.records import Check, MaskRecord, ObjectRecord, Review, Visit

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Kind(Generic[T]):
    """One kind of value, of an object on a frame or of an object as a whole.

    Parameters
    ----------
    name
        What session files call it; never to be changed.
    codec
        How a value is kept in a file.
    nbytes
        About how many bytes a value takes in memory, beside a small constant.
    is_content
        Whether resetting an object removes it, and whether a cut removes it beyond the end of the object.
    """

    name: str
    codec: Codec[T]
    nbytes: Callable[[T], int] = lambda value: 0
    is_content: bool = True

    def to_bytes(self, value: T, keep: Keep) -> bytes:
        """Return a value as JSON; ``keep(bytes)`` keeps the masks in it and gives each a name."""
        return dumps(self.codec.encode(value, keep))

    def from_bytes(self, data: bytes, fetch: Fetch) -> T:
        """Return the value of these bytes; ``fetch(name, decode)`` gives what a name stands for."""
        return self.codec.decode(json.loads(data), fetch)


def _mask_nbytes(record: MaskRecord) -> int:
    return record.mask.nbytes


def _prompts_nbytes(prompts: PromptSet) -> int:
    return 0 if prompts.mask is None else prompts.mask.mask.nbytes


# Of an object on a frame.
PROMPTS: Kind[PromptSet] = Kind("prompts", codec.PROMPTS, _prompts_nbytes)
BASE: Kind[MaskRecord] = Kind("base", codec.MASK, _mask_nbytes)  # the mask that the prompts of the frame correct
MASK: Kind[MaskRecord] = Kind("mask", codec.MASK, _mask_nbytes)
LOCK: Kind[int] = Kind("lock", codec.NUMBER)  # in which order the objects of a frame were locked, from 1
# Of an object as a whole: its name, colour and rank, and the frames at which it ends.
OBJECT: Kind[ObjectRecord] = Kind("object", codec.OBJECT, is_content=False)
CUT_ABOVE: Kind[int] = Kind("cut_above", codec.NUMBER)
CUT_BELOW: Kind[int] = Kind("cut_below", codec.NUMBER)
RANGE: Kind[IntensityRange] = Kind("range", codec.RANGE)  # the values that an object may have, of it as a whole
PARENT: Kind[int] = Kind("parent", codec.NUMBER, is_content=False)  # the object that it came from by division
# Exact mode, so that a pass can be told again: the number of the last pass that an object took part in, and the last
# pass that came to a frame of it.
PASS: Kind[int] = Kind("pass", codec.NUMBER, is_content=False)
VISIT: Kind[Visit] = Kind("visit", codec.VISIT, is_content=False)
CHECK: Kind[Check] = Kind("check", codec.CHECK)  # of a tracked mask, see VideoSession.check; its mask is that of MASK
REVIEW: Kind[Review] = Kind("review", codec.REVIEW)  # of an object as a whole
# Of the session, as the object EVERY: where no object may be on a frame.
EVERY = 0
FORBIDDEN: Kind[RunLengthMask] = Kind("forbidden", codec.RUNS, lambda mask: mask.nbytes, is_content=False)

_ALL = (PROMPTS, BASE, MASK, LOCK, OBJECT, CUT_ABOVE, CUT_BELOW, RANGE, PARENT, PASS, VISIT, FORBIDDEN, CHECK, REVIEW)
KINDS: dict[str, Kind[Any]] = {kind.name: kind for kind in _ALL}
