"""Objects that the model proposes, accepted or rejected one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sam2.core.formatting import frame_word
from napari_sam2.layers.extra_layers import ask_about, make_proposals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Labels

    from napari_sam2.interaction.session_worker import SessionWorker
    from napari_sam2.session import VideoSession
    from napari_sam2.session.objects.proposals import FrameProposal
    from napari_sam2.widgets.controllers.context import ControllerContext
    from napari_sam2.widgets.controllers.view_protocols import ProposalsView


class Proposing(QObject):
    """Asks the model for objects of the shown frame, and the user about each of them.

    Parameters
    ----------
    context
        Knows the session and queues the work.
    panel
        The view.
    """

    # The user is asked about another proposal, or about none any more.
    asked = Signal()

    def __init__(self, context: ControllerContext, panel: ProposalsView) -> None:
        super().__init__(context)
        self._context, self._selection, self._panel = context, context.selection, panel
        self._layer: Labels | None = None
        self._worker: SessionWorker | None = None
        # By their number in the layer.
        self._left: dict[int, FrameProposal] = {}
        panel.propose_clicked.connect(self.propose)
        panel.accept_clicked.connect(self.accept)
        panel.reject_clicked.connect(self.reject)
        panel.accept_all_clicked.connect(self.accept_all)
        panel.done_clicked.connect(self.drop)
        self._selection.changed.connect(self._on_choice)

    @property
    def current(self) -> int:
        """Return the number of the proposal that the user is asked about, 0 for none."""
        return next(iter(self._left), 0)

    def propose(self) -> None:
        """Let the model look for objects on the shown frame."""
        worker, frame = self._selection.worker, self._selection.shown_frame()
        if worker is None:
            return
        self.drop()
        self._context.set_last_message("")
        self._context.queue(
            lambda: worker.open().propose(frame), lambda found: self._show(worker, frame, found), "Looking for objects…"
        )

    def accept(self, number: int = 0) -> None:
        """Make a proposal an object, the one that is asked about by default."""
        self._take([number or self.current])

    def accept_all(self) -> None:
        """Make all that are left objects."""
        self._take(list(self._left))

    def reject(self) -> None:
        """Leave out the one that is asked about."""
        self._forget([self.current])

    def drop(self) -> None:
        """Leave out all that are left."""
        self._forget(list(self._left))

    def close(self) -> None:
        """Take the layer away."""
        self.drop()

    # ------------------------------------------------------------------ inside

    def _show(self, worker: SessionWorker, frame: int, found: list[FrameProposal]) -> None:
        image = self._selection.image
        if image is None or worker is not self._selection.worker:
            return
        word = frame_word(worker.grid.frame_axis)
        if not found:
            self._context.show_message(f"Nothing new was found on this {word}.")
            return
        self._worker, self._left = worker, dict(enumerate(found, start=1))
        self._layer = layer = make_proposals(image, worker.grid, frame, [p.mask for p in found])
        layer.bind_key("Enter", lambda _: self.accept(), overwrite=True)
        layer.bind_key("Backspace", lambda _: self.reject(), overwrite=True)
        layer.mouse_drag_callbacks.append(self._on_click)
        viewer = self._selection.viewer
        viewer.add_layer(layer)
        viewer.layers.selection.active = layer
        self._ask()
        self._context.show_message(f"{len(found)} proposed on this {word}.")

    def _on_click(self, layer: Labels, event: Any) -> Iterator[None]:
        """Take the proposal that was clicked; a drag moves the picture."""
        number = layer.get_value(event.position, world=True)
        yield
        dragged = False
        while event.type == "mouse_move":
            dragged = True
            yield
        if not dragged and number in self._left:
            # napari is still busy with the click.
            QTimer.singleShot(0, lambda: self.accept(int(number)))

    def _take(self, numbers: list[int]) -> None:
        wanted = [self._left[n] for n in numbers if n in self._left]
        if wanted and self._worker is not None:
            frames = {p.frame for p in wanted}

            def accept(session: VideoSession) -> None:
                session.accept(wanted)
                for frame in frames:
                    session.predict_frame(frame)

            self._context.submit(
                lambda worker: worker.change(accept, frames),
                "Accepting…",
                worker=self._worker,
            )
        self._forget(numbers)

    def _forget(self, numbers: list[int]) -> None:
        gone = [n for n in numbers if self._left.pop(n, None) is not None]
        layer = self._layer
        if layer is not None and layer in self._selection.viewer.layers:
            if self._left:
                for number in gone:
                    layer.data[layer.data == number] = 0
                layer.refresh()
            else:
                self._selection.viewer.layers.remove(layer)
        if not self._left:
            self._layer = None
        self._ask()

    def _ask(self) -> None:
        text = ""
        if self._left and self._layer is not None:
            ask_about(self._layer, self.current)
            text = f"{len(self._left)} left; this one: IoU {self._left[self.current].iou:.2f}"
        self._panel.set_proposal(text)
        self.asked.emit()

    def _on_choice(self) -> None:
        if self._left and self._selection.worker is not self._worker:
            self.drop()
