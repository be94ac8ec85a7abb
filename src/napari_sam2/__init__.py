"""Segment volumes and time-lapses with SAM 2: prompts on one slice, masks through the whole stack.

Names are imported on first use: importing this package loads neither torch nor napari nor Qt.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_sam2._version import __version__

if TYPE_CHECKING:
    from napari_sam2.analysis.diameters import measure_diameters
    from napari_sam2.analysis.differences import label_differences
    from napari_sam2.analysis.frame_measurements import measure_frames
    from napari_sam2.analysis.measurements import measure_objects
    from napari_sam2.analysis.metrics import compare_frames, compare_labels
    from napari_sam2.batch import run_batch
    from napari_sam2.core.volume import ImageVolume
    from napari_sam2.engine import load_predictor
    from napari_sam2.engine.catalog.download import download_model
    from napari_sam2.io import list_series, read_label_masks, read_labels, read_volume, write_labels
    from napari_sam2.io.dicom.suv import suv_unit
    from napari_sam2.io.mesh import write_mesh
    from napari_sam2.io.tables import write_table
    from napari_sam2.io.tracks import write_tracks
    from napari_sam2.session import VideoSession
    from napari_sam2.session.combining.consensus import track_axes
    from napari_sam2.session.combining.fusion import fuse_axes
    from napari_sam2.session.combining.time_points import track_4d

_HOME = {
    "ImageVolume": "core.volume",
    "VideoSession": "session",
    "compare_frames": "analysis.metrics",
    "compare_labels": "analysis.metrics",
    "download_model": "engine.catalog.download",
    "fuse_axes": "session.combining.fusion",
    "label_differences": "analysis.differences",
    "list_series": "io",
    "load_predictor": "engine",
    "measure_diameters": "analysis.diameters",
    "measure_frames": "analysis.frame_measurements",
    "measure_objects": "analysis.measurements",
    "read_label_masks": "io",
    "read_labels": "io",
    "read_volume": "io",
    "run_batch": "batch",
    "suv_unit": "io.dicom.suv",
    "track_4d": "session.combining.time_points",
    "track_axes": "session.combining.consensus",
    "write_labels": "io",
    "write_mesh": "io.mesh",
    "write_table": "io.tables",
    "write_tracks": "io.tracks",
}

__all__ = [
    "ImageVolume",
    "VideoSession",
    "__version__",
    "compare_frames",
    "compare_labels",
    "download_model",
    "fuse_axes",
    "label_differences",
    "list_series",
    "load_predictor",
    "measure_diameters",
    "measure_frames",
    "measure_objects",
    "read_label_masks",
    "read_labels",
    "read_volume",
    "run_batch",
    "suv_unit",
    "track_4d",
    "track_axes",
    "write_labels",
    "write_mesh",
    "write_table",
    "write_tracks",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
