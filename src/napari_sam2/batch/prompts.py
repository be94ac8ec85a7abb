"""The prompts of a job: from a session file, prompts as JSON, labels on key slices, or boxes, to a session."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.atomic_write import replacing
from napari_sam2.core.masks import RunLengthMask
from napari_sam2.core.paths import check_file
from napari_sam2.core.prompts import PromptSet
from napari_sam2.errors import JobError
from napari_sam2.io import read_label_names, read_labels
from napari_sam2.session import VideoSession
from napari_sam2.session.results.export import PROMPTS_FORMAT, PROMPTS_VERSION

if TYPE_CHECKING:
    from napari_sam2.batch.job import Job
    from napari_sam2.core.volume import ImageVolume
    from napari_sam2.engine.protocols import VideoPredictor


def begin_session(job: Job, volume: ImageVolume, predictor: VideoPredictor, path: Path) -> VideoSession:
    """Return a session with the prompts of a job, kept in a file of its own.

    The file appears whole, with all prompts, or not at all.

    Parameters
    ----------
    job
        The job.
    volume
        Its image.
    predictor
        The model.
    path
        The new session file.

    Raises
    ------
    JobError
        If the prompts cannot be understood, or do not fit the image.
    NapariSam2Error
        As the session raises it.
    """
    if job.prompts is not None and job.prompts.lower().endswith(".sam2"):
        check_file(Path(job.prompts), JobError)
        with replacing(path) as part:
            shutil.copyfile(job.prompts, part)
        session = VideoSession.open(path, predictor, volume)
    else:
        session = VideoSession(
            predictor, volume, frame_axis=job.frame_axis, window=job.contrast_limits, at=job.at or None,
            channel=job.channel,
        )  # fmt: skip
        if job.prompts is not None and job.prompts.lower().endswith(".json"):
            apply_prompts_document(session, read_prompts_document(Path(job.prompts)))
        elif job.prompts is not None:
            _apply_labels(session, Path(job.prompts))
    for box in job.boxes:
        session.add_box(box.obj_id, box.frame, box.box)
    if not any(info.prompts or info.frames for info in session.objects.values()):
        session.close()
        raise JobError(f"{job.name}: there is no prompt.\nGive boxes, or prompts that mark at least one object.")
    if session.path is None:
        session.save(path)
    return session


def read_prompts_document(path: Path) -> dict[str, Any]:
    """Read prompts that :meth:`VideoSession.export_prompts` wrote.

    Raises
    ------
    JobError
        If the file is none of these, or of a later version.
    """
    check_file(path, JobError)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise JobError(f"{path} is no JSON: {error}.") from error
    if not isinstance(found, dict) or found.get("format") != PROMPTS_FORMAT:
        raise JobError(f"{path} holds no prompts of napari-sam2.\nWrite them with session.export_prompts.")
    if found.get("version") != PROMPTS_VERSION:
        raise JobError(
            f"{path} has version {found.get('version')} of the format; this version reads {PROMPTS_VERSION}."
        )
    return found


def apply_prompts_document(session: VideoSession, document: dict[str, Any]) -> None:
    """Give a session the objects, prompts and locked masks of a document.

    Raises
    ------
    JobError
        If it was written for frames of another size or along another axis, or is damaged.
    """
    grid = session.grid
    if document.get("frame_axis") != grid.frame_axis or list(document.get("shape", ())) != list(grid.shape):
        raise JobError(
            f"The prompts are for an image of {document.get('shape')} along {document.get('frame_axis')!r}, "
            f"but this one has {list(grid.shape)} along {grid.frame_axis!r}."
        )
    try:
        for entry in document["objects"]:
            _apply_object(session, entry)
    except (KeyError, TypeError, ValueError) as error:
        raise JobError(f"The prompts are damaged: {error!r}.") from error


def _apply_object(session: VideoSession, entry: dict[str, Any]) -> None:
    obj_id = int(entry["id"])
    for stand in entry["frames"]:
        frame, prompts = int(stand["frame"]), PromptSet.from_dict(stand)
        if prompts:
            box = prompts.box
            session.set_prompts(
                obj_id,
                frame,
                prompts.coordinates.tolist(),
                prompts.labels.tolist(),
                None if box is None else (box.y0, box.x0, box.y1, box.x1),
                None if prompts.mask is None else prompts.mask.mask.decode(),
            )
        if stand.get("locked") is not None:
            session.edit_mask(obj_id, frame, RunLengthMask.from_dict(stand["locked"]).decode())
    if obj_id in session.objects:
        session.rename_object(obj_id, str(entry["name"]))
        session.recolor_object(obj_id, entry["color"])


def _apply_labels(session: VideoSession, path: Path) -> None:
    """Take each slice that has labels as a prompt of the objects on it."""
    labels = read_labels(path, session.volume)
    frames = [f for f in range(session.frame_count) if np.any(labels[session.frame_index(f)])]
    if not frames:
        raise JobError(f"{path} has no label other than 0.")
    session.add_labels(labels, frames)
    for obj_id, name in read_label_names(path).items():
        if obj_id in session.objects and name:
            session.rename_object(obj_id, name)
