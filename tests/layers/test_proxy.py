"""The viewer behind napari's proxy."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from napari.utils._proxies import PublicOnlyProxy

from napari_sam2.layers.proxy import unwrapped


def test_layers_of_the_viewer_behind_a_proxy_are_the_same_objects_each_time():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((4, 4)))
    proxy = PublicOnlyProxy(viewer)
    assert proxy.layers[0] is not proxy.layers[0]
    assert unwrapped(proxy) is viewer
    assert unwrapped(proxy).layers[0] is viewer.layers[0]


def test_a_viewer_without_a_proxy_is_itself():
    viewer = ViewerModel()
    assert unwrapped(viewer) is viewer
