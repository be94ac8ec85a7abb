"""Batches on real clusters of processes on loopback, and what happens when parts of them die."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager

import numpy as np
import pytest
from distributed import Client

import napari_sam2 as ns
from napari_sam2.batch import read_jobs, run_batch
from napari_sam2.batch.job import BoxOnFrame, Job
from napari_sam2.cli import main

from .conftest import image

# A child that Python forks from a process with threads warns; the workers are processes of their own.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_a_dry_run_says_what_is_wrong_and_writes_nothing(study, tmp_path) -> None:
    jobs = [
        *read_jobs(study),
        Job("gone", str(study / "gone.nii.gz"), boxes=(BoxOnFrame(1, 0, (0, 0, 5, 5)),)),
        Job("bare", str(study / "case0.nii.gz")),
        Job("format", str(study / "case0.nii.gz"), boxes=(BoxOnFrame(1, 0, (0, 0, 5, 5)),), formats=(".dcm",)),
        Job("model", str(study / "case0.nii.gz"), boxes=(BoxOnFrame(1, 0, (0, 0, 5, 5)),), model="none-such"),
    ]
    table = run_batch(jobs, tmp_path / "out", dry_run=True).set_index("name")
    assert list(table["status"]) == ["to do"] * 3 + ["failed"] * 4
    assert "does not exist" in table.loc["gone", "error"]
    assert "there is no prompt" in table.loc["bare", "error"]
    assert "needs an image from DICOM" in table.loc["format", "error"]
    assert "none-such" in table.loc["model", "error"]
    assert not (tmp_path / "out").exists()


def test_a_batch_on_this_machine_and_again(study, tmp_path, capsys) -> None:
    (study / "case9.nii.gz").write_bytes(b"no image")
    (study / "case9_labels.nii.gz").write_bytes(b"no labels")
    assert main(["batch", str(study), "--out", str(tmp_path / "out"), "--device", "cpu"]) == 1
    told = capsys.readouterr()
    assert "case9 failed" in told.err
    table = run_batch(study, tmp_path / "out", device="cpu").set_index("name")
    assert dict(table["status"]) == {"case0": "done", "case1": "done", "case2": "done", "case9": "failed"}
    first = (tmp_path / "out" / "case0" / "case.json").stat().st_mtime_ns
    run_batch(study, tmp_path / "out", device="cpu")
    assert (tmp_path / "out" / "case0" / "case.json").stat().st_mtime_ns == first
    page = (tmp_path / "out" / "summary.html").read_text()
    assert page.index("case9: failed") < page.index("case0: ")
    assert page.count("<img ") == 3
    for i in range(3):
        volume = ns.read_volume(study / f"case{i}.nii.gz")
        truth = np.asarray(volume.array) > 50
        labels = ns.read_labels(tmp_path / "out" / f"case{i}" / f"case{i}_labels.nii.gz", volume) > 0
        assert 2 * (truth & labels).sum() / (truth.sum() + labels.sum()) > 0.8


# ---------------------------------------------------------------------- faults

LONG = 24  # frames of a case
PATIENT = pytest.mark.timeout(900)  # on a loaded machine; without load each takes about half a minute


@contextmanager
def processes():
    """Start processes that end with the block."""
    started = []

    def start(*command, **options):
        started.append(subprocess.Popen([sys.executable, "-m", *command], stderr=subprocess.DEVNULL, **options))
        return started[-1]

    try:
        yield start
    finally:
        for process in started:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait(20)


def scheduler(start, port, **options):
    address = ("--host", "127.0.0.1", "--port", str(port), "--dashboard-address", "127.0.0.1:0")
    return start("distributed.cli.dask_scheduler", *address, **options)


def worker(start, port, *options, nanny=False):
    kind = ("--nanny",) if nanny else ("--no-nanny",)
    address = f"tcp://127.0.0.1:{port}"
    return start("distributed.cli.dask_worker", address, *kind, "--nthreads", "1", "--no-dashboard", *options)


def free_port():
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture
def long_study(tmp_path):
    """Jobs that take some seconds each, so that something can happen in mid-case."""
    folder = tmp_path / "long"
    folder.mkdir()
    jobs = []
    for i in range(3):
        volume, _ = image((LONG // 2, 24, 24), 20, shape=(LONG, 48, 48))
        ns.write_labels(folder / f"case{i}.nii.gz", volume.array, volume)
        box = BoxOnFrame(1, LONG // 2, (3, 3, 46, 46))
        jobs.append(Job(f"case{i}", str(folder / f"case{i}.nii.gz"), boxes=(box,)))
    return jobs


def wait_for_mid_case(out, count=1):
    """Wait until cases are being propagated, and return the ids of the processes that do it."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        running = []
        for record in out.glob("*/case.json"):
            found = json.loads(record.read_text())
            if found["status"] == "running" and (record.parent / f"{record.parent.name}.sam2").exists():
                running.append(int(found["worker"].rpartition(":")[2]))
        if len(running) >= count:
            return running
        time.sleep(0.05)
    raise AssertionError("no case was begun")


@contextmanager
def batch_in_background(jobs, out, port, **options):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool, Client(f"tcp://127.0.0.1:{port}", timeout=120, set_as_default=False) as client:
        yield pool.submit(run_batch, jobs, out, client, device="cpu", **options)


def commits_of_masks(session_file):
    """How often each frame's mask was written, by all who ever worked on the case; frames without one are left out."""
    with closing(sqlite3.connect(session_file)) as db:
        return dict(db.execute("SELECT frame, count(*) FROM change WHERE kind = 'mask' GROUP BY frame"))


def check_all_done_once(table, jobs, out):
    """No case lost, no frame computed twice, and files that agree with each other and with what is in the image."""
    assert list(table["status"]) == ["done"] * len(jobs), list(table["error"])
    for job in jobs:
        path = out / job.name / f"{job.name}.sam2"
        assert commits_of_masks(path) == dict.fromkeys(range(LONG), 1)
        volume = ns.read_volume(job.image)
        session = ns.VideoSession.open(path, volume=volume)
        labels = ns.read_labels(out / job.name / f"{job.name}_labels.nii.gz", volume)
        assert np.array_equal(labels, session.labels())
        session.close()
        truth = np.asarray(volume.array) > 50
        assert 2 * (truth & (labels == 1)).sum() / (truth.sum() + (labels == 1).sum()) > 0.8
    print("\n" + table[["name", "attempts", "seconds", "worker"]].to_string(index=False))


@pytest.mark.slow
@PATIENT
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX signals")
def test_a_worker_killed_in_mid_case_loses_nothing(long_study, tmp_path) -> None:
    port, out = free_port(), tmp_path / "out"
    with processes() as start:
        scheduler(start, port)
        workers = [worker(start, port) for _ in range(2)]
        with batch_in_background(long_study, out, port) as table:
            (victim, *_) = wait_for_mid_case(out)
            assert victim in [w.pid for w in workers]
            os.kill(victim, signal.SIGKILL)
            check_all_done_once(table.result(600), long_study, out)


@pytest.mark.slow
@PATIENT
def test_a_scheduler_that_is_restarted_loses_nothing(long_study, tmp_path) -> None:
    port, out = free_port(), tmp_path / "out"
    with processes() as start:
        first = scheduler(start, port)
        worker(start, port)
        with batch_in_background(long_study, out, port, patience_s=600) as table:
            wait_for_mid_case(out)
            first.kill()
            first.wait(10)
            scheduler(start, port)
            worker(start, port)
            check_all_done_once(table.result(600), long_study, out)


@pytest.mark.slow
@PATIENT
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs POSIX signals")
def test_a_worker_that_hangs_is_replaced(long_study, tmp_path) -> None:
    port, out = free_port(), tmp_path / "out"
    environment = os.environ | {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "10 seconds"}
    with processes() as start:
        scheduler(start, port, env=environment)
        for _ in range(2):
            worker(start, port, nanny=True)
        with batch_in_background(long_study, out, port) as table:
            (victim, *_) = wait_for_mid_case(out)
            os.kill(victim, signal.SIGSTOP)
            check_all_done_once(table.result(600), long_study, out)


@pytest.mark.slow
@PATIENT
def test_a_full_disk_at_one_worker_moves_its_cases_to_another(long_study, tmp_path) -> None:
    port, out = free_port(), tmp_path / "out"
    # A limit on the size of files refuses writes as a full disk does, in this one process.
    (tmp_path / "full_disk.py").write_text(
        "import resource, signal\n"
        "def dask_setup(worker):\n"
        "    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))\n"
    )
    with processes() as start:
        scheduler(start, port)
        full = worker(start, port, "--preload", str(tmp_path / "full_disk.py"))
        worker(start, port)
        with batch_in_background(long_study, out, port) as table:
            found = table.result(600)
        check_all_done_once(found, long_study, out)
        assert not any(name.endswith(f":{full.pid}") for name in found["worker"])


@pytest.mark.slow
@PATIENT
def test_a_cluster_that_stays_away_is_a_sentence_and_what_is_done_is_kept(long_study, tmp_path) -> None:
    port, out = free_port(), tmp_path / "out"
    with processes() as start:
        only = scheduler(start, port)
        worker(start, port)
        with batch_in_background(long_study, out, port, patience_s=3) as table:
            wait_for_mid_case(out)
            only.kill()
            with pytest.raises(ns.errors.ClusterError, match="run the batch again"):
                table.result(600)
    again = run_batch(long_study, out, device="cpu")
    check_all_done_once(again, long_study, out)
