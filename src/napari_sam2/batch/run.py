"""Run jobs on a Dask cluster: none is lost when a worker or the scheduler dies, and none is done twice.

Everything that a case needs to go on lies in its folder, so a job that is handed out again takes up what is there.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import nullcontext
from functools import cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from napari_sam2.batch.case import run_case
from napari_sam2.batch.checks import check_job, check_out
from napari_sam2.batch.job import Job
from napari_sam2.batch.job_list import read_jobs
from napari_sam2.batch.records import CaseRecord, case_folder, is_done, read_record, worker_name
from napari_sam2.batch.report import results_table, write_results
from napari_sam2.errors import ClusterError, JobError, NapariSam2Error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from distributed import Client, Future

    from napari_sam2.engine.protocols import VideoPredictor

    Told = Callable[[CaseRecord, int, int], None]

_log = logging.getLogger(__name__)
# A worker process computes one case at a time, whatever number of threads its cluster gave it.
_computing = threading.Lock()


def run_batch(
    jobs: Iterable[Job] | str | PathLike[str],
    out: str | PathLike[str],
    client: Client | None = None,
    model: str = "starter",
    device: str = "auto",
    dry_run: bool = False,
    progress: Told | None = None,
    patience_s: float = 600.0,
) -> pd.DataFrame:
    """Segment many images.

    Each case gets a folder ``out/NAME`` with its session file, labels, ``measurements.csv`` and ``overview.png``; the
    batch gets ``results.csv`` and ``summary.html``. A case that fails is reported, and the others go on. Run the same
    batch again to take up what was stopped: what is done is not computed again.

    Parameters
    ----------
    jobs
        Jobs, or what :func:`napari_sam2.batch.read_jobs` reads them from.
    out
        Folder of the results; with a cluster, all its workers must see it, and the images, under the same path.
    client
        Of a running Dask cluster; None: a cluster of this machine for the time of the call.
    model
        Name or path of the model of jobs that name none.
    device
        As :func:`napari_sam2.load_predictor` takes it.
    dry_run
        Only look for what is wrong with the jobs.
    progress
        Called as ``progress(record, done, total)`` with each case that ends.
    patience_s
        How long to wait, in seconds, for a scheduler or workers that went away to come back.

    Returns
    -------
    pandas.DataFrame
        One row for each case in the order of the jobs: ``name, status, image, model, error, seconds, objects, frames,
        doubtful, volume_ml, worker``. Of a dry run ``status`` is ``"ready"``, ``"done"`` or ``"failed"``.

    Raises
    ------
    JobError
        If the list of jobs cannot be understood.
    ClusterError
        If the cluster is gone for longer than `patience_s`. What is done is kept.
    WriteError
        If the folder of the results cannot be written.
    """
    todo = read_jobs(jobs) if isinstance(jobs, str | PathLike) else list(jobs)
    records: dict[str, CaseRecord] = {}
    for job in todo:
        if job.name in records:
            raise JobError(f"Two jobs have the name {job.name!r}.\nGive each a name of its own.")
        records[job.name] = _before(job, Path(out), model)
    if dry_run:
        return results_table(records.values()).replace({"status": {"running": "ready"}})
    folder = check_out(out)
    waiting = [job for job in todo if records[job.name].status == "running"]
    try:
        if waiting:
            with nullcontext(client) if client is not None else _own_cluster(len(waiting), device) as used:
                for record in _run(waiting, folder, used, model, device, patience_s):
                    records[record.name] = record
                    if progress is not None:
                        left = sum(r.status == "running" for r in records.values())
                        progress(record, len(records) - left, len(records))
    finally:
        write_results(folder, list(records.values()))
    return results_table(records.values())


def _own_cluster(count: int, device: str) -> AbstractContextManager[Client]:
    # Dask's scheduler takes a second to import.
    from napari_sam2.batch.cluster import local_cluster

    return local_cluster(count, device)


def _before(job: Job, out: Path, model: str) -> CaseRecord:
    """Return the record of a job as it stands before the batch: done, failed by the checks, or still to do."""
    if is_done(case_folder(out, job), job):
        found = read_record(case_folder(out, job))
        assert found is not None
        return found
    problem = check_job(job, model)
    blank = CaseRecord(job.name, "running", job.fingerprint, job.image, job.model or model)
    return blank if problem is None else CaseRecord(
        job.name, "failed", job.fingerprint, job.image, job.model or model, error=problem
    )  # fmt: skip


# ---------------------------------------------------------------------- on the cluster


def _run(
    jobs: Sequence[Job], out: Path, client: Client, model: str, device: str, patience_s: float
) -> Iterator[CaseRecord]:
    """Hand the jobs out and yield what becomes of each; those of a scheduler that is gone are handed out again."""
    from distributed import Client

    address, security, left = client.scheduler.address, client.security, {job.name: job for job in jobs}
    lost_since: float | None = None
    own: Client | None = None
    try:
        while left:
            try:
                for record in _ended(list(left.values()), out, own or client, model, device):
                    lost_since = None
                    del left[record.name]
                    yield record
            except (OSError, TimeoutError) as error:
                lost_since = lost_since or time.monotonic()
                if time.monotonic() - lost_since > patience_s:
                    raise ClusterError(
                        f"The Dask scheduler at {address} is gone, with {len(left)} cases to do.\n"
                        "What is done is kept: start the cluster and run the batch again."
                    ) from error
                _log.warning("The scheduler at %s does not answer; trying again.", address)
                time.sleep(min(2.0, patience_s / 10))
                if own is not None:
                    own.close(timeout=1)
                    own = None
                try:
                    own = Client(address, security=security, timeout=min(10.0, patience_s))
                except (OSError, TimeoutError):
                    continue
    finally:
        if own is not None:
            own.close(timeout=5)


def _ended(jobs: Sequence[Job], out: Path, client: Client, model: str, device: str) -> Iterator[CaseRecord]:
    """Yield the record of each job as it ends; ConnectionError where the scheduler forgot them."""
    from distributed import as_completed

    def submit(job: Job, workers: list[str] | None = None) -> Future:
        return client.submit(
            compute_on_worker, job, out, job.model or model, device, pure=False, retries=1, workers=workers
        )

    futures = {submit(job): job for job in jobs}
    ending = as_completed(list(futures))
    tried: dict[str, set[str]] = {}
    for future in ending:
        job = futures.pop(future)
        if future.status in ("lost", "cancelled"):
            raise ConnectionError(f"{job.name} was lost")
        record = _outcome(future, job, model)
        if record.worker_fault:
            # The disk or memory of one worker may be full; the others have their own.
            tried.setdefault(job.name, set()).add(record.worker)
            others = [address for address, name in _workers(client).items() if name not in tried[job.name]]
            if others:
                again = submit(job, others)
                futures[again] = job
                ending.add(again)
                continue
        yield record


def _workers(client: Client) -> dict[str, str]:
    """Return the addresses of the workers, each with how its cases' records name it."""
    named: dict[str, str] = client.run(worker_name)
    return named


def _outcome(future: Future, job: Job, model: str) -> CaseRecord:
    from distributed.scheduler import KilledWorker

    error = future.exception()
    if error is None:
        record: CaseRecord = future.result()
        return record
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, KilledWorker):
        text = f"{job.name}: its worker died again and again, for want of memory perhaps."
    return CaseRecord(job.name, "failed", job.fingerprint, job.image, job.model or model, error=text)


def compute_on_worker(job: Job, out: Path, model: str, device: str) -> CaseRecord:
    """Compute a case in a worker process, whose model is loaded once; a model that fails to load fails the case."""
    with _computing:
        try:
            predictor = _loaded(model, device)
        except NapariSam2Error as error:
            return CaseRecord(
                job.name, "failed", job.fingerprint, job.image, model, error.headline, worker=worker_name()
            )
        return run_case(job, out, predictor)


@cache
def _loaded(model: str, device: str) -> VideoPredictor:
    from napari_sam2.engine import load_predictor

    return load_predictor(model, device=device)
