"""What a session of one image takes beyond the three steps: further planes, axes and time points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_sam2.widgets.controllers.plane_marks import PlaneMarks

if TYPE_CHECKING:
    from napari_sam2.widgets.controllers.segment import SegmentController


class Further(QObject):
    """Makes the controllers that no panel of the three steps belongs to.

    Parameters
    ----------
    segment
        The controllers of the three steps.
    """

    def __init__(self, segment: SegmentController) -> None:
        super().__init__(segment)
        self.planes = PlaneMarks(
            segment.context, segment.tools, segment.prompting, segment.keys, segment.labels.ensure_current
        )

    def close(self) -> None:
        """Stop."""
        self.planes.close()
