"""A tour through the CT sample in the real panel: each step waits until the user did it, or does it for him."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

from napari_sam2.core.prompts import BoxPrompt
from napari_sam2.layers.prompts import rectangle_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

    from napari_sam2.widgets.controllers.context import ControllerContext
    from napari_sam2.widgets.controllers.guide import Guide
    from napari_sam2.widgets.controllers.next_step import PanelState
    from napari_sam2.widgets.controllers.tools import Tools
    from napari_sam2.widgets.controllers.view_protocols import TourView
    from napari_sam2.widgets.views.panels import Panels

# The right kidney of the sample: the slice where it is largest, and a box around it there.
KIDNEY_FRAME, KIDNEY = 22, BoxPrompt(98, 45, 133, 84)


@dataclass(frozen=True)
class TourStep:
    """One thing to do.

    Parameters
    ----------
    text
        What, and why.
    target
        What to press; None: something in the picture.
    is_done
        Whether the user did it.
    act
        Does it for him.
    """

    text: str
    target: Callable[[], QWidget | None]
    is_done: Callable[[PanelState], bool]
    act: Callable[[], object]


class Tour(QObject):
    """Leads from the sample to saved labels.

    Parameters
    ----------
    context, tools, guide
        What is known.
    panels
        Where things are.
    view
        The card.
    """

    def __init__(self, context: ControllerContext, tools: Tools, guide: Guide, panels: Panels, view: TourView) -> None:
        super().__init__(context)
        self._context, self._tools, self._guide, self._panels, self._view = context, tools, guide, panels, view
        self.number = -1
        self._asked_doubtful = False
        self._steps = self._make_steps()
        # Not in the middle of what changes the views.
        self._look = QTimer(self)
        self._look.setSingleShot(True)
        self._look.timeout.connect(self._on_change)
        for signal in (context.changed, tools.shown, context.selection.changed, context.selection.frame_changed):
            signal.connect(self._look.start)
        panels.review.next_doubtful_clicked.connect(self._note_doubtful)
        panels.header.tour_clicked.connect(self.begin)
        panels.steps.tour_clicked.connect(self.begin)
        view.next_clicked.connect(self.go_on)
        view.close_clicked.connect(self.end)

    @property
    def is_on(self) -> bool:
        """Return whether the tour is under way."""
        return self.number >= 0

    def begin(self) -> None:
        """Begin with the first step that is not done yet."""
        self.number, self._asked_doubtful = 0, False
        self._on_change()
        self._show()

    def go_on(self) -> None:
        """Do what the step asks for, where the user has not, and show the next one."""
        if not self.is_on:
            return
        step = self._steps[self.number]
        if not step.is_done(self._guide.state()):
            step.act()
        self._advance()

    def end(self) -> None:
        """Show no tour; what was made stays."""
        self.number = -1
        self._view.end()

    def close(self) -> None:
        """Stop for good."""
        self._look.stop()
        self.end()

    def _advance(self) -> None:
        self.number += 1
        if self.number == len(self._steps):
            self.end()
        else:
            self._show()

    def _on_change(self) -> None:
        while self.is_on and self.number < len(self._steps) - 1:
            if not self._steps[self.number].is_done(self._guide.state()):
                break
            self.number += 1
            self._show()

    def _show(self) -> None:
        if not self.is_on:
            return
        step, count = self._steps[self.number], len(self._steps)
        self._view.set_step(self.number + 1, count, step.text, last=self.number == count - 1)
        self._view.point_at(step.target(), str(self._context.selection.viewer.theme))

    def _note_doubtful(self) -> None:
        self._asked_doubtful = True
        self._look.start()

    # ------------------------------------------------------------------ the steps

    def _make_steps(self) -> list[TourStep]:
        panels, tools = self._panels, self._tools
        return [
            TourStep(
                "This tour takes two minutes. It begins with the CT sample: press Open the CT sample. Next does each "
                "step for you.",
                lambda: None if panels.steps.welcome.isHidden() else panels.steps.sample_button,
                lambda state: self._has_sample(),
                lambda: None if self._has_sample() else panels.steps.sample_clicked.emit(),
            ),
            TourStep(
                "Take up the box tool. Its key stands on the button, as everywhere.",
                lambda: panels.prompt.box_button,
                lambda state: state.tool == "box" or state.masked > 0,
                lambda: tools.activate("box"),
            ),
            TourStep(
                f"Go to slice {KIDNEY_FRAME}, and drag a box around the bright kidney on the left of the picture. The "
                "mask comes at once; a click inside, or outside, would correct it.",
                lambda: None,
                lambda state: state.masked > 0,
                self._draw_box,
            ),
            TourStep(
                "One slice is enough. Now let the model follow the kidney through all slices.",
                lambda: panels.run.both_button,
                lambda state: state.masked > max(state.marked, 1) and not state.is_running,
                panels.run.both_button.click,
            ),
            TourStep(
                "Blue bars: the model is sure. Orange ones: it is not. Look at the next doubtful slice.",
                lambda: panels.review.doubtful_button,
                lambda state: self._asked_doubtful,
                panels.review.doubtful_button.click,
            ),
            TourStep(
                "Is the mask right? Lock the slice: no run changes it any more, and its neighbours follow from it. If "
                "not, click inside or outside of it first.",
                lambda: panels.review.lock_button,
                lambda state: self._is_locked(),
                panels.review.lock_button.click,
            ),
            TourStep(
                "That is all: correct, propagate again, and save the labels when nothing is doubtful. Every step is "
                "kept and can be undone. The keys are under ?.",
                lambda: None if panels.run.save_button.isHidden() else panels.run.save_button,
                lambda state: False,
                lambda: None,
            ),
        ]

    def _has_sample(self) -> bool:
        image = self._context.selection.image
        return image is not None and self._context.selection.worker is not None

    def _is_locked(self) -> bool:
        worker, obj_id = self._context.selection.worker, self._context.current_object
        return worker is not None and bool(worker.locked(obj_id) - set(worker.prompted_frames(obj_id)))

    def _draw_box(self) -> None:
        selection = self._context.selection
        layer_group, worker = selection.layer_group, selection.worker
        if layer_group is None or worker is None:
            return
        if self._tools.active_tool() != "box":
            self._tools.activate("box")
        selection.show_frame(KIDNEY_FRAME)
        corners = rectangle_of(KIDNEY, KIDNEY_FRAME, worker.grid)
        layer_group.ensure_prompt_layers()[1].add_rectangles(corners)
