"""The values of the log as JSON and bytes, and back, as a session file keeps them.

Masks are bytes of their own, named by their hash, so that the same mask is stored once.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from napari_sam2.core.intensity_mapping import IntensityMapping
from napari_sam2.core.intensity_range import IntensityRange
from napari_sam2.core.masks import RunLengthMask
from napari_sam2.core.prompts import MaskPrompt, PromptSet
from napari_sam2.engine.protocols import CropWindow, FrameScores
from napari_sam2.session.log.records import Check, MaskRecord, ObjectRecord, Review, Rules, Source, Visit

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_sam2.session.log.records import Follows

    Keep = Callable[[bytes], str]  # bytes → their name
    Fetch = Callable[[str, Callable[[bytes], Any]], Any]  # a name, and how to decode its bytes → what was decoded

T = TypeVar("T")
_SHAPE = struct.Struct("<II")


@dataclass(frozen=True)
class Codec(Generic[T]):
    """The way from a value to JSON, and back.

    ``encode(value, keep)`` gives bytes that stand apart, such as masks, to ``keep``, which names them;
    ``decode(data, fetch)`` gets what was decoded from them with ``fetch(name, decode)``.
    """

    encode: Callable[[T, Keep], Any]
    decode: Callable[[Any, Fetch], T]


def dumps(value: Any) -> bytes:
    """Return compact JSON with sorted keys, so that equal values are equal bytes."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_python_number)
    return text.encode()


def _python_number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def mask_to_bytes(mask: RunLengthMask) -> bytes:
    """Return height and width as two little-endian uint32, then the runs as int32 ``(n, 2)``, deflated."""
    return _SHAPE.pack(*mask.shape) + zlib.compress(mask.runs.astype("<i4").tobytes(), level=1)


def mask_from_bytes(data: bytes) -> RunLengthMask:
    """Return the mask that :func:`mask_to_bytes` made bytes of."""
    height, width = _SHAPE.unpack_from(data)
    runs = np.frombuffer(zlib.decompress(data[_SHAPE.size :]), "<i4").astype(np.int32).reshape(-1, 2)
    runs.setflags(write=False)
    return RunLengthMask((height, width), runs)


def mapping_to_json(mapping: IntensityMapping) -> Any:
    """Return contrast limits and gamma as `IntensityMapping.from_dict` reads them.

    One pair without gamma is the plain ``[low, high]`` that all versions know.
    """
    if len(mapping.contrast_limits) == 1 and mapping.gamma == 1:
        return list(mapping.contrast_limits[0])
    return mapping.to_dict()


def _encode_object(record: ObjectRecord, _: Keep) -> dict[str, Any]:
    return {"name": record.name, "color": list(record.color), "rank": record.rank}


def _decode_object(data: dict[str, Any], _: Fetch) -> ObjectRecord:
    r, g, b = data["color"]
    return ObjectRecord(data["name"], (r, g, b), data["rank"])


def _encode_prompts(prompts: PromptSet, keep: Keep) -> dict[str, Any]:
    out = replace(prompts, mask=None).to_dict()
    if prompts.mask is not None:
        out["mask"] = keep(mask_to_bytes(prompts.mask.mask))
    return out


def _decode_prompts(data: dict[str, Any], fetch: Fetch) -> PromptSet:
    name = data.pop("mask", None)
    prompts = PromptSet.from_dict(data)
    return prompts if name is None else replace(prompts, mask=MaskPrompt(fetch(name, mask_from_bytes)))


def _encode_mask(record: MaskRecord, keep: Keep) -> dict[str, Any]:
    window = record.window
    follows = [s.follows if isinstance(s, Source) else None for s in record.computed_from]
    out = {
        "mask": keep(mask_to_bytes(record.mask)),
        "source": record.source,
        "scores": [_number(record.scores.iou), _number(record.scores.object_score)],
        "disagreement": _number(record.disagreement),
        "model": record.model,
        "window": None if window is None else [window.y0, window.x0, window.y1, window.x1],
        "levels": None if record.mapping is None else mapping_to_json(record.mapping),
        "nearest": None if record.nearest is None else keep(mask_to_bytes(record.nearest)),
        # Many frames follow from the same accepted frames.
        "from": keep(dumps([_encode_source(source, keep) for source in record.computed_from])),
    }
    # What older versions do not know is left out where it says nothing.
    if record.scores.rival is not None:
        out["rival"] = _number(record.scores.rival)
    if record.limit is not None:
        out["limit"] = keep(mask_to_bytes(record.limit))
    if record.value_range is not None:
        out["range"] = record.value_range.to_list()
    out |= rules_to_json(record.rules)
    if any(follows):
        # Beside "from", which older versions read.
        pairs = [f and [None if s is None else _encode_source(s, keep) for s in f] for f in follows]
        out["follows"] = keep(dumps(pairs))
    return out


def _decode_mask(data: dict[str, Any], fetch: Fetch) -> MaskRecord:
    iou, object_score = (_or_nan(v) for v in data["scores"])
    limit, value_range = data.get("limit"), data.get("range")
    levels, nearest = data["levels"], data.get("nearest")  # files of version 0.1 have no nearest and no model
    sources = fetch(data["from"], lambda found: tuple(_decode_source(s, fetch) for s in json.loads(found)))
    if "follows" in data:
        pairs = fetch(data["follows"], lambda found: [f and _decode_follows(f, fetch) for f in json.loads(found)])
        sources = tuple(s if f is None else s._replace(follows=f) for s, f in zip(sources, pairs, strict=True))
    return MaskRecord(
        fetch(data["mask"], mask_from_bytes),
        data["source"],
        FrameScores(iou, object_score, data.get("rival")),
        None if data["window"] is None else CropWindow(*data["window"]),
        sources,
        None if levels is None else IntensityMapping.from_dict(levels),
        _or_nan(data["disagreement"]),
        data.get("model", ""),
        None if nearest is None else fetch(nearest, mask_from_bytes),
        None if limit is None else fetch(limit, mask_from_bytes),
        rules_from_json(data),
        None if value_range is None else IntensityRange.from_list(value_range),
    )


def _encode_source(source: PromptSet | Source, keep: Keep) -> Any:
    if isinstance(source, PromptSet):
        return _encode_prompts(source, keep)
    return [
        source.frame,
        None if source.prompts is None else _encode_prompts(source.prompts, keep),
        None if source.mask is None else keep(mask_to_bytes(source.mask)),
        source.corrects,
    ]


def _decode_source(data: Any, fetch: Fetch) -> Any:
    if isinstance(data, dict):
        return _decode_prompts(data, fetch)
    frame, prompts, mask, corrects = data
    return Source(
        frame,
        None if prompts is None else _decode_prompts(prompts, fetch),
        None if mask is None else fetch(mask, mask_from_bytes),
        corrects,
    )


def _decode_follows(data: list[Any], fetch: Fetch) -> Follows:
    below, above = (None if s is None else _decode_source(s, fetch) for s in data)
    return below, above


def rules_to_json(rules: Rules) -> dict[str, Any]:
    """Return what is not as in files of older versions, which know none of it, as they are kept."""
    return {name: value for name, value in rules._asdict().items() if value != Rules._field_defaults[name]}


def rules_from_json(data: dict[str, Any]) -> Rules:
    """Take the rules out of ``data``, which may hold more."""
    return Rules(**{name: data.pop(name) for name in Rules._fields if name in data})


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


# Numbers are their own JSON.
NUMBER: Codec[int] = Codec(lambda value, _: value, lambda data, _: data)
OBJECT: Codec[ObjectRecord] = Codec(_encode_object, _decode_object)
PROMPTS: Codec[PromptSet] = Codec(_encode_prompts, _decode_prompts)
MASK: Codec[MaskRecord] = Codec(_encode_mask, _decode_mask)
RUNS: Codec[RunLengthMask] = Codec(
    lambda mask, keep: keep(mask_to_bytes(mask)), lambda name, fetch: fetch(name, mask_from_bytes)
)
CHECK: Codec[Check] = Codec(
    lambda check, keep: [_number(check.back), keep(mask_to_bytes(check.mask))],
    lambda data, fetch: Check(_or_nan(data[0]), fetch(data[1], mask_from_bytes)),
)
REVIEW: Codec[Review] = Codec(lambda review, _: list(review), lambda data, _: Review(*data))
RANGE: Codec[IntensityRange] = Codec(lambda value, _: value.to_list(), lambda data, _: IntensityRange.from_list(data))
VISIT: Codec[Visit] = Codec(lambda visit, _: list(visit), lambda data, _: Visit(*data))
