"""The strip of an object's quality over all frames."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from napari.utils.theme import get_theme
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QColor

from napari_sam2.widgets.views.quality_strip import QualityStrip

SCORES = pd.DataFrame(
    {
        "iou": [0.9, 0.4, np.nan, 0.8],
        "area_px": [50, 100, 25, 0],
        "disagreement": [np.nan, 0.3, np.nan, np.nan],
        "rival": [0.0, 0.4, np.nan, 0.1],
        "back": [np.nan, 0.6, np.nan, np.nan],
        "doubtful": [False, True, False, False],
        "locked": [False, False, True, False],
    },
    index=[1, 2, 3, 5],
)


@pytest.fixture
def strip(qtbot):
    made = QualityStrip()
    qtbot.addWidget(made)
    made.set_frames(7)
    return made


def test_bars_are_the_estimates_doubtful_ones_apart(strip):
    strip.set_scores(SCORES, {3})
    assert dict(zip(strip.good.opts["x"], strip.good.opts["height"], strict=True)) == {1: 0.9, 3: 1.0, 5: 0.0}
    assert dict(zip(strip.doubtful.opts["x"], strip.doubtful.opts["height"], strict=True)) == {2: 0.4}


def test_the_area_is_a_line_that_breaks_where_there_is_no_mask(strip):
    strip.set_scores(SCORES, {3})
    _, area = strip.area.getData()
    assert np.array_equal(area, [np.nan, 0.5, 1, 0.25, np.nan, 0, np.nan], equal_nan=True)


def test_the_rival_is_a_line_that_breaks_where_none_was_looked_for(strip):
    strip.set_scores(SCORES, {3})
    _, rival = strip.rival.getData()
    assert np.array_equal(rival, [np.nan, 0, 0.4, np.nan, np.nan, 0.1, np.nan], equal_nan=True)


def test_locks_marks_and_disagreement_are_dots(strip):
    strip.set_scores(SCORES, {5, 3})
    assert strip.locked.getData()[0].tolist() == [3]
    assert strip.prompted.getData()[0].tolist() == [3, 5]
    assert [values.tolist() for values in strip.disagreement.getData()] == [[2], [0.3]]


@pytest.mark.parametrize("nothing", [None, SCORES.iloc[:0]], ids=["no object", "no mask"])
def test_without_scores_nothing_is_drawn(strip, nothing):
    strip.set_scores(SCORES, {3})
    strip.set_scores(nothing, [])
    assert len(strip.good.opts["x"]) == len(strip.doubtful.opts["x"]) == len(strip.locked.getData()[0]) == 0
    assert np.isnan(strip.area.getData()[1]).all()
    assert np.isnan(strip.rival.getData()[1]).all()


@pytest.mark.parametrize(("x", "frame"), [(2.4, 2), (2.6, 3), (-9, 0), (99, 6)])
def test_a_click_names_the_nearest_frame(strip, qtbot, x, frame):
    clicked = []
    strip.frame_clicked.connect(clicked.append)
    place = strip.plot.getPlotItem().vb.mapViewToScene(QPointF(x, 0.5))
    for pressed in (Qt.MouseButton.RightButton, Qt.MouseButton.LeftButton):
        strip._on_click(SimpleNamespace(button=lambda pressed=pressed: pressed, scenePos=lambda: place))
    assert clicked == [frame]


def test_the_way_back_is_a_circle_at_its_agreement(strip):
    strip.set_scores(SCORES, {3})
    assert [list(values) for values in strip.back.getData()] == [[2.0], [0.6]]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_lines_are_seen_on_each_theme_and_told_apart_without_colour(strip, theme):
    colors = get_theme(theme)
    strip.set_ink(colors.text.as_hex())
    area, rival = (item.opts["pen"] for item in (strip.area, strip.rival))
    assert area.style() == Qt.PenStyle.SolidLine
    assert rival.style() == Qt.PenStyle.CustomDashLine
    for pen in (area, rival):
        assert contrast(pen.color(), QColor(colors.background.as_hex())) > 4.5
    strip.set_scores(SCORES, {3})
    assert area.color().name() in strip.legend.text()
    assert rival.color().name() in strip.legend.text()


def contrast(one, other):
    """The ratio of the luminances of two colours, as WCAG 2 has it."""

    def luminance(color):
        parts = np.array(color.getRgbF()[:3])
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return linear @ (0.2126, 0.7152, 0.0722)

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_legend_names_what_is_there_and_does_not_widen_the_dock(strip):
    strip.set_scores(SCORES[SCORES["locked"]], set())
    narrow = strip.minimumSizeHint().width()
    words = {"sure", "doubtful", "area", "rival", "locked", "marked"}
    assert {word for word in words if word in strip.legend.text()} == {"sure", "area", "locked"}
    strip.set_scores(SCORES, {3})
    assert {word for word in words if word in strip.legend.text()} == words
    assert strip.minimumSizeHint().width() == narrow
