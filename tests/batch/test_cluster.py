import pytest

from napari_sam2.batch.cluster import worker_count

GIB = 2**30


@pytest.mark.parametrize(
    ("jobs", "cores", "memory", "gpus", "expected"),
    [(1, 8, 64, 0, 1), (99, 8, 64, 0, 8), (99, 8, 7, 0, 2), (99, 8, 1, 0, 1), (99, 32, 256, 4, 4), (2, 32, 256, 4, 2)],
)
def test_processes_follow_gpus_cores_memory_and_jobs(jobs, cores, memory, gpus, expected) -> None:
    assert worker_count(jobs, cores, memory * GIB, gpus) == expected
