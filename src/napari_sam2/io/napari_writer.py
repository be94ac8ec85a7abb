"""napari's writers for Labels layers: on the grid of the image that they belong to, and as a mesh."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_sam2.volume import ImageVolume


def write_labels_layer(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write one Labels layer in the format of the suffix.

    Parameters
    ----------
    path
        Where to; the suffix says the format.
    data
        Integer array.
    attributes
        The layer's attributes. A volume in ``metadata`` (our readers and the dock widget leave it there) gives the
        file's own grid; without one the layer's scale is the spacing. A column ``name`` of its features names the
        labels.

    Returns
    -------
    list of str
        The path written.
    """
    from napari_sam2.io import write_labels

    labels = _without_channel(np.asarray(data), attributes)
    write_labels(path, labels, _volume(labels, attributes), _names(attributes))
    return [path]


def write_mesh_layer(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write the selected label of a Labels layer as a mesh."""
    from napari_sam2.io.mesh import write_mesh

    labels = _without_channel(np.asarray(data), attributes)
    write_mesh(path, labels, _volume(labels, attributes), int(attributes.get("selected_label", 1)))
    return [path]


def _without_channel(labels: Any, attributes: dict[str, Any]) -> Any:
    """Labels without the one voxel that they have along the channel axis of their image, so that they lie on it."""
    volume = attributes.get("metadata", {}).get("napari_sam2_volume")
    if isinstance(volume, ImageVolume) and "c" in volume.axes and labels.ndim == volume.ndim:
        channel = volume.axes.index("c")
        if labels.shape[channel] == 1:
            return labels.squeeze(channel)
    return labels


def _volume(labels: Any, attributes: dict[str, Any]) -> ImageVolume:
    volume = attributes.get("metadata", {}).get("napari_sam2_volume")
    # A layer whose array was replaced since is on a grid of its own.
    if isinstance(volume, ImageVolume) and volume.label_shape == labels.shape:
        return volume
    axes = {2: "yx", 3: "zyx", 4: "tzyx"}.get(labels.ndim, "tzyx"[-labels.ndim :])
    spacing = tuple(abs(float(s)) or 1.0 for s in attributes.get("scale", [1.0] * labels.ndim))
    return ImageVolume(labels, axes=axes, spacing=spacing)


def _names(attributes: dict[str, Any]) -> dict[int, str] | None:
    """Names of the labels from the layer's table, whose rows are labels unless a column ``index`` says otherwise."""
    table = attributes.get("features")
    if table is None or "name" not in table:
        return None
    labels = table["index"] if "index" in table else range(len(table["name"]))
    names = {int(k): str(v).strip() for k, v in zip(labels, table["name"], strict=True)}
    return {k: v for k, v in names.items() if k > 0 and v and v != "nan"} or None
