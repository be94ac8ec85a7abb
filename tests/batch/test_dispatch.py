"""How jobs are handed to a cluster in this process: few at a time, and none after a stop."""

from __future__ import annotations

import threading
import time

import pytest
from distributed import Client, LocalCluster

from napari_sam2.batch import dispatch as module
from napari_sam2.batch.dispatch import Settings, dispatch
from napari_sam2.batch.job import Job
from napari_sam2.batch.records import CaseRecord, write_record

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def client():
    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            processes=False,
            dashboard_address="127.0.0.1:0",
            protocol="inproc",
            silence_logs=50,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


# Of this module, because what is handed to a worker is found there by its name.
NAMES, GATE = [], threading.Event()


def compute(job, out, model, device):
    """Stand for a case; all but the first wait for the gate."""
    (out / job.name).mkdir()
    write_record(out / job.name, CaseRecord(job.name, "running", job.fingerprint, job.image))
    NAMES.append(job.name)
    if len(NAMES) > 1:
        GATE.wait(20)
    return CaseRecord(job.name, "done", job.fingerprint, job.image)


@pytest.fixture
def computed(monkeypatch):
    """The names of the cases that were computed, and the gate."""
    NAMES.clear()
    GATE.clear()
    monkeypatch.setattr(module, "compute_on_worker", compute)
    yield NAMES, GATE
    GATE.set()


def jobs(count):
    return [Job(f"case{i}", f"case{i}.nii") for i in range(count)]


def test_a_worker_has_at_most_two_cases_at_hand(client, computed, tmp_path, monkeypatch) -> None:
    names, gate = computed
    gate.set()
    handed = []
    submit = client.submit
    monkeypatch.setattr(
        client, "submit", lambda call, job, *a, **k: (handed.append(job), submit(call, job, *a, **k))[1]
    )
    ended = 0
    for _ in dispatch(jobs(8), client, Settings(tmp_path, "starter", "cpu", lambda: ""), 10):
        ended += 1
        assert len(handed) - ended <= 2
    assert ended == len(names) == 8


def test_after_a_stop_what_runs_is_waited_for_and_nothing_else_is_begun(client, computed, tmp_path) -> None:
    names, gate = computed
    wish = [""]
    found = []

    def work():
        found.extend(dispatch(jobs(8), client, Settings(tmp_path, "starter", "cpu", lambda: wish[0]), 10))

    thread = threading.Thread(target=work)
    thread.start()
    deadline = time.monotonic() + 20
    while len(names) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    wish[0] = "soon"
    thread.join(2.5)
    assert thread.is_alive()
    gate.set()
    thread.join(20)
    assert not thread.is_alive()
    assert [record.name for record in found] == names == ["case0", "case1"]


def test_a_stop_at_once_waits_for_nothing(client, computed, tmp_path) -> None:
    names, gate = computed
    found = []
    stop = lambda: "now" if len(names) > 1 else ""  # noqa: E731
    for record in dispatch(jobs(8), client, Settings(tmp_path, "starter", "cpu", stop), 10):
        found.append(record.name)
    assert not gate.is_set()
    assert found == ["case0"]
