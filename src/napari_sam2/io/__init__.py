"""Reading images and labels, and writing labels, by the suffix of the path.

The formats' libraries are imported when a file of the format is opened, so that this package is light.
"""

from __future__ import annotations

from napari_sam2.io.api import check_label_target, list_series, read_label_names, read_labels, read_volume, write_labels

__all__ = ["check_label_target", "list_series", "read_label_names", "read_labels", "read_volume", "write_labels"]
