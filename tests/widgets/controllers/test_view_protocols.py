"""The panels have all that their controllers ask of a view."""

from __future__ import annotations

import pytest

from napari_sam2.widgets.controllers import view_protocols as protocols
from napari_sam2.widgets.views.advanced_panel import AdvancedPanel
from napari_sam2.widgets.views.finish_panel import FinishPanel
from napari_sam2.widgets.views.header_panel import HeaderPanel
from napari_sam2.widgets.views.many_panel import ManyPanel
from napari_sam2.widgets.views.model_panel import ModelPanel
from napari_sam2.widgets.views.objects_panel import ObjectsPanel
from napari_sam2.widgets.views.offer_panel import OfferPanel
from napari_sam2.widgets.views.prompt_panel import PromptPanel
from napari_sam2.widgets.views.quality_strip import QualityStrip
from napari_sam2.widgets.views.review_panel import ReviewPanel
from napari_sam2.widgets.views.run_panel import RunPanel
from napari_sam2.widgets.views.session_panel import SessionPanel
from napari_sam2.widgets.views.source_panel import SourcePanel
from napari_sam2.widgets.views.steps_panel import StepsPanel
from napari_sam2.widgets.views.tour_card import TourCard

PAIRS = {
    protocols.HeaderView: HeaderPanel,
    protocols.StepsView: StepsPanel,
    protocols.TourView: TourCard,
    protocols.SourceView: SourcePanel,
    protocols.ModelView: ModelPanel,
    protocols.MaintenanceView: AdvancedPanel,
    protocols.ToolsView: PromptPanel,
    protocols.PreviewView: PromptPanel,
    protocols.ObjectsView: ObjectsPanel,
    protocols.StripView: QualityStrip,
    protocols.ReviewView: ReviewPanel,
    protocols.RunView: RunPanel,
    protocols.ForecastView: RunPanel,
    protocols.EncodeAheadView: AdvancedPanel,
    protocols.OfferView: OfferPanel,
    protocols.ProposalsView: ManyPanel,
    protocols.ManyView: ManyPanel,
    protocols.FinishView: FinishPanel,
    protocols.SessionView: SessionPanel,
}


def members(protocol):
    return {*protocol.__annotations__, *(name for name in vars(protocol) if not name.startswith("_"))}


@pytest.mark.parametrize("protocol", PAIRS, ids=lambda p: p.__name__)
def test_a_panel_has_what_its_controller_asks_for(qtbot, protocol):
    panel = PAIRS[protocol]
    model = ModelPanel()
    qtbot.addWidget(model)
    view = panel(model.device_box) if panel is AdvancedPanel else panel()
    qtbot.addWidget(view)
    assert {name for name in members(protocol) if not hasattr(view, name)} == set()


def test_every_protocol_has_a_panel():
    stated = {p for name, p in vars(protocols).items() if name.endswith("View")}
    assert stated == set(PAIRS)
