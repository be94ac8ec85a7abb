"""What can be found wrong with a job before anything is computed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.batch.operations import check_operations
from napari_sam2.batch.prompts import read_prompts_document
from napari_sam2.core.paths import check_file, checked_path, is_folder
from napari_sam2.engine.catalog.model_files import resolve
from napari_sam2.errors import JobError, NapariSam2Error, WriteError
from napari_sam2.io.formats import DICOM, by_suffix, label_suffixes
from napari_sam2.session.storage.locations import peek

if TYPE_CHECKING:
    from napari_sam2.batch.job import Job


def check_job(job: Job, model: str) -> str | None:
    """Return one sentence on what is wrong with a job; None where nothing was found.

    Looked at are the paths, the prompts' file, the model, the formats, the operations, and what must not stand
    together. The image itself is not read: that is the first thing that running the job does.

    Parameters
    ----------
    job
        The job.
    model
        Name or path of the batch's model, for a job without its own.
    """
    try:
        _check_image(job)
        _check_prompts(job)
        _check_formats(job)
        check_operations(job.operations)
        resolve(job.model or model)
    except NapariSam2Error as error:
        return error.headline
    return None


def check_out(out: str | os.PathLike[str]) -> Path:
    """Make the folder of the results and return its path.

    Raises
    ------
    WriteError
        If it cannot be made or written.
    """
    path = checked_path(out, WriteError, "folder for the results").absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"{path} cannot be made a folder for the results: {error.strerror or error}.") from error
    if not os.access(path, os.W_OK):
        raise WriteError(f"{path} cannot be written: you have no permission.\nChoose another folder.")
    return path


def _check_image(job: Job) -> None:
    image = Path(job.image)
    if not is_folder(image):
        check_file(image, JobError)


def _check_prompts(job: Job) -> None:
    if job.prompts is None:
        if not job.boxes:
            raise JobError(f"{job.name}: there is no prompt.\nGive boxes, or a file of prompts.")
        return
    path = Path(job.prompts)
    if path.suffix.lower() == ".sam2":
        check_file(path, JobError)
        peek(path)
        given = [
            called
            for called, is_given in (
                ("axis", bool(job.frame_axis)),
                ("at", bool(job.at)),
                ("channel", job.channel is not None),
                ("window", job.contrast_limits is not None),
            )
            if is_given
        ]
        if given:
            raise JobError(
                f"{job.name}: {given[0]} has no effect beside a session file, which has its own; leave it out."
            )
    elif path.suffix.lower() == ".json":
        read_prompts_document(path)
    elif not is_folder(path):
        check_file(path, JobError)


def _check_formats(job: Job) -> None:
    if not job.formats:
        raise JobError(f"{job.name}: no format is given.\nName one of {', '.join(label_suffixes())}.")
    for suffix in job.formats:
        if suffix not in label_suffixes():
            raise JobError(
                f"{job.name}: labels cannot be written as {suffix!r}.\nUse one of {', '.join(label_suffixes())}."
            )
        image = by_suffix(Path(job.image).name)
        if suffix in DICOM.writes and image not in (None, DICOM):
            raise JobError(f"{job.name}: {suffix} needs an image from DICOM, but it is {image.name}.")
