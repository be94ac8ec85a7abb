"""The samples of File ▸ Open Sample."""

from __future__ import annotations

import pytest

from napari_sam2.layers.axis_names import VOLUME_KEY
from napari_sam2.plugin import samples


@pytest.mark.parametrize(("name", "axes"), [("ct_abdomen", "zyx"), ("brain_mr", "zyx"), ("dividing_cells", "tyx")])
def test_a_sample_is_one_image_that_knows_its_volume(name, axes):
    ((data, options, kind),) = getattr(samples, name)()
    volume = options["metadata"][VOLUME_KEY]
    assert kind == "image"
    assert volume.axes == axes
    assert data.shape == volume.shape
    assert options["scale"] == pytest.approx(volume.spacing)
    assert options["name"] != name
