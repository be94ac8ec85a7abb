"""The dock widget *Segment with SAM 2*."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from napari_sam2.interaction.gentle_import import gently
from napari_sam2.layers.proxy import unwrapped
from napari_sam2.plugin.more_dialogs import MoreDialogs
from napari_sam2.plugin.panel_dialogs import PanelDialogs
from napari_sam2.widgets.closing import ClosingWatch
from napari_sam2.widgets.controllers.models import dropped_checkpoint
from napari_sam2.widgets.controllers.segment import SegmentController
from napari_sam2.widgets.views.advanced_panel import AdvancedPanel
from napari_sam2.widgets.views.common import set_keys
from napari_sam2.widgets.views.finish_panel import FinishPanel
from napari_sam2.widgets.views.further_menu import FurtherMenu
from napari_sam2.widgets.views.header_panel import HeaderPanel
from napari_sam2.widgets.views.many_panel import ManyPanel
from napari_sam2.widgets.views.more import end_row, fill_more
from napari_sam2.widgets.views.objects_panel import ObjectsPanel
from napari_sam2.widgets.views.panels import Panels
from napari_sam2.widgets.views.prompt_panel import PromptPanel
from napari_sam2.widgets.views.review_panel import ReviewPanel
from napari_sam2.widgets.views.run_panel import RunPanel
from napari_sam2.widgets.views.session_panel import SessionPanel
from napari_sam2.widgets.views.source_panel import SourcePanel
from napari_sam2.widgets.views.steps_panel import StepsPanel
from napari_sam2.widgets.views.theming import apply_theme
from napari_sam2.widgets.views.tour_card import TourCard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import napari

    from napari_sam2.engine.protocols import VideoPredictor


def load_predictor(name: str, device: str) -> VideoPredictor:
    """Load a model by its registry name; imports torch, so it is called in a worker."""
    with gently():
        from napari_sam2.engine import load_predictor as load

        return load(name, device)


class _VerticalScroll(QScrollArea):
    """Scrolls up and down only: it is never narrower than what it holds, whatever the style makes of that."""

    def __init__(self) -> None:
        super().__init__()
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # It would take the focus from the picture at a click on a button inside.
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def minimumSizeHint(self) -> QSize:
        """As wide as the content and its scroll bar."""
        hint = super().minimumSizeHint()
        content, bar = self.widget(), self.verticalScrollBar()
        if content is None or bar is None:
            return hint
        return QSize(content.minimumSizeHint().width() + bar.sizeHint().width(), hint.height())

    def sizeHint(self) -> QSize:
        """As narrow as may be: the picture needs the room."""
        return QSize(self.minimumSizeHint().width(), super().sizeHint().height())

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Tell the layout when the content needs more or less room."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))


class SegmentWidget(QWidget):
    """A header with status and advice, and three steps: image and model, objects and prompts, propagation and review.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in, or napari's proxy of it.
    load
        ``load(name, device)`` gives a predictor; called in a worker thread.
    """

    def __init__(
        self,
        napari_viewer: napari.viewer.Viewer,
        load: Callable[[str, str], VideoPredictor] = load_predictor,
    ) -> None:
        super().__init__()
        self.source = SourcePanel()
        self.objects = ObjectsPanel()
        self.prompt = PromptPanel()
        self.run = RunPanel()
        self.review = ReviewPanel()
        self.session = SessionPanel()
        self.advanced = AdvancedPanel(self.source.model.device_box)
        self.many = ManyPanel()
        self.finish = FinishPanel()
        self.header = HeaderPanel(
            (self.run.undo_button, self.run.redo_button),
            self.run.progress_row,
            (self.session.menu, self.advanced.menu),
        )
        self.status = self.header.status
        self.tour = TourCard()
        self.header.add_tour(self.tour)
        self.further_menu = FurtherMenu(self)
        last_row = end_row(self.run, self.review, self.finish, self.further_menu)
        self.steps = StepsPanel(
            (
                (self.source,),
                (self.prompt, self.many, self.objects),
                (self.run, self.review, last_row, self.session),
            )
        )
        fill_more(self.objects, self.prompt, self.many)
        self._lay_out()
        panels = Panels(
            self.source,
            self.objects,
            self.prompt,
            self.run,
            self.review,
            self.session,
            self.advanced,
            self.many,
            self.finish,
            self.header,
            self.steps,
            self.tour,
            self.further_menu,
        )
        self._viewer = unwrapped(napari_viewer)
        self.controller = SegmentController(self._viewer, panels, load, self, loads_early=load is load_predictor)
        self.dialogs = PanelDialogs(self.controller, panels, self)
        self.more = MoreDialogs(self.controller, self.further_menu, self)
        self.source.colours_clicked.connect(self.more.ask_channels)
        self.setAcceptDrops(True)
        self._watch = ClosingWatch(self, self._close)
        self.controller.shortcuts.changed.connect(self._show_keys)
        self._show_keys(self.controller.shortcuts.keys)
        self._viewer.events.theme.connect(self._on_theme)
        self._on_theme()

    def _lay_out(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(6, 2, 6, 0)
        column.setSpacing(4)
        for panel in (self.session.offer, self.steps):
            column.addWidget(panel)
        column.addStretch(1)
        scroll = _VerticalScroll()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setWidget(content)
        content.installEventFilter(scroll)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self.header)
        outer.addWidget(scroll, 1)

    def _show_keys(self, keys: Mapping[str, str]) -> None:
        set_keys(self, keys)

    def _on_theme(self, event: Any = None) -> None:
        apply_theme(self, self._viewer.theme)
        self.review.strip.set_ink(get_theme(self._viewer.theme).text.as_hex())

    def _close(self) -> None:
        self._viewer.events.theme.disconnect(self._on_theme)
        self.controller.close()

    def dragEnterEvent(self, event: Any) -> None:
        """Take checkpoints; anything else is napari's."""
        if dropped_checkpoint(event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: Any) -> None:
        """Work with the checkpoint that was dropped."""
        self.controller.models.choose_file(dropped_checkpoint(event.mimeData().urls()))
        event.acceptProposedAction()
