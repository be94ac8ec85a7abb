"""napari's writers for Labels layers: on the grid of the image that they belong to, and as a mesh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.units import in_one_unit, millimetres_per_unit, seconds_per_unit
from napari_sam2.core.volume import ImageVolume
from napari_sam2.layers.axis_names import VOLUME_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence


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
        file's own grid; without one the layer's scale, units, names of axes and place are taken. A column ``name`` of
        its features names the labels.

    Returns
    -------
    list of str
        The path written.
    """
    from napari_sam2.io import write_labels

    labels = _array(data, attributes)
    write_labels(path, labels, _volume(labels, attributes), _names(attributes))
    return [path]


def write_mesh_layer(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write the selected label of a Labels layer as a mesh."""
    from napari_sam2.io.mesh import write_mesh

    labels = _array(data, attributes)
    write_mesh(path, labels, _volume(labels, attributes), int(attributes.get("selected_label", 1)))
    return [path]


def _array(data: Any, attributes: dict[str, Any]) -> Any:
    """Return a layer's labels on the grid of their image: of several levels the finest, without the channel axis."""
    labels = np.asarray(data[0] if attributes.get("multiscale") else data)
    volume = attributes.get("metadata", {}).get(VOLUME_KEY)
    if isinstance(volume, ImageVolume) and "c" in volume.axes and labels.ndim == volume.ndim:
        channel = volume.axes.index("c")
        if labels.shape[channel] == 1:
            return labels.squeeze(channel)
    return labels


def _volume(labels: Any, attributes: dict[str, Any]) -> ImageVolume:
    volume = attributes.get("metadata", {}).get(VOLUME_KEY)
    # A layer whose array was replaced since is on a grid of its own.
    if isinstance(volume, ImageVolume) and volume.label_shape == labels.shape:
        return volume
    units = [str(getattr(u, "units", u)) for u in attributes.get("units") or [""] * labels.ndim]
    axes = _axes(labels.ndim, attributes.get("axis_labels") or (), units)
    scale = [float(s) or 1.0 for s in attributes.get("scale", [1.0] * labels.ndim)]
    spatial = [a for a in "zyx" if a in axes]
    steps, unit = in_one_unit(
        {a: abs(scale[axes.index(a)]) for a in spatial}, {a: units[axes.index(a)] for a in spatial}, []
    )
    if "t" in axes and (seconds := seconds_per_unit(units[axes.index("t")])) is not None:
        steps["t"] = abs(scale[axes.index("t")]) * seconds
    affine = np.eye(4)
    place = attributes.get("translate", [0.0] * labels.ndim)
    factor = millimetres_per_unit(unit) or 1.0
    for axis in spatial:
        row, number = 2 - "zyx".index(axis), axes.index(axis)
        ratio = steps[axis] / abs(scale[number]) * factor
        affine[row, :3] = 0.0
        # A layer whose axis runs backwards has a scale below zero.
        affine[row, "zyx".index(axis)] = scale[number] * ratio
        affine[row, 3] = float(place[number]) * ratio
    if "z" not in axes:
        affine[2, :3] = 0.0, 0.0, 0.0
        affine[2, 0] = 1.0
    spacing = tuple(steps[a] for a in axes if a in steps)
    return ImageVolume(labels, axes=axes, spacing=spacing, units=unit, affine=affine)


def _axes(ndim: int, names: Sequence[str], units: Sequence[str]) -> str:
    """One letter per axis: the layer's own names where they are ours, else time outside z outside y and x."""
    letters = "".join(str(n).strip().lower()[:1] for n in names)
    if (
        len(letters) == ndim
        and set(letters) <= set("tzyx")
        and len(set(letters)) == ndim
        and {"y", "x"} <= set(letters)
    ):
        return letters
    if ndim == 3 and seconds_per_unit(units[0]) is not None:
        return "tyx"
    return {2: "yx", 3: "zyx", 4: "tzyx"}.get(ndim, "tzyx"[-ndim:])


def _names(attributes: dict[str, Any]) -> dict[int, str] | None:
    """Names of the labels from the layer's table, whose rows are labels unless a column ``index`` says otherwise."""
    table = attributes.get("features")
    if table is None or "name" not in table:
        return None
    labels = table["index"] if "index" in table else range(len(table["name"]))
    names = {int(k): str(v).strip() for k, v in zip(labels, table["name"], strict=True)}
    return {k: v for k, v in names.items() if k > 0 and v and v != "nan"} or None
