"""Reading images and labels, and writing labels, by the suffix of the path.

The formats' libraries are imported when a file of the format is opened, so that this package is light.
"""

from __future__ import annotations

from napari_sam2.io.api import list_series, read_label_masks, read_label_names, read_labels, read_volume
from napari_sam2.io.writing import check_label_target, write_labels

__all__ = [
    "check_label_target",
    "list_series",
    "read_label_masks",
    "read_label_names",
    "read_labels",
    "read_volume",
    "write_labels",
]
