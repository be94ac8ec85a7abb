"""What a case leaves beside its files: ``case.json``, by which a batch knows what is done."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_sam2.core.atomic_write import replacing

if TYPE_CHECKING:
    from napari_sam2.batch.job import Job

RECORD_NAME = "case.json"
# Of the whole batch, in the folder above.
RESULTS_NAME = "results.csv"
SUMMARY_NAME = "summary.html"


@dataclass(frozen=True)
class CaseRecord:
    """The state of one case.

    Parameters
    ----------
    name
        Name of the case, and of its folder.
    status
        ``"running"`` (begun, and not ended), ``"done"`` or ``"failed"``.
    fingerprint
        Of the job; see :attr:`napari_sam2.batch.job.Job.fingerprint`.
    image
        Path of the image.
    model
        Name of the model.
    error
        One sentence; empty where nothing failed.
    seconds
        Time of the last attempt, from reading the image to the last file.
    objects
        How many objects there are.
    frames
        How many frames have a mask, of all objects together.
    doubtful
        How many of these are marked doubtful.
    volume_ml
        Volume of all objects in millilitres; None where the image has no physical size.
    worker
        Where it was computed.
    attempts
        How often it was begun; one that was stopped goes on from its session file.
    worker_fault
        Whether the failure lies with that worker's disk or memory, so that another one may succeed.
    """

    name: str
    status: Literal["running", "done", "failed"]
    fingerprint: str
    image: str
    model: str = ""
    error: str = ""
    seconds: float = 0.0
    objects: int = 0
    frames: int = 0
    doubtful: int = 0
    volume_ml: float | None = None
    worker: str = ""
    attempts: int = 0
    worker_fault: bool = False


def worker_name() -> str:
    """Return how records name the process that computes them: computer and process id."""
    return f"{platform.node()}:{os.getpid()}"


def case_folder(out: Path, job: Job) -> Path:
    """Return the folder of a case."""
    return out / job.name


def read_record(folder: Path) -> CaseRecord | None:
    """Return what a case says of itself; None where it says nothing, or nothing that can be read."""
    try:
        return CaseRecord(**json.loads((folder / RECORD_NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        # A record that cannot be read is worth nothing: the case is taken up from its session file.
        return None


def write_record(folder: Path, record: CaseRecord) -> None:
    """Write the record of a case, whole or not at all.

    Raises
    ------
    WriteError
        If the disk refuses.
    """
    with replacing(folder / RECORD_NAME) as part:
        part.write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")


def is_done(folder: Path, job: Job) -> bool:
    """Return whether a case was finished from this very job."""
    record = read_record(folder)
    return record is not None and record.status == "done" and is_of(record, job)


def is_of(record: CaseRecord, job: Job) -> bool:
    """Return whether a record is of this very job.

    Parameters
    ----------
    record
        Of a case; one of an earlier version counts too, whose fingerprint knew no model of the whole batch, and took
        paths as they were typed.
    job
        With its model, that of the whole batch if it has none of its own.
    """
    if record.fingerprint == job.fingerprint:
        return True
    if not _is_same_place(record.image, job.image):
        return False
    models = {job.model}
    if job.model is not None and _is_same_place(record.model, job.model):
        models |= {record.model, None}
    prompts = {job.prompts, _from_here(job.prompts)}
    earlier = (replace(job, image=record.image, model=m, prompts=p) for m in models for p in prompts)
    return any(record.fingerprint == each.fingerprint for each in earlier)


def _is_same_place(one: str, other: str) -> bool:
    """Tell whether two paths are one, from the working folder; also whether two names are."""
    return os.path.abspath(one) == os.path.abspath(other)


def _from_here(path: str | None) -> str | None:
    try:
        return None if path is None else os.path.relpath(path)
    except ValueError:
        # On another drive of Windows.
        return path
