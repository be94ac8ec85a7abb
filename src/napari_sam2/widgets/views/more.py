"""The menus *More* and *Finish*, put together from the entries of several panels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_sam2.widgets.views.common import menu, menu_button

if TYPE_CHECKING:
    from napari_sam2.widgets.views.finish_panel import FinishPanel
    from napari_sam2.widgets.views.further_menu import FurtherMenu
    from napari_sam2.widgets.views.many_panel import ManyPanel
    from napari_sam2.widgets.views.objects_panel import ObjectsPanel
    from napari_sam2.widgets.views.prompt_panel import PromptPanel
    from napari_sam2.widgets.views.review_panel import ReviewPanel
    from napari_sam2.widgets.views.run_panel import RunPanel


def fill_more(objects: ObjectsPanel, prompt: PromptPanel, many: ManyPanel) -> None:
    """Let the button *More* of the objects offer what is seldom done with them and with marks."""
    opens = menu(objects)
    for entries in (objects.menu, prompt.menu, many.menu):
        opens.addActions(entries.actions())
        opens.addSeparator()
    objects.more_button.setMenu(opens)


def end_row(run: RunPanel, review: ReviewPanel, finish: FinishPanel, further: FurtherMenu) -> QWidget:
    """Return the last line of step 3: *Save*, *Finish* and *More*; below it, how far a check is."""
    opens = menu(run)
    for entries in (review.menu, run.menu, further):
        opens.addActions(entries.actions())
        opens.addSeparator()
    opens.aboutToShow.connect(further.look)
    more = menu_button("More", "Locks, ends of the object, a range, all axes, and other views.", opens)
    ends = menu_button("Finish", "Check, fill gaps, measure, compare and change masks.", finish.menu)
    made = QWidget()
    column = QVBoxLayout(made)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(4)
    line = QHBoxLayout()
    line.setSpacing(4)
    line.addWidget(run.save_button, 1)
    line.addWidget(ends, 1)
    line.addWidget(more)
    column.addLayout(line)
    column.addWidget(finish.progress)
    return made
