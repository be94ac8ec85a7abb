"""The dock widget with labels that are too large for the memory."""

from __future__ import annotations

import numpy as np

from napari_sam2.io import read_labels
from napari_sam2.io.label_store import LabelStore


def test_what_a_run_finds_is_on_the_disk_and_shown_from_there(make_driver, volume_data, monkeypatch):
    monkeypatch.setattr("napari_sam2.layers.labels.ON_DISK_BYTES", 1000)
    driver = make_driver(volume_data)
    driver.show_frame(5)
    driver.drag(5, 8, 9, 20, 22)
    driver.controller.propagate("both")
    driver.settle()
    assert isinstance(driver.labels, LabelStore)
    expected = driver.session.labels()
    assert np.count_nonzero(expected.any(axis=(1, 2))) == len(volume_data)
    assert np.array_equal(driver.labels, expected)
    assert driver.labels.path.parent == driver.session.path.parent
    assert np.array_equal(read_labels(driver.labels.path, driver.session.volume), expected)
    driver.controller.step(back=True)
    driver.settle()
    assert np.array_equal(driver.labels, driver.session.labels())
    assert np.count_nonzero(np.asarray(driver.labels).any(axis=(1, 2))) == 1
