"""What each action of the list does, for keys, the command palette and the tour."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtGui import QCursor

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_sam2.widgets.controllers.objects import Objects
    from napari_sam2.widgets.controllers.prompting import Prompting
    from napari_sam2.widgets.controllers.propagating import Propagating
    from napari_sam2.widgets.controllers.review import Review
    from napari_sam2.widgets.controllers.tools import Tools
    from napari_sam2.widgets.views.panels import Panels


def commands(
    panels: Panels, tools: Tools, objects: Objects, prompting: Prompting, propagating: Propagating, review: Review
) -> dict[str, Callable[[], None]]:
    """Return what each action of :data:`napari_sam2.widgets.actions.ACTIONS` does, by its name.

    What has a button that only opens something presses it, so that what cannot be done now is not done by a key either.
    """
    run, many, finish, header = panels.run, panels.many, panels.finish, panels.header
    return {
        **{tool: partial(tools.activate, tool) for tool in ("point", "box", "scribble", "line", "lasso", "brush")},
        "from_labels": panels.prompt.labels_button.click,
        "flip": tools.flip,
        "no_tool": tools.deactivate,
        "answer": prompting.answer,
        "preview": panels.prompt.preview_box.click,
        "new_object": objects.add,
        "object_before": partial(objects.step, -1),
        "object_after": partial(objects.step, 1),
        "toggle_labels": objects.toggle_labels,
        "reset_object": objects.reset,
        "delete_object": panels.objects.delete_button.click,
        "merge_object": lambda: panels.objects.merge_menu.popup(QCursor.pos()),
        "object_up": panels.objects.up_button.click,
        "object_down": panels.objects.down_button.click,
        "each_click": many.each_click_box.click,
        "propose": many.propose_button.click,
        "track_labels": many.track_all_button.click,
        "divide": many.divide_button.click,
        "show_tracks": many.show_tracks_button.click,
        "save_tracks": many.save_tracks_button.click,
        "limit_range": many.range_button.click,
        "propagate": partial(propagating.propagate, "both"),
        "propagate_back": partial(propagating.propagate, "backward"),
        "propagate_forward": partial(propagating.propagate, "forward"),
        "stop": run.stop_button.click,
        "next_doubtful": review.next_doubtful,
        "lock": review.toggle_lock,
        "lock_seen": panels.review.lock_seen_button.click,
        "cut_above": panels.review.above_button.click,
        "cut_below": panels.review.below_button.click,
        "interpolate": finish.interpolate_button.click,
        "check_back": finish.check_button.click,
        "run_rules": finish.form_entry.click,
        "show_planes": panels.review.planes_button.click,
        "measure": partial(finish.dock_clicked.emit, "Measure objects"),
        "compare": partial(finish.dock_clicked.emit, "Compare labels"),
        "follow_up": partial(finish.dock_clicked.emit, "Follow up an earlier study"),
        "review_cases": partial(finish.dock_clicked.emit, "Review cases"),
        "all_axes": panels.further.axes_action.click,
        "through_time": panels.further.time_action.click,
        "colours": panels.further.channels_action.click,
        "labels_place": panels.further.place_action.click,
        "change_masks": partial(finish.dock_clicked.emit, "Change masks"),
        "undo": partial(prompting.step, True),
        "redo": partial(prompting.step, False),
        "save_labels": run.save_button.click,
        "save_session": panels.session.save_action.click,
        "open_session": panels.session.open_action.click,
        "prepare": panels.advanced.prepare_button.click,
        "unload": panels.advanced.unload_button.click,
        "self_check": panels.advanced.check_button.click,
        "settings": header.settings_clicked.emit,
        "keys": header.keys_clicked.emit,
        "tour": header.tour_clicked.emit,
    }
