"""The model comes as soon as there is an image for it."""

from __future__ import annotations

import subprocess
import sys


def test_opening_an_image_loads_the_model_before_anything_is_marked(
    make_napari_viewer, predictor, volume_data, qtbot, monkeypatch
):
    from napari_sam2.plugin import dock_widget

    loaded = []

    def load(name, device):
        loaded.append(name)
        return predictor

    monkeypatch.setattr(dock_widget, "load_predictor", load)
    viewer = make_napari_viewer()
    widget = dock_widget.SegmentWidget(viewer, load=load)
    viewer.window.add_dock_widget(widget)
    controller = widget.controller
    qtbot.wait(50)
    assert not loaded
    viewer.add_image(volume_data)
    qtbot.waitUntil(lambda: controller.selection.model_cache.is_ready, timeout=10000)
    assert loaded == ["starter"]
    assert controller.selection.worker.session is None
    assert len(viewer.layers) == 1
    controller.close()


def test_a_first_layer_imports_nothing_large_any_more():
    code = (
        "import sys, numpy\n"
        "from napari_sam2.layers.first_layers import import_what_layers_need\n"
        "import_what_layers_need(); before = set(sys.modules)\n"
        "from napari.layers import Labels, Points, Shapes\n"
        "Points([[1, 2, 3]]); Shapes(ndim=3); Labels(numpy.zeros((2, 3, 4), numpy.uint16))\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "assert 'pandas' in before and not new & {'pandas', 'scipy', 'skimage', 'vispy'}, new"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
