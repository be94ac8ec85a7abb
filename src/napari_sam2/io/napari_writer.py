"""napari's writer for Labels layers: on the grid of the image that they belong to."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_sam2.volume import ImageVolume


def write_labels_layer(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write one Labels layer as NIfTI or TIFF.

    Parameters
    ----------
    path
        Where to; the suffix says the format.
    data
        Integer array.
    attributes
        The layer's attributes. A volume in ``metadata`` (our readers and the dock widget leave it there) gives the
        file's own grid; without one the layer's scale is the spacing.

    Returns
    -------
    list of str
        The path written.
    """
    from napari_sam2.io import write_labels

    labels = np.asarray(data)
    volume = attributes.get("metadata", {}).get("napari_sam2_volume")
    if not isinstance(volume, ImageVolume):
        axes = {2: "yx", 3: "zyx", 4: "tzyx"}.get(labels.ndim, "tzyx"[-labels.ndim :])
        spacing = tuple(abs(float(s)) or 1.0 for s in attributes.get("scale", [1.0] * labels.ndim))
        volume = ImageVolume(labels, axes=axes, spacing=spacing)
    write_labels(path, labels, volume)
    return [path]
