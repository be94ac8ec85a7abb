"""Run jobs: check them, have a cluster compute those that are not done, and write the results of all."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd

from napari_sam2.batch.checks import check_job, check_out
from napari_sam2.batch.dispatch import Settings, dispatch
from napari_sam2.batch.job import Job
from napari_sam2.batch.job_list import read_jobs
from napari_sam2.batch.records import CaseRecord, case_folder, is_done, read_record
from napari_sam2.batch.report import results_table, write_results
from napari_sam2.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from distributed import Client

    from napari_sam2.batch.dispatch import Stop

    Told = Callable[[CaseRecord, int, int], None]


def run_batch(
    jobs: Iterable[Job] | str | PathLike[str],
    out: str | PathLike[str],
    client: Client | None = None,
    model: str = "starter",
    device: str = "auto",
    dry_run: bool = False,
    progress: Told | None = None,
    patience_s: float = 600.0,
    stop: Callable[[], Stop] = lambda: "",
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
        Called as ``progress(record, done, total)`` with each case that was done before, is refused by the checks, or
        ends.
    patience_s
        How long to wait, in seconds, for a scheduler or workers that went away to come back.
    stop
        Asked about every second: ``""`` goes on; ``"soon"`` begins no other case and waits for those that are being
        computed; ``"now"`` leaves these where they stand, for the next time.

    Returns
    -------
    pandas.DataFrame
        One row for each case in the order of the jobs: ``name, status, image, model, error, seconds, objects, frames,
        doubtful, volume_ml, worker, attempts``. ``status`` is ``"done"``, ``"failed"``, or ``"to do"`` for what a stop
        or a dry run left.

    Raises
    ------
    JobError
        If the list of jobs cannot be understood.
    ClusterError
        If the cluster is gone for longer than `patience_s`. What is done is kept.
    WriteError
        If the folder of the results cannot be written.
    """
    listed = read_jobs(jobs) if isinstance(jobs, str | PathLike) else jobs
    # The model is a part of the job: what another one computed is not done.
    todo = [job if job.model else replace(job, model=model) for job in listed]
    records: dict[str, CaseRecord] = {}
    for job in todo:
        if job.name in records:
            raise JobError(f"Two jobs have the name {job.name!r}.\nGive each a name of its own.")
        records[job.name] = _before(job, Path(out))
    if dry_run:
        return results_table(records.values())
    folder = check_out(out)
    done = 0

    def tell(record: CaseRecord) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(record, done, len(records))

    try:
        for record in records.values():
            if record.status != "running":
                tell(record)
        waiting = [job for job in todo if records[job.name].status == "running"]
        if waiting:
            with nullcontext(client) if client is not None else _own_cluster(len(waiting), device) as used:
                for record in dispatch(waiting, used, Settings(folder, model, device, stop), patience_s):
                    records[record.name] = record
                    tell(record)
    finally:
        # What was taken back at a stop may have been begun and done in the same moment.
        for job in todo:
            if records[job.name].status == "running" and is_done(case_folder(folder, job), job):
                records[job.name] = read_record(case_folder(folder, job)) or records[job.name]
        write_results(folder, list(records.values()))
    return results_table(records.values())


def _own_cluster(count: int, device: str) -> AbstractContextManager[Client]:
    # Dask's scheduler takes a second to import.
    from napari_sam2.batch.cluster import local_cluster

    return local_cluster(count, device)


def _before(job: Job, out: Path) -> CaseRecord:
    """Return the record of a job as it stands before the batch: done, failed by the checks, or still to do."""
    if is_done(case_folder(out, job), job):
        found = read_record(case_folder(out, job))
        assert found is not None
        return found
    assert job.model is not None
    problem = check_job(job, job.model)
    status: Literal["running", "failed"] = "running" if problem is None else "failed"
    return CaseRecord(job.name, status, job.fingerprint, job.image, job.model, error=problem or "")
