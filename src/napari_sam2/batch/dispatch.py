"""Hand jobs to a Dask cluster: none is lost when a worker or the scheduler dies, and none is done twice.

Everything that a case needs to go on lies in its folder, so a job that is handed out again takes up what is there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from napari_sam2.batch.case import run_case
from napari_sam2.batch.records import CaseRecord, case_folder, read_record, worker_name
from napari_sam2.errors import ClusterError, NapariSam2Error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from distributed import Client, Future

    from napari_sam2.batch.job import Job
    from napari_sam2.engine.protocols import VideoPredictor

Stop = Literal["", "soon", "now"]

_log = logging.getLogger(__name__)
_POLL_S = 1.0
# So that a worker that ends a case has the next one at hand, and the scheduler holds no hundred thousand.
_CASES_PER_WORKER = 2
# A worker process computes one case at a time, whatever number of threads its cluster gave it.
_computing = threading.Lock()


@dataclass(frozen=True)
class Settings:
    """What all jobs of a batch share.

    Parameters
    ----------
    out
        Folder of the results.
    model, device
        Of jobs that name no model, and of all.
    stop
        Asked about every second: ``""`` goes on, ``"soon"`` begins no other case, ``"now"`` waits for none either.
    """

    out: Path
    model: str
    device: str
    stop: Callable[[], Stop]


def dispatch(jobs: Sequence[Job], client: Client, settings: Settings, patience_s: float) -> Iterator[CaseRecord]:
    """Have jobs computed, and yield what becomes of each; those of a scheduler that is gone are handed out again.

    Parameters
    ----------
    jobs
        Jobs that are not done.
    client
        Of the cluster; left open.
    settings
        What they share.
    patience_s
        How long to wait, in seconds, for a scheduler that went away.

    Raises
    ------
    ClusterError
        If the scheduler is gone for longer.
    """
    from distributed import Client

    address, security, left = client.scheduler.address, client.security, {job.name: job for job in jobs}
    lost_since: float | None = None
    own: Client | None = None
    try:
        while left:
            try:
                for record in _ended(left.values(), own or client, settings):
                    lost_since = None
                    del left[record.name]
                    yield record
                if settings.stop():
                    return
            except (OSError, TimeoutError) as error:
                lost_since = lost_since or time.monotonic()
                if settings.stop() == "now":
                    return
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
                with suppress(OSError, TimeoutError):
                    own = Client(address, security=security, timeout=min(10.0, patience_s), set_as_default=False)
    finally:
        if own is not None:
            own.close(timeout=5)


def _ended(jobs: Iterable[Job], client: Client, settings: Settings) -> Iterator[CaseRecord]:
    """Yield the record of each job as it ends; ConnectionError where the scheduler forgot them."""
    waiting: deque[tuple[Job, list[str] | None]] = deque((job, None) for job in jobs)
    futures: dict[Future, Job] = {}
    tried: dict[str, set[str]] = {}
    while waiting or futures:
        if client.status != "running":
            raise ConnectionError("the connection to the scheduler broke")
        wish = settings.stop()
        if wish:
            waiting.clear()
            begun = {f.key for f, job in futures.items() if _is_begun(job, settings)}
            # A worker that has begun none may be loading its model, with nothing in the folder of its case yet.
            loading = {keys[0] for keys in client.processing().values() if keys and not begun.intersection(keys)}
            left = [f for f in futures if f.key not in begun | loading]
            client.cancel(list(futures) if wish == "now" else left)
            futures = {f: job for f, job in futures.items() if not f.cancelled()}
        room = _CASES_PER_WORKER * max(1, len(client.nthreads())) - len(futures)
        for _ in range(min(room, len(waiting))):
            job, where = waiting.popleft()
            future = client.submit(
                compute_on_worker, job, settings.out, job.model or settings.model, settings.device,
                pure=False, retries=1, workers=where,
            )  # fmt: skip
            futures[future] = job
        for future in _done(futures):
            job = futures.pop(future)
            record = _outcome(future, job, settings.model)
            if record.worker_fault:
                # The disk or memory of one worker may be full; the others have their own.
                tried.setdefault(job.name, set()).add(record.worker)
                others = [address for address, name in _workers(client).items() if name not in tried[job.name]]
                if others:
                    waiting.appendleft((job, others))
                    continue
            yield record


def _done(futures: Iterable[Future]) -> list[Future]:
    """Wait a moment for one to end, and return those that have; ConnectionError where the scheduler forgot them."""
    some, end = list(futures), time.monotonic() + _POLL_S
    while some and not any(future.done() for future in some) and time.monotonic() < end:
        time.sleep(_POLL_S / 20)
    if any(future.status in ("lost", "cancelled") for future in some):
        raise ConnectionError("the scheduler lost what it was given")
    return [future for future in some if future.done()]


def _is_begun(job: Job, settings: Settings) -> bool:
    """Return whether a job is being computed, or has just been: what was not begun may be taken back."""
    record = read_record(case_folder(settings.out, job))
    return record is not None and record.status in ("running", "done") and record.fingerprint == job.fingerprint


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
