"""What *Run over many images* does: check, run and stop a batch in a worker thread, list its cases, open one."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, QUrl, Signal
from qtpy.QtGui import QDesktopServices

from napari_sam2.batch import read_jobs, run_batch
from napari_sam2.batch.records import CaseRecord, case_folder
from napari_sam2.batch.report import kind_of, urgency
from napari_sam2.engine.remote.connection import connect
from napari_sam2.errors import JobError, NapariSam2Error
from napari_sam2.widgets.workers import NamedCall

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from napari_sam2.batch import Job
    from napari_sam2.batch.dispatch import Stop


@dataclass(frozen=True)
class BatchRequest:
    """What the form says.

    Parameters
    ----------
    jobs
        CSV file, or folder of images with their prompts beside them.
    out
        Folder of the results.
    model, device
        Of jobs that name no model, and of all.
    scheduler
        Address of a running Dask cluster; empty: this computer.
    """

    jobs: Path
    out: Path
    model: str = "starter"
    device: str = "auto"
    scheduler: str = ""


class BatchView(Protocol):
    """What the controller needs of its view: signals and ``set_*`` methods."""

    check_clicked: Any
    stop_clicked: Any
    summary_clicked: Any
    folder_clicked: Any
    case_chosen: Any

    def set_running(self, running: bool, stopping: bool = False) -> None:
        """Show whether a batch is under way."""
        ...

    def set_progress(self, done: int, total: int) -> None:
        """Show how many cases have ended."""
        ...

    def set_status(self, text: str) -> None:
        """Show a sentence."""
        ...

    def set_places(self, there: bool) -> None:
        """Offer summary and folder."""
        ...

    def set_cases(self, cases: Sequence[tuple[str, str, str, str]]) -> None:
        """List cases."""
        ...


class BatchController(QObject):
    """Runs one batch at a time.

    Parameters
    ----------
    view
        Lists the cases.
    request
        Returns what the form says now.
    open_case
        ``open_case(image, session_file)`` shows a case in the window; the second is None where there is no session.
    parent
        Owner in Qt.
    """

    running_changed = Signal(bool)
    _case_ended = Signal(object, int, int)

    def __init__(
        self,
        view: BatchView,
        request: Callable[[], BatchRequest],
        open_case: Callable[[Job, Path | None], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._view = view
        self._request = request
        self._open_case = open_case
        self._worker: Any = None
        self._wish: Stop = ""
        self._dry_run = False
        self._records: dict[str, CaseRecord] = {}
        self._jobs: dict[str, Job] = {}
        self._out: Path | None = None
        self._case_ended.connect(self._on_case)
        view.check_clicked.connect(lambda: self.start(self._request(), dry_run=True))
        view.stop_clicked.connect(self.stop)
        view.case_chosen.connect(self._on_chosen)
        view.summary_clicked.connect(lambda: self._show("summary.html"))
        view.folder_clicked.connect(lambda: self._show(""))

    @property
    def busy(self) -> bool:
        """Return whether a batch is being checked or computed."""
        return self._worker is not None

    def start(self, request: BatchRequest, dry_run: bool = False) -> None:
        """Check the jobs, and compute them unless it is a dry run."""
        if self.busy:
            return
        try:
            _check(request)
            jobs = read_jobs(request.jobs)
        except NapariSam2Error as error:
            self._view.set_status(str(error))
            return
        self._wish, self._dry_run = "", dry_run
        self._out, self._jobs = request.out, {job.name: job for job in jobs}
        self._records = {}
        self._view.set_status("Checking the jobs…" if dry_run else "Starting the workers…")
        self._view.set_progress(0, 0 if dry_run else len(jobs))
        self._view.set_running(True)
        self._view.set_cases([(job.name, "to do", "", "") for job in jobs])
        self.running_changed.emit(True)

        def work() -> tuple[pd.DataFrame | None, str]:
            try:
                return self._work(request, jobs, dry_run), ""
            except NapariSam2Error as error:
                return None, str(error)

        self._worker = create_worker(NamedCall.of(work, lambda: "running over many images"), _start_thread=False)
        # Methods of a QObject, so that every Qt binding delivers them on the main thread.
        self._worker.returned.connect(self._on_returned)
        self._worker.errored.connect(self._on_errored)
        self._worker.start()

    def stop(self) -> None:
        """Begin no other case; asked a second time, wait for none either."""
        if self.busy:
            self._wish = "now" if self._wish else "soon"
            self._view.set_running(True, stopping=True)
            self._view.set_status("Stopping after the cases that are computed now…" if self._wish == "soon" else "…")

    def close(self) -> None:
        """Stop at once: the window goes. Cases that were being computed can be taken up again."""
        self._wish = "now"

    # ------------------------------------------------------------------ in the worker

    def _work(self, request: BatchRequest, jobs: Sequence[Job], dry_run: bool) -> pd.DataFrame:
        worker = self._worker

        def told(record: CaseRecord, done: int, total: int) -> None:
            # The widget may be gone by now; the batch ends in good order all the same.
            with suppress(RuntimeError):
                self._case_ended.emit(record, done, total)

        def wish() -> Stop:
            return "now" if worker.abort_requested else self._wish

        far = connect(request.scheduler) if request.scheduler and not dry_run else None
        with far if far is not None else nullcontext() as client:
            return run_batch(jobs, request.out, client, request.model, request.device, dry_run, told, stop=wish)

    # ------------------------------------------------------------------ on the main thread

    def _on_case(self, record: CaseRecord, done: int, total: int) -> None:
        self._records[record.name] = record
        self._view.set_progress(done, total)
        self._view.set_status(f"{record.name}: {record.error or kind_of(record)}")
        self._list()

    def _on_returned(self, found: tuple[pd.DataFrame | None, str]) -> None:
        table, error = found
        if self._dry_run and table is not None:
            self._view.set_cases([(r.name, r.status, "", r.error) for r in _problems_first(table)])
            wrong = int((table["status"] == "failed").sum())
            error = f"{wrong} of {len(table)} jobs have a problem." if wrong else "No problem was found."
        self._finish(error or self._summary())

    def _on_errored(self, error: Exception) -> None:
        self._finish(f"{type(error).__name__}: {error}")

    def _finish(self, text: str) -> None:
        self._worker = None
        self._view.set_status(text)
        self._view.set_running(False)
        self._view.set_places(self._out is not None and (self._out / "summary.html").exists())
        self.running_changed.emit(False)

    def _summary(self) -> str:
        kinds = [kind_of(r) for r in self._records.values()]
        left = len(self._jobs) - len(kinds)
        words = {"failed": "failed", "doubtful": "with doubtful slices", "done": "without"}
        parts = [f"{kinds.count(kind)} {text}" for kind, text in words.items()]
        return ", ".join(parts) + (f", {left} to do" if left else "") + ". Double-click a case to look at it."

    def _list(self) -> None:
        """List the cases that have ended, those to look at first on top, and the others below."""
        ended = sorted(self._records.values(), key=urgency)
        lines = [(r.name, kind_of(r), f"{r.doubtful} of {r.frames}" if r.frames else "", r.error) for r in ended]
        lines += [(name, "to do", "", "") for name in self._jobs if name not in self._records]
        self._view.set_cases(lines)

    def _on_chosen(self, name: str) -> None:
        job, out = self._jobs.get(name), self._out
        if job is None or out is None:
            return
        if self.busy and name not in self._records:
            self._view.set_status(f"{name} is not done yet.")
            return
        session = case_folder(out, job) / f"{name}.sam2"
        try:
            self._open_case(job, session if session.exists() else None)
        except NapariSam2Error as error:
            self._view.set_status(str(error))

    def _show(self, name: str) -> None:
        if self._out is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._out / name)))


def _problems_first(table: pd.DataFrame) -> list[Any]:
    return sorted(table.itertuples(), key=lambda r: r.status != "failed")


def _check(request: BatchRequest) -> None:
    if request.jobs == Path():
        raise JobError("Choose the jobs first: a CSV file, or a folder of images with prompts beside them.")
    if request.out == Path():
        raise JobError("Choose a folder for the results first.")
