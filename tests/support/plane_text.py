"""A made-up format, "Plane text": what the recipe in docs/contributing/add_file_format.md asks of a module of `io`.

The first line holds the spacing of z, y and x in mm; each further line holds one slice, its rows parted by ``/``.
"""

from __future__ import annotations

import numpy as np

from napari_sam2.core.atomic_write import replacing
from napari_sam2.core.volume import ImageVolume, VolumeSource
from napari_sam2.errors import ReadError
from napari_sam2.io.label_grid import as_labels, checked_labels, other_grid


def read_plane_text(path):
    values, spacing = _values(path)
    source = VolumeSource((path,), "plane-text")
    return ImageVolume(values, axes="zyx", spacing=spacing, units="mm", name=path.stem, source=source)


def read_plane_text_labels(path, volume):
    values, _ = _values(path)
    if values.shape != volume.array.shape:
        raise other_grid(path, f"it has {values.shape} voxels")
    return as_labels(values, path)


def write_plane_text_labels(path, labels, volume, names=None):
    array = checked_labels(labels, volume, path)
    lines = [" ".join(str(s) for s in volume.spatial_spacing)]
    lines += ["/".join(" ".join(map(str, row)) for row in plane) for plane in array]
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines))


def _values(path):
    try:
        first, *planes = path.read_text().splitlines()
        values = np.array([[row.split() for row in plane.split("/")] for plane in planes], np.int16)
        return values, tuple(float(s) for s in first.split())
    except ValueError as error:
        raise ReadError(f"{path} is no plane text: {error}.\nWrite one slice a line.") from error
