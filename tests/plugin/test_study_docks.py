"""*Review cases* and *Follow up* open from napari's menu, and share the place of the dock widget that they fill."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.plugin.dock_widget import SegmentWidget


@pytest.mark.parametrize("title", ["Review cases", "Follow up an earlier study"])
def test_a_dock_opens_and_shows_the_dock_widget_beside_it(make_napari_viewer_proxy, qtbot, title):
    viewer = make_napari_viewer_proxy()
    image = viewer.add_image(np.zeros((4, 8, 8)), name="ct")
    own, dock = viewer.window.add_plugin_dock_widget("napari-sam2", title)
    segment = dock._show_segment()
    assert isinstance(segment, SegmentWidget)
    assert segment.controller.selection.image is image.__wrapped__
    assert dock._show_segment() is segment
    window = segment.window()
    assert own in window.tabifiedDockWidgets(segment.parent())
    dock.close_down()
    qtbot.waitUntil(lambda: not segment.controller.busy, timeout=20000)
    segment.controller.close()
