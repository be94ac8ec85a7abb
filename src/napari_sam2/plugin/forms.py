"""The docks of forms that napari's menus open."""

from __future__ import annotations

from napari_sam2.widgets.forms.compare_dock import CompareDock
from napari_sam2.widgets.forms.measure_dock import MeasureDock
from napari_sam2.widgets.forms.operations_dock import OperationsDock

__all__ = ["CompareDock", "MeasureDock", "OperationsDock"]
