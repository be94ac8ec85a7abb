"""What a session of one image takes beyond the three steps: further planes, axes and time points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_sam2.widgets.controllers.label_places import LabelPlaces
from napari_sam2.widgets.controllers.plane_marks import PlaneMarks
from napari_sam2.widgets.controllers.whole_runs import WholeRuns

if TYPE_CHECKING:
    from napari_sam2.widgets.controllers.context import ControllerContext
    from napari_sam2.widgets.controllers.labels import LabelsDrawing
    from napari_sam2.widgets.controllers.prompting import Prompting
    from napari_sam2.widgets.controllers.propagating import Propagating
    from napari_sam2.widgets.controllers.tools import Tools
    from napari_sam2.widgets.shortcuts import KeyBinder


class Further(QObject):
    """Makes the controllers that no panel of the three steps belongs to.

    Parameters
    ----------
    context
        Knows the image and queues the work.
    tools, prompting, propagating, labels, keys
        Those of the three steps.
    """

    def __init__(
        self,
        context: ControllerContext,
        tools: Tools,
        prompting: Prompting,
        propagating: Propagating,
        labels: LabelsDrawing,
        keys: KeyBinder,
    ) -> None:
        super().__init__(context)
        self.planes = PlaneMarks(context, tools, prompting, keys, labels.ensure_current)
        self.whole_runs = WholeRuns(context, propagating)
        self.places = LabelPlaces(context, labels.ensure_current)

    def close(self) -> None:
        """Stop."""
        self.planes.close()
