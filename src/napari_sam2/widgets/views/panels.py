"""The views of the dock widget, as its controller gets them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_sam2.widgets.views.advanced_panel import AdvancedPanel
    from napari_sam2.widgets.views.finish_panel import FinishPanel
    from napari_sam2.widgets.views.further_menu import FurtherMenu
    from napari_sam2.widgets.views.header_panel import HeaderPanel
    from napari_sam2.widgets.views.many_panel import ManyPanel
    from napari_sam2.widgets.views.objects_panel import ObjectsPanel
    from napari_sam2.widgets.views.prompt_panel import PromptPanel
    from napari_sam2.widgets.views.review_panel import ReviewPanel
    from napari_sam2.widgets.views.run_panel import RunPanel
    from napari_sam2.widgets.views.session_panel import SessionPanel
    from napari_sam2.widgets.views.source_panel import SourcePanel
    from napari_sam2.widgets.views.steps_panel import StepsPanel
    from napari_sam2.widgets.views.tour_card import TourCard


@dataclass(frozen=True)
class Panels:
    """The views that a controller drives."""

    source: SourcePanel
    objects: ObjectsPanel
    prompt: PromptPanel
    run: RunPanel
    review: ReviewPanel
    session: SessionPanel
    advanced: AdvancedPanel
    many: ManyPanel
    finish: FinishPanel
    header: HeaderPanel
    steps: StepsPanel
    tour: TourCard
    further: FurtherMenu

    def that_name_frames(self) -> tuple[QWidget, ...]:
        """Return those whose texts speak of slices, or of frames, and that nobody else keeps true."""
        return self.source.axis_box, self.objects, self.prompt, self.run, self.advanced, self.many
