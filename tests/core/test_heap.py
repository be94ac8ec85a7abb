"""Memory that was freed goes back to the system."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import psutil
import pytest

from napari_sam2.core import heap
from napari_sam2.core.heap import HeapTrimmer

# Makes and frees 12 arrays of 3 MiB side by side, again and again, and prints how many pages the system cleared.
_ARRAYS = """
import resource
import numpy as np
from napari_sam2.core.heap import keep_freed_memory

def cleared_pages():
    for _ in range(2):
        [np.ones(3 * 2**20, np.uint8) for _ in range(12)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        [np.ones(3 * 2**20, np.uint8) for _ in range(12)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = cleared_pages()
keep_freed_memory()
print(before, cleared_pages())
"""


@pytest.fixture
def trims(monkeypatch):
    """What was trimmed, with a process of as many bytes as the test says."""
    calls, resident = [], {"bytes": 100 * 2**20}
    monkeypatch.setattr(heap, "_malloc_trim", lambda: calls.append)
    monkeypatch.setattr(heap, "_resident", lambda: resident["bytes"])
    return calls, resident


def test_heaps_are_trimmed_now_and_then_where_the_process_has_grown(trims):
    calls, resident = trims
    trimmer = HeapTrimmer()
    for _ in range(4):
        trimmer()
    assert calls == []
    for _ in range(100):
        trimmer()
    assert len(calls) == 1, "it has not grown since"
    resident["bytes"] += 40 * 2**20
    for _ in range(100):
        trimmer()
    assert len(calls) == 2


def test_without_glibc_nothing_happens(monkeypatch):
    monkeypatch.setattr(heap, "_malloc_trim", lambda: None)
    monkeypatch.setattr(heap, "_resident", lambda: pytest.fail("looked at the memory"))
    trimmer = HeapTrimmer()
    for _ in range(50):
        trimmer()


needs_glibc = pytest.mark.skipif(heap._malloc_trim() is None, reason="needs glibc")


def cleared_pages(**environment: str) -> list[int]:
    """Count the pages that a process clears before and after it keeps what is freed."""
    without = {name: value for name, value in os.environ.items() if name not in heap._CHOICES}
    result = subprocess.run(
        [sys.executable, "-c", _ARRAYS], env=without | environment, capture_output=True, text=True, check=True
    )
    return [int(count) for count in result.stdout.split()]


@needs_glibc
@pytest.mark.parametrize("environment", [{}, {"MALLOC_TRIM_THRESHOLD_": "65536"}], ids=["default", "worker of Dask"])
def test_what_is_freed_is_kept_for_the_next_array(environment):
    before, after = cleared_pages(**environment)
    # 36 MiB, twenty times.
    assert before >= 200
    assert after < before / 10


@needs_glibc
def test_another_choice_of_the_user_stays():
    before, after = cleared_pages(MALLOC_TRIM_THRESHOLD_="65537")
    assert after > before / 2


@needs_glibc
def test_a_heap_full_of_holes_is_given_back():
    # Small arrays lie in the heap; every second one stays, so that the heap cannot shrink from its end.
    arrays = [np.ones(12_000, np.uint8) for _ in range(8000)]
    del arrays[::2]
    before = psutil.Process().memory_info().rss
    trimmer = HeapTrimmer()
    for _ in range(20):
        trimmer()
    assert before - psutil.Process().memory_info().rss > 20 * 2**20
    assert all(array.all() for array in arrays)
