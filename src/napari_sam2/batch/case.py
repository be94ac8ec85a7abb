"""Compute one case: from its image and prompts to a session file, labels, measurements, a picture and a record.

A case that was stopped, by a crash too, goes on from its session file; one that is done is not computed again.
"""

from __future__ import annotations

import itertools
import time
import traceback
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from napari_sam2.analysis.measurements import measure_objects
from napari_sam2.batch.operations import apply_operations
from napari_sam2.batch.pictures import write_picture
from napari_sam2.batch.prompts import begin_session
from napari_sam2.batch.records import (
    CaseRecord,
    case_folder,
    is_done,
    is_of,
    read_record,
    worker_name,
    write_record,
)
from napari_sam2.core.atomic_write import replacing
from napari_sam2.errors import JobError, NapariSam2Error, OutOfMemoryError, SessionFileError, WriteError
from napari_sam2.io import check_label_target, read_volume, write_labels
from napari_sam2.session import VideoSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pandas as pd

    from napari_sam2.batch.job import Job
    from napari_sam2.core.volume import ImageVolume
    from napari_sam2.engine.protocols import VideoPredictor

_LOCK = ".lock"


def run_case(
    job: Job,
    out: Path,
    predictor: VideoPredictor,
    progress: Callable[[int, int], None] | None = None,
    wait_s: float = 120.0,
) -> CaseRecord:
    """Compute one case, unless it is done.

    Parameters
    ----------
    job
        The job.
    out
        Folder of the batch; the case gets the folder ``out/NAME``.
    predictor
        The model.
    progress
        Called with how many frames are done, and of how many.
    wait_s
        How long to wait, in seconds, for another process that has the same case and writes nothing; one that goes on
        is waited for.

    Returns
    -------
    CaseRecord
        What became of it; a failure is in its ``error``, with the details in ``out/NAME/error.txt``.
    """
    # What another model computed is another result.
    job = job if job.model else replace(job, model=predictor.name)
    folder, began = case_folder(out, job), time.monotonic()
    record = CaseRecord(job.name, "running", job.fingerprint, job.image, predictor.name, worker=worker_name())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder, wait_s):
            if is_done(folder, job):
                found = read_record(folder)
                assert found is not None
                return found
            session_file = _session_file(folder, job)
            known = read_record(folder)
            record = replace(record, attempts=1 if known is None else known.attempts + 1)
            write_record(folder, record)
            done = _compute(job, session_file, predictor, record, progress)
            done = replace(done, seconds=round(time.monotonic() - began, 2))
            write_record(folder, done)
            return done
    except NapariSam2Error as error:
        return _failed(folder, replace(record, seconds=round(time.monotonic() - began, 2)), error, str(error))
    except Exception as error:  # noqa: BLE001 - whatever fails in one case, the others go on; it is told in full.
        details = "".join(traceback.format_exception(error))
        return _failed(folder, replace(record, seconds=round(time.monotonic() - began, 2)), error, details)


@contextmanager
def _alone(folder: Path, wait_s: float) -> Iterator[None]:
    """Keep other processes away from a case; the system lets go of it when the process ends, however it ends.

    Another process that has it is waited for as long as it writes something every `wait_s` seconds.
    """
    lock, seen = FileLock(folder / _LOCK), _last_written(folder)
    try:
        while True:
            try:
                lock.acquire(timeout=wait_s)
                break
            except Timeout as error:
                before, seen = seen, _last_written(folder)
                if seen == before:
                    raise JobError(
                        f"{folder} is being computed by another process.\nRun the batch again when that has ended."
                    ) from error
    except OSError as error:
        raise WriteError(f"{folder} cannot be written: {error.strerror or error}.") from error
    try:
        yield
    finally:
        lock.release()


def _last_written(folder: Path) -> int:
    """Return when something in a folder was written last, in nanoseconds."""
    times = []
    for path in folder.iterdir():
        # Some versions of filelock change the lock each time that they ask for it.
        if path.name == _LOCK:
            continue
        # A file that is being replaced may be gone by now.
        with suppress(FileNotFoundError):
            times.append(path.stat().st_mtime_ns)
    return max(times, default=0)


def _session_file(folder: Path, job: Job) -> Path:
    """Return the path of the case's session file; one that stands there is of this very job.

    That of an earlier job which failed is moved aside: someone may have worked on it since.

    Raises
    ------
    JobError
        If the folder holds the results of another job.
    """
    path, known = folder / f"{job.name}.sam2", read_record(folder)
    if known is None or is_of(known, job):
        return path
    if known.status != "failed":
        raise JobError(
            f"{folder} holds the results of another job of this name.\n"
            "Its prompts, model or settings differ. Give the batch another folder, or the job another name."
        )
    if path.exists():
        aside = (path.with_name(f"{job.name}-failed-{i}.sam2") for i in itertools.count(1))
        path.rename(next(p for p in aside if not p.exists()))
    return path


def _compute(
    job: Job,
    session_file: Path,
    predictor: VideoPredictor,
    record: CaseRecord,
    progress: Callable[[int, int], None] | None,
) -> CaseRecord:
    folder = session_file.parent
    volume = read_volume(job.image, series=job.series)
    targets = [check_label_target(folder / f"{job.name}_labels{suffix}", volume) for suffix in job.formats]
    if session_file.exists():
        session = VideoSession.open(session_file, predictor, volume)
    else:
        session = begin_session(job, volume, predictor, session_file)
    try:
        _propagate(session, job, progress)
        return _write_results(session, job, volume, targets, record)
    finally:
        session.close()


def _propagate(session: VideoSession, job: Job, progress: Callable[[int, int], None] | None) -> None:
    def tell(done: int, total: int, _: str) -> None:
        if progress is not None:
            progress(done, total)

    for _ in session.propagate(job.direction, progress=tell):
        pass


def _write_results(
    session: VideoSession, job: Job, volume: ImageVolume, targets: list[Path], record: CaseRecord
) -> CaseRecord:
    folder = targets[0].parent
    labels, names = apply_operations(session, job.operations)
    for target in targets:
        write_labels(target, labels, volume, names=names)
    table = measure_objects(labels, volume, names)
    with replacing(folder / "measurements.csv") as part:
        table.to_csv(part, index=False)
    write_picture(session, labels, folder / "overview.png")
    scores = {obj_id: session.scores(obj_id) for obj_id in session.objects}
    return replace(
        record,
        status="done",
        objects=len(names),
        frames=sum(info.frames for info in session.objects.values()),
        doubtful=sum(int(s["doubtful"].sum()) for s in scores.values()),
        volume_ml=_volume_ml(table),
    )


def _volume_ml(table: pd.DataFrame) -> float | None:
    return round(float(table["volume_ml"].sum()), 4) if "volume_ml" in table else None


def _failed(folder: Path, record: CaseRecord, error: Exception, details: str) -> CaseRecord:
    headline = error.headline if isinstance(error, NapariSam2Error) else f"{type(error).__name__}: {error}"
    at_fault = isinstance(error, WriteError | SessionFileError | OutOfMemoryError | MemoryError)
    failed = replace(record, status="failed", error=headline, worker_fault=at_fault)
    try:
        with replacing(folder / "error.txt") as part:
            part.write_text(details + "\n", encoding="utf-8")
        known = read_record(folder)
        # Results that stand there are not hidden by a job of their name that was refused.
        if known is None or known.status != "done":
            write_record(folder, failed)
    except NapariSam2Error:
        # A disk that refuses has been told already; the record goes back to the caller.
        pass
    return failed
