"""The dock widget with its model on a real worker on loopback."""

from __future__ import annotations

import numpy as np
import pytest
from distributed import LocalCluster
from qtpy.QtWidgets import QInputDialog

from napari_sam2.plugin.dock_widget import SegmentWidget

pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.timeout(600)]


@pytest.fixture
def address():
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0", host="127.0.0.1", silence_logs=50
    ) as cluster:
        yield cluster.scheduler_address.removeprefix("tcp://")


def test_a_mark_is_answered_by_the_worker(make_napari_viewer, qtbot, address, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("NAPARI_SAM2_SETTINGS", str(tmp_path / "settings.json"))
    monkeypatch.setattr(QInputDialog, "getItem", lambda *_: (address, True))
    z, y, x = np.indices((6, 40, 48))
    inside = (z - 3) ** 2 * 9 + (y - 20) ** 2 + (x - 24) ** 2 < 12**2
    viewer = make_napari_viewer()
    viewer.add_image((inside * 150).astype(np.uint8), name="ball")
    widget = SegmentWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Segment with SAM 2")
    controller, box = widget.controller, widget.source.model.device_box
    qtbot.waitUntil(lambda: not controller.busy, timeout=60_000)
    box.activated.emit(box.count() - 1)
    assert box.currentData() == f"dask://{address}"
    controller.tools.activate("box")
    corners = [(3, 6, 10), (3, 6, 38), (3, 34, 38), (3, 34, 10)]
    controller.selection.layer_group.boxes.add_rectangles(np.array(corners, float))
    qtbot.waitUntil(lambda: not controller.busy, timeout=120_000)
    session = controller.selection.worker.session
    assert session.predictor.device.startswith(f"tcp://{address} (")
    mask = session.mask(1, 3)
    assert 2 * (mask & inside[3]).sum() / (mask.sum() + inside[3].sum()) > 0.8
    controller.close()
    qtbot.waitUntil(lambda: not controller.busy, timeout=10_000)
    session.predictor.unload()
