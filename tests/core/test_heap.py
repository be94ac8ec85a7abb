"""Memory that was freed goes back to the system."""

from __future__ import annotations

import sys

import numpy as np
import psutil
import pytest

from napari_sam2.core import heap
from napari_sam2.core.heap import HeapTrimmer


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


@pytest.mark.skipif(sys.platform != "linux" or heap._malloc_trim() is None, reason="needs glibc")
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
