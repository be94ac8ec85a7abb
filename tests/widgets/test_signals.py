"""The door through which all that the user asks for comes."""

from __future__ import annotations

from qtpy.QtCore import QMetaMethod, QObject

from napari_sam2.widgets.signals import call_first
from napari_sam2.widgets.views.advanced_panel import AdvancedPanel
from napari_sam2.widgets.views.objects_panel import ObjectsPanel
from napari_sam2.widgets.views.prompt_panel import PromptPanel
from napari_sam2.widgets.views.review_panel import ReviewPanel
from napari_sam2.widgets.views.run_panel import RunPanel
from napari_sam2.widgets.views.session_panel import SessionPanel
from napari_sam2.widgets.views.source_panel import SourcePanel


def test_whatever_a_panel_says_the_door_is_asked_first(qtbot):
    samples = {"int": 1, "bool": True, "QString": "x", "PyQt_PyObject": None}

    class Counter(QObject):
        count = 0

        def add(self):
            self.count += 1

    counter, checked = Counter(), 0
    parts = [SourcePanel(), ObjectsPanel(), PromptPanel(), RunPanel(), ReviewPanel(), SessionPanel()]
    parts.append(AdvancedPanel(parts[0].model.device_box))
    for part in parts:
        qtbot.addWidget(part)
    call_first(parts, counter.add)
    for panel in [*parts, parts[0].model, parts[5].offer]:
        meta = panel.metaObject()
        for i in range(meta.methodOffset(), meta.methodCount()):
            method = meta.method(i)
            if method.methodType() == QMetaMethod.MethodType.Signal:
                before = counter.count
                values = [samples[bytes(kind.data()).decode()] for kind in method.parameterTypes()]
                getattr(panel, bytes(method.name().data()).decode()).emit(*values)
                assert counter.count == before + 1, bytes(method.name().data())
                checked += 1
    assert checked >= 30
