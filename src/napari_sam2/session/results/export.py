"""A session's prompts as open JSON, and its masks as COCO; neither says where the image lies or whose it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2._version import __version__
from napari_sam2.core.atomic_write import replacing
from napari_sam2.core.masks import bounding_box
from napari_sam2.core.paths import checked_path
from napari_sam2.errors import WriteError
from napari_sam2.session.log.codec import mapping_to_json
from napari_sam2.session.log.kinds import LOCK, PARENT, PROMPTS, REVIEW

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.session.state.session_state import SessionState

PROMPTS_FORMAT = "napari-sam2 prompts"
PROMPTS_VERSION = 1


def prompts_document(state: SessionState) -> dict[str, Any]:
    """Return objects with their prompts and locks, JSON-ready.

    Coordinates are ``(y, x)`` in data pixels of a frame, voxel centres at integers; boxes ``(y0, x0, y1, x1)``,
    half-open; masks are ``shape`` (height, width) and ``runs``, start and stop in the flattened frame. The schema
    stands in ``docs/session-file.md``.
    """
    grid, history = state.grid, state.history
    out = []
    for obj_id in state.object_ids():
        record = state.object_record(obj_id)
        frames = []
        prompts = history.frames(PROMPTS, obj_id)
        locked = history.frames(LOCK, obj_id)
        for frame in sorted({*prompts, *locked}):
            entry: dict[str, Any] = {"frame": frame}
            if frame in prompts:
                entry |= prompts[frame].to_dict()
                entry.pop("calls", None)
            if frame in locked:
                mask = state.mask_record(obj_id, frame)
                entry["locked"] = None if mask is None else mask.mask.to_dict()
            frames.append(entry)
        described = {"id": obj_id, "name": record.name, "color": list(record.color), **_review(state, obj_id)}
        parent = history.get(PARENT, obj_id)
        if parent is not None:
            described["parent"] = parent
        out.append({**described, "frames": frames})
    return {
        "format": PROMPTS_FORMAT,
        "version": PROMPTS_VERSION,
        "napari-sam2": __version__,
        "model": state.predictor.name,
        "axes": grid.axes,
        "shape": list(grid.shape),
        "frame_axis": grid.frame_axis,
        "at": dict(grid.at),
        "window": mapping_to_json(state.mapping),
        "objects": out,
    }


def coco_document(state: SessionState) -> dict[str, Any]:
    """Return all masks as a COCO document: an image for each frame, a category for each object.

    Segmentations are uncompressed run lengths in COCO's column order; ``track_id`` is the object. The overlap rule is
    applied, so that no pixel has two objects.
    """
    height, width = state.grid.frame_shape
    ids = state.object_ids()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for frame in range(state.grid.frame_count):
        images.append({"id": frame + 1, "file_name": f"frame_{frame:05d}", "height": height, "width": width})
        labels = state.frame_labels(frame)
        for obj_id in ids:
            mask = labels == obj_id
            if mask.any():
                annotations.append(_annotation(len(annotations) + 1, frame + 1, obj_id, mask))
    return {
        "info": {"description": "Masks from napari-sam2", "version": __version__},
        "images": images,
        "annotations": annotations,
        "categories": [
            {"id": i, "name": state.object_record(i).name, "supercategory": "object", **_review(state, i)} for i in ids
        ],
    }


def write_json(path: str | Path, document: dict[str, Any]) -> None:
    """Write a document, whole or not at all."""
    with replacing(checked_path(path, WriteError)) as part:
        part.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _review(state: SessionState, obj_id: int) -> dict[str, Any]:
    """Return what a reader said of an object, if anything."""
    review = state.history.get(REVIEW, obj_id)
    return {} if review is None else {"review": {"state": review.state, "comment": review.comment}}


def _annotation(number: int, image: int, obj_id: int, mask: NDArray[np.bool_]) -> dict[str, Any]:
    flat = np.concatenate([[False], mask.ravel(order="F")])
    edges = np.flatnonzero(np.diff(flat.astype(np.int8)))
    counts = np.diff(np.concatenate([[0], edges, [mask.size]]))
    box = bounding_box(mask)
    assert box is not None
    y0, x0, y1, x1 = box
    return {
        "id": number,
        "image_id": image,
        "category_id": obj_id,
        "track_id": obj_id,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": int(mask.sum()),
        "iscrowd": 0,
        "segmentation": {"size": list(mask.shape), "counts": counts.tolist()},
    }
