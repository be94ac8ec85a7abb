"""Memory that is freed is used again, although Dask's nanny asked for the contrary."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

COUNT_FAULTS = """
import resource, sys
import numpy as np
from napari_sam2.engine.remote.worker_memory import reuse_freed_memory

def faults():
    for _ in range(5): np.ones(1 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50): np.ones(1 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

first = faults()
reuse_freed_memory()
print(first, faults())
"""


def count_faults(trim_threshold):
    environment = os.environ | {"MALLOC_TRIM_THRESHOLD_": trim_threshold}
    out = subprocess.run(
        [sys.executable, "-c", COUNT_FAULTS], env=environment, capture_output=True, text=True, check=True
    )
    return [int(n) for n in out.stdout.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="about glibc")
def test_pages_of_freed_arrays_are_not_asked_for_again() -> None:
    before, after = count_faults("65536")
    # 8 MB each, pages of 4 KiB: 2048 faults an array, or 4 with huge pages.
    assert before >= 50 * 4
    assert after < before / 10


@pytest.mark.skipif(sys.platform != "linux", reason="about glibc")
def test_another_choice_of_the_user_stays() -> None:
    before, after = count_faults("65537")
    assert after > before / 2
