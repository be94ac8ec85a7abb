import pytest

from napari_sam2.batch.cluster import connect, is_safe, worker_count
from napari_sam2.errors import ClusterError

GIB = 2**30


@pytest.mark.parametrize(
    ("jobs", "cores", "memory", "gpus", "expected"),
    [(1, 8, 64, 0, 1), (99, 8, 64, 0, 8), (99, 8, 7, 0, 2), (99, 8, 1, 0, 1), (99, 32, 256, 4, 4), (2, 32, 256, 4, 2)],
)
def test_processes_follow_gpus_cores_memory_and_jobs(jobs, cores, memory, gpus, expected) -> None:
    assert worker_count(jobs, cores, memory * GIB, gpus) == expected


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:8786", "127.0.0.1:8786", "tcp://localhost:1", "tcp://[::1]:9", "tls://far:1"]
)
def test_loopback_and_tls_are_safe(address) -> None:
    assert is_safe(address)


@pytest.mark.parametrize(
    "address", ["tcp://far:8786", "far:8786", "10.0.0.2:8786", "tcp://localhost.evil.org:1", "ws://far:1"]
)
def test_anything_else_beyond_this_machine_must_be_allowed(address) -> None:
    assert not is_safe(address)
    with pytest.raises(ClusterError, match="would not be encrypted"):
        connect(address)


def test_a_scheduler_that_does_not_answer_is_a_sentence() -> None:
    with pytest.raises(ClusterError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:1:"):
        connect("tcp://127.0.0.1:1", timeout_s=1)
