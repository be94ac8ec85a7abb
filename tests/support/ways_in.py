"""What a user does first in the widget; as a script, in windows that napari's menus or its command line open."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

PLUGIN, WIDGET = "napari-sam2", "Segment with SAM 2"


def check_widget(viewer: Any, widget: Any, wait: Callable[[Callable[[], bool]], None]) -> dict[str, Any]:
    """Mark an object, choose the image in the list, propagate; and say what there is then."""
    from app_model.types import KeyBinding

    controller, found = widget.controller, {}

    def press(key: str) -> None:
        viewer.keymap[KeyBinding.from_str(key)](viewer)

    wait(lambda: not controller.busy)
    images = widget.source.image_box
    found["chosen"] = images.currentText()
    viewer.dims.set_current_step(0, 5)
    press("P")
    found["pressed"] = [name for name, button in widget.prompt.tool_buttons.items() if button.isChecked()]
    press("P")
    found["put down by the same key"] = (
        controller.tools.active_tool() == "" and not widget.prompt.point_button.isChecked()
    )
    press("P")
    next(layer for layer in viewer.layers if layer.name == "SAM 2 points").add(np.array([5.0, 20, 25]))
    wait(lambda: not controller.busy)
    images.activated.emit(images.currentIndex())
    wait(lambda: not controller.busy)
    found["after choosing the image again"] = images.currentText()
    widget.run.both_button.click()
    wait(lambda: not controller.busy)
    (labels,) = [layer for layer in viewer.layers if type(layer).__name__ == "Labels"]
    found["labelled slices"] = np.flatnonzero(np.asarray(labels.data).any(axis=(1, 2))).tolist()
    found["layers"] = sorted(str(layer.name) for layer in viewer.layers)
    found["sessions open"] = len(controller.selection.open_files())
    return found


def actions(menu: Any) -> Any:
    """All actions of a menu and its submenus, as they are when it is shown."""
    menu.aboutToShow.emit()
    for action in menu.actions():
        if action.menu() is not None:
            yield from ((f"{action.text()}/{path}", found) for path, found in actions(action.menu()))
        else:
            yield action.text(), action


def trigger(menu: Any, below: str) -> None:
    # Where a plugin has several widgets, napari puts them into a submenu of its name.
    (action,) = [a for path, a in actions(menu) if f"/{path}".rpartition("/")[2].startswith(WIDGET) and below in path]
    action.trigger()


def wait(ready: Callable[[], bool]) -> None:
    from qtpy.QtCore import QCoreApplication

    end = time.monotonic() + 30
    while not ready() and time.monotonic() < end:
        QCoreApplication.processEvents()
        time.sleep(0.005)
    assert ready()


def by_menus() -> list[dict[str, Any]]:
    """Open the widget from each menu, before and after the image."""
    import napari

    found = []
    menus = (("plugins_menu", ""), ("layers_menu", "Track/"), ("layers_menu", "Segment/"))
    for number, (menu, below) in enumerate(menus):
        for image_first in (True, False):
            viewer = napari.Viewer(show=False)
            data = np.random.default_rng([number, image_first]).integers(0, 1000, (12, 40, 50)).astype(np.int16)
            if image_first:
                viewer.add_image(data, name="picture")
            trigger(getattr(viewer.window, menu), below)
            if not image_first:
                viewer.add_image(data, name="picture")
            _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)  # The one that is there.
            found.append(check_widget(viewer, widget, wait))
            viewer.close()
    return found


def by_command_line() -> None:
    """Let napari's own command line run, and look at its window from within."""
    import napari
    from napari.__main__ import main as napari_main
    from qtpy.QtCore import QTimer

    def look() -> None:
        viewer = napari.current_viewer()
        if viewer is None or not viewer.layers:
            QTimer.singleShot(100, look)
            return
        code = 1
        try:
            _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)
            found = check_widget(viewer, widget, wait)
            widget.controller.close()
            print(json.dumps([found]), flush=True)
            code = 0
        finally:
            os._exit(code)

    QTimer.singleShot(500, look)
    napari_main()


def main() -> None:
    from qtpy.QtWidgets import QApplication

    import napari_sam2.engine
    from support.predictors import FakePredictor

    napari_sam2.engine.load_predictor = lambda name, device: FakePredictor()
    app = QApplication.instance() or QApplication(sys.argv[:1])
    if len(sys.argv) > 1:
        by_command_line()
    else:
        print(json.dumps(by_menus()), flush=True)
    del app


if __name__ == "__main__":
    main()
