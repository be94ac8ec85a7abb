"""What the form over many images does when it is told to stop, and when something fails."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from napari_sam2.batch.records import CaseRecord
from napari_sam2.batch.report import results_table
from napari_sam2.widgets.controllers import batch
from napari_sam2.widgets.controllers.batch import BatchController, BatchRequest
from napari_sam2.widgets.views.batch_results import BatchResults


@pytest.fixture
def jobs(tmp_path):
    (tmp_path / "a.nii.gz").write_bytes(b"x")
    (tmp_path / "jobs.csv").write_text(
        "image,name,boxes\n" + "".join(f'a.nii.gz,c{i},"1:0,1,1,9,9"\n' for i in range(3))
    )
    return tmp_path / "jobs.csv"


@pytest.fixture
def desk(qtbot, jobs):
    """The view, its controller, and what was opened."""
    view, opened = BatchResults(), []
    qtbot.addWidget(view)
    request = BatchRequest(jobs, jobs.parent / "out")
    controller = BatchController(view, lambda: request, lambda job, session: opened.append((job.name, session)), view)
    return view, controller, request, opened


def stand_in(monkeypatch, wishes):
    """A batch that ends one case and then waits until it is told to stop at once."""

    def run(jobs, out, client, model, device, dry_run, progress, stop):
        records = [CaseRecord(job.name, "running", job.fingerprint, job.image) for job in jobs]
        records[1] = CaseRecord(jobs[1].name, "done", jobs[1].fingerprint, jobs[1].image, frames=4, doubtful=2)
        progress(records[1], 1, len(jobs))
        while stop() != "now":
            if not wishes or wishes[-1] != stop():
                wishes.append(stop())
            time.sleep(0.01)
        return results_table(records)

    monkeypatch.setattr(batch, "run_batch", run)


def test_the_first_stop_waits_for_what_runs_and_the_second_does_not(desk, qtbot, monkeypatch) -> None:
    view, controller, request, _ = desk
    wishes = []
    stand_in(monkeypatch, wishes)
    controller.start(request)
    qtbot.waitUntil(lambda: view.bar.value() == 1, timeout=10_000)
    assert (view.table.item(0, 0).text(), view.table.item(0, 1).text()) == ("c1", "doubtful")
    assert view.table.item(0, 2).text() == "2 of 4"
    view.stop_button.click()
    qtbot.waitUntil(lambda: "soon" in wishes, timeout=10_000)
    assert controller.busy
    view.stop_button.click()
    qtbot.waitUntil(lambda: not controller.busy, timeout=10_000)
    assert wishes == ["", "soon"]
    assert view.status.text().startswith("0 failed, 1 with doubtful slices, 0 without, 2 to do.")
    assert not view.stop_button.isEnabled()
    assert view.check_button.isEnabled()


def test_only_what_has_ended_opens_while_a_batch_runs(desk, qtbot, monkeypatch) -> None:
    view, controller, request, opened = desk
    stand_in(monkeypatch, [])
    controller.start(request)
    qtbot.waitUntil(lambda: view.bar.value() == 1, timeout=10_000)
    view.table.cellActivated.emit(1, 0)
    assert opened == []
    assert view.status.text() == "c0 is not done yet."
    view.table.cellActivated.emit(0, 0)
    assert opened == [("c1", None)]
    # As when the window goes.
    controller.close()
    qtbot.waitUntil(lambda: not controller.busy, timeout=10_000)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"jobs": Path()}, "Choose the jobs first"),
        ({"out": Path()}, "Choose a folder for the results first"),
        ({"jobs": Path("gone.csv")}, "gone.csv does not exist"),
    ],
)
def test_what_is_missing_is_said_at_once(desk, jobs, changed, said) -> None:
    view, controller, request, _ = desk
    controller.start(BatchRequest(**(vars(request) | changed)))
    assert not controller.busy
    assert said in view.status.text()


def test_another_computer_without_encryption_is_refused_with_a_sentence(desk, qtbot) -> None:
    view, controller, request, _ = desk
    controller.start(BatchRequest(request.jobs, request.out, scheduler="tcp://gpu-server:8786"))
    qtbot.waitUntil(lambda: not controller.busy, timeout=20_000)
    assert "would not be encrypted" in view.status.text()
    assert not request.out.exists()


def test_a_failure_that_nobody_thought_of_is_said_and_ends_the_batch(desk, qtbot, monkeypatch) -> None:
    view, controller, request, _ = desk

    def fail(*_, **__):
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(batch, "run_batch", fail)
    with qtbot.capture_exceptions():
        controller.start(request)
        qtbot.waitUntil(lambda: not controller.busy, timeout=20_000)
    assert view.status.text() == "ZeroDivisionError: by nothing"
    assert view.check_button.isEnabled()
