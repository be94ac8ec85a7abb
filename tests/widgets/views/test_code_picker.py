"""The list of anatomical codes."""

from __future__ import annotations

from qtpy.QtWidgets import QDialogButtonBox

from napari_sam2.widgets.views.code_picker import CodePicker


def test_the_picker_finds_codes_and_allows_free_text(qtbot) -> None:
    picker = CodePicker(3)
    qtbot.addWidget(picker)
    ok = picker.buttons.button(QDialogButtonBox.StandardButton.Ok)
    assert picker.list.count() > 100
    assert not ok.isEnabled()
    qtbot.keyClicks(picker.text, "left kid")
    assert [picker.list.item(i).text() for i in range(picker.list.count())] == ["Kidney, left"]
    assert "Free text" in picker.hint.text()
    assert ok.isEnabled()
    picker.list.itemClicked.emit(picker.list.item(0))
    assert picker.name() == "Kidney, left"
    assert "64033007" in picker.hint.text()
