"""The door through which all that the user asks for comes: whoever waits for it is called first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QMetaMethod, QObject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def call_first(views: Iterable[QObject], do: Callable[[], None]) -> None:
    """Call ``do`` whenever a view says anything, before all who are connected later.

    Parameters
    ----------
    views
        Panels. All signals of their own classes count, and those of panels inside, so that a new one is not forgotten.
    do
        A method of a QObject, without arguments.
    """
    for view in views:
        for panel in (view, *view.findChildren(QObject)):
            if type(panel).__module__.startswith("napari_sam2."):
                for name in _own_signals(panel):
                    getattr(panel, name).connect(do)


def _own_signals(panel: QObject) -> list[str]:
    meta = panel.metaObject()
    assert meta is not None
    methods = [meta.method(i) for i in range(meta.methodOffset(), meta.methodCount())]
    return [bytes(m.name().data()).decode() for m in methods if m.methodType() == QMetaMethod.MethodType.Signal]
