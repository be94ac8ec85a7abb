"""The form by which an object is limited to a range of values."""

from __future__ import annotations

import pytest

from napari_sam2.widgets.views.range_dialog import RangeDialog


@pytest.mark.parametrize(
    ("now", "suggested", "answer"),
    [
        ((None, None), None, (None, None)),
        ((None, None), (20.0, 90.0), (20.0, 90.0)),
        ((-5.0, None), None, (-5.0, None)),
        ((0.0, None), (20.0, 90.0), (0.0, 90.0)),
    ],
)
def test_at_first_the_range_of_the_object_stands_there_else_that_of_its_mask(qtbot, now, suggested, answer):
    dialog = RangeDialog(now, suggested)
    qtbot.addWidget(dialog)
    assert dialog.answer() == answer


def test_small_values_are_shown_and_come_back_unrounded(qtbot):
    dialog = RangeDialog((None, None), (0.0020004567, 0.0024996543))
    qtbot.addWidget(dialog)
    assert dialog.answer() == (0.0020004567, 0.0024996543)
    assert dialog.fields.low.value == pytest.approx(0.0020004567, rel=1e-2)
    dialog.fields.low.value = 0.00212
    assert dialog.answer() == (0.00212, 0.0024996543)
    dialog.from_mask.click()
    assert dialog.answer() == (0.0020004567, 0.0024996543)


def test_without_any_limit_the_decimals_are_those_of_the_picture(qtbot):
    dialog = RangeDialog((None, None), None, None, (0.0, 0.0031))
    qtbot.addWidget(dialog)
    dialog.fields.use_low.value, dialog.fields.low.value = True, 0.0012
    assert dialog.answer() == (0.0012, None)


def test_a_value_without_its_tick_is_no_limit(qtbot):
    dialog = RangeDialog((10.0, 50.0), None)
    qtbot.addWidget(dialog)
    dialog.fields.use_low.value = False
    assert dialog.answer() == (None, 50.0)


def test_the_values_of_the_mask_are_taken_on_demand_where_there_is_one(qtbot):
    dialog = RangeDialog((10.0, None), (20.0, 90.0))
    qtbot.addWidget(dialog)
    dialog.from_mask.click()
    assert dialog.answer() == (20.0, 90.0)
    without = RangeDialog((10.0, None), None)
    qtbot.addWidget(without)
    assert not without.from_mask.isEnabled()
    assert "no mask on the shown slice" in without.from_mask.toolTip()
