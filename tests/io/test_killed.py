"""A program that is killed in the middle of writing leaves the old file or the new one, whole."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import napari_sam2 as ns
from support.dicom import write_series

SHAPE = (6, 96, 96)
KILLS = 40
# Writes one of two labels in turn, for ever; says when it begins.
WRITER = """
    import sys
    import numpy as np
    import napari_sam2 as ns
    volume = ns.read_volume(sys.argv[1])
    one = np.random.default_rng(0).integers(0, 9, volume.shape).astype(np.uint16)
    ns.write_labels(sys.argv[2], one, volume)
    print("ready", flush=True)
    while True:
        for labels in (one, one[::-1]):
            ns.write_labels(sys.argv[2], labels, volume)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".dcm", ".tif"])
def test_killed_while_writing(tmp_path, suffix) -> None:
    write_series(tmp_path / "ct", np.zeros(SHAPE, np.uint16))
    volume = ns.read_volume(tmp_path / "ct")
    one = np.random.default_rng(0).integers(0, 9, SHAPE).astype(np.uint16)
    path = tmp_path / f"labels{suffix}"
    rng = random.Random(0)
    seen = set()
    for _ in range(KILLS):
        command = [sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path / "ct"), str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            time.sleep(rng.uniform(0, 1.0 if suffix == ".dcm" else 0.2))
            os.kill(child.pid, signal.SIGKILL)
        labels = ns.read_labels(path, volume)
        assert any(np.array_equal(labels, whole) for whole in (one, one[::-1]))
        seen.add(bool(np.array_equal(labels, one)))
    assert seen == {True, False}
