"""The dock widget *Segment with SAM 2*."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info
from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtWidgets import QFileDialog, QGroupBox, QLabel, QScrollArea, QVBoxLayout, QWidget

from napari_sam2.core.formatting import frame_word
from napari_sam2.layers.axis_names import AXIS_WORDS, check_letters
from napari_sam2.layers.image import axis_meanings
from napari_sam2.layers.proxy import unwrapped
from napari_sam2.plugin.more_dialogs import MoreDialogs
from napari_sam2.plugin.three_planes_dock import open_three_planes
from napari_sam2.widgets.closing import ClosingWatch
from napari_sam2.widgets.controllers.models import dropped_checkpoint
from napari_sam2.widgets.controllers.segment import SegmentController
from napari_sam2.widgets.views.advanced_panel import AdvancedPanel
from napari_sam2.widgets.views.axes_dialog import AxesDialog
from napari_sam2.widgets.views.check_dialog import CheckDialog
from napari_sam2.widgets.views.common import button
from napari_sam2.widgets.views.finish_panel import FinishPanel
from napari_sam2.widgets.views.labels_dialog import LabelsDialog
from napari_sam2.widgets.views.many_panel import ManyPanel
from napari_sam2.widgets.views.objects_panel import ObjectsPanel
from napari_sam2.widgets.views.panels import Panels
from napari_sam2.widgets.views.prompt_panel import PromptPanel
from napari_sam2.widgets.views.range_dialog import RangeDialog
from napari_sam2.widgets.views.review_panel import ReviewPanel
from napari_sam2.widgets.views.run_panel import RunPanel
from napari_sam2.widgets.views.save_dialog import ask_where_to_save
from napari_sam2.widgets.views.session_panel import SessionPanel
from napari_sam2.widgets.views.source_panel import SourcePanel

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari

    from napari_sam2.engine.protocols import VideoPredictor


def load_predictor(name: str, device: str) -> VideoPredictor:
    """Load a model by its registry name; imports torch, so it is called in a worker."""
    from napari_sam2.engine import load_predictor as load

    return load(name, device)


class _VerticalScroll(QScrollArea):
    """Scrolls up and down only: it is never narrower than what it holds, whatever the style makes of that."""

    def __init__(self) -> None:
        super().__init__()
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

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
    """Three steps: image and model, objects and marks, propagation; and one line of status.

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
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.status.setToolTip("What is going on now, or what happened last; with model, device and objects.")
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
            self.status,
        )
        self.controller = SegmentController(unwrapped(napari_viewer), panels, load, self)
        self.source.axes_clicked.connect(self._ask_what_axes)
        self.run.save_clicked.connect(self._ask_where_to_save)
        self.prompt.labels_clicked.connect(lambda: self._ask_which_labels())
        self.many.track_all_clicked.connect(lambda: self._ask_which_labels(track=True))
        self.many.save_tracks_clicked.connect(self._ask_where_to_save_tracks)
        self.many.range_clicked.connect(self._ask_for_a_range)
        self.review.planes_clicked.connect(lambda: open_three_planes(self.controller.viewer))
        self.controller.models.report_ready.connect(self._show_check)
        self.more = MoreDialogs(self.controller, self)
        self.more_button.setMenu(self.more.menu)
        self.source.colours_clicked.connect(self.more.ask_channels)
        self.setAcceptDrops(True)
        self._watch = ClosingWatch(self, self.controller.close)

    def _lay_out(self) -> None:
        middle = QGroupBox("2  Objects and marks")
        inner = QVBoxLayout(middle)
        inner.setSpacing(4)
        inner.addWidget(self.objects)
        inner.addWidget(self.prompt)
        inner.addWidget(self.many)
        content = QWidget()
        self.run.insert(self.review)
        self.run.insert(self.finish)
        self.more_button = button("More", "Three planes, all axes, z and t, and where large labels are kept.")
        self.run.insert(self.more_button)
        column = QVBoxLayout(content)
        column.setSpacing(4)
        for panel in (self.session.offer, self.source, middle, self.run, self.session, self.advanced, self.status):
            column.addWidget(panel)
        column.addStretch(1)
        scroll = _VerticalScroll()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setWidget(content)
        content.installEventFilter(scroll)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)

    def _ask_what_axes(self) -> None:
        selection = self.controller.selection
        image = selection.image
        if image is None:
            return
        rows = [
            (f"axis {i + 1}: {each.count} long{f', {each.step}' if each.step else ''}", each.letter)
            for i, each in enumerate(axis_meanings(image))
        ]
        words = {a: word for a, word in AXIS_WORDS.items() if not (image.rgb and a == "c")}
        dialog = AxesDialog(rows, words, lambda letters: check_letters(letters, image.ndim, rgb=image.rgb), self)
        if dialog.exec():
            selection.choose_axes(dialog.letters())

    def _ask_where_to_save(self) -> None:
        image, worker = self.controller.selection.image, self.controller.selection.worker
        if image is None or worker is None:
            return
        path = ask_where_to_save(self, str(image.name), worker.volume)
        if path is not None:
            self.controller.save(path)

    def _ask_where_to_save_tracks(self) -> None:
        kinds = "Table (*.csv);;Excel (*.xlsx);;Folder of the Cell Tracking Challenge (*)"
        name, _ = QFileDialog.getSaveFileName(self, "Save tracks", "tracks.csv", kinds)
        if name:
            self.controller.many.save_tracks(Path(name))

    def _ask_for_a_range(self) -> None:
        dialog = RangeDialog(*self.controller.many.ranges(), self)
        if dialog.exec():
            self.controller.many.set_range(*dialog.answer())

    def _ask_which_labels(self, track: bool = False) -> None:
        layers = self.controller.prompting.labels_to_take()
        if not layers:
            show_info("There is no other labels layer of the same size as the image. Open or draw one first.")
            return
        worker = self.controller.selection.worker
        called = frame_word(None if worker is None else worker.grid.frame_axis, 2)
        dialog = LabelsDialog(layers, called, self)
        if dialog.exec():
            self.controller.prompting.take_labels(dialog.request())
            if track:
                self.controller.propagate("both")

    def _show_check(self, text: str) -> None:
        dialog = CheckDialog(text, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()

    def dragEnterEvent(self, event: Any) -> None:
        """Take checkpoints; anything else is napari's."""
        if dropped_checkpoint(event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: Any) -> None:
        """Work with the checkpoint that was dropped."""
        self.controller.models.choose_file(dropped_checkpoint(event.mimeData().urls()))
        event.acceptProposedAction()
