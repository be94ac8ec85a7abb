"""Contours of one structure in one plane: united, holes by containment, edges included."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.io.dicom.contours import enclosed

SHAPE = (40, 50)


def _square(y0: float, x0: float, y1: float, x1: float) -> np.ndarray:
    return np.array([[y0, x0], [y0, x1], [y1, x1], [y1, x0]])


def _circle(y: float, x: float, radius: float, points: int = 90) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.c_[y + radius * np.sin(angles), x + radius * np.cos(angles)]


def _count(*outlines: np.ndarray) -> int:
    return int(enclosed(SHAPE, outlines).sum())


OUTER, MIDDLE, INNER = _square(4.5, 4.5, 34.5, 34.5), _square(9.5, 9.5, 29.5, 29.5), _square(14.5, 14.5, 24.5, 24.5)
U_SHAPE = np.array([[5, 5], [35, 5], [35, 35], [5, 35], [5, 25], [25, 25], [25, 15], [5, 15]]) - 0.5


def test_a_square_encloses_the_pixels_with_their_centres_in_it() -> None:
    found = enclosed(SHAPE, [_square(9.5, 19.5, 12.5, 22.5)])
    expected = np.zeros(SHAPE, bool)
    expected[10:13, 20:23] = True
    assert np.array_equal(found, expected)


def test_pixels_on_the_edge_belong_to_it() -> None:
    assert _count(_square(10, 20, 12, 23)) == 3 * 4


def test_a_contour_beyond_the_image_is_cut_at_its_border() -> None:
    assert _count(_square(-10, -10, 4.5, 4.5)) == 25
    assert _count(_square(-10, -10, 100, 100)) == SHAPE[0] * SHAPE[1]


@pytest.mark.parametrize("again", [OUTER, OUTER[::-1], np.roll(OUTER, 1, axis=0), OUTER + 0.02, OUTER * 1.0005])
def test_a_contour_twice_is_one_contour(again) -> None:
    assert _count(OUTER, again) == 900


def test_contours_that_overlap_or_touch_are_united() -> None:
    assert _count(_square(9.5, 9.5, 19.5, 19.5), _square(9.5, 14.5, 19.5, 24.5)) == 150
    assert _count(_square(10, 10, 20, 20), _square(10, 20, 20, 30)) == 11 * 21
    assert _count(_square(10, 10, 20, 20), _square(20, 20, 30, 30)) == 2 * 121 - 1
    assert _count(_circle(20, 20, 8), _circle(20, 30, 8)) > _count(_circle(20, 20, 8))


@pytest.mark.parametrize("turn", [1, -1])
def test_one_inside_another_is_a_hole_and_one_inside_that_an_island(turn) -> None:
    assert _count(OUTER, INNER[::turn]) == 900 - 100
    assert _count(INNER, MIDDLE[::turn], OUTER) == 900 - 400 + 100
    assert _count(OUTER, MIDDLE, MIDDLE) == 900 - 400


def test_pixels_on_the_edge_of_a_hole_belong_to_what_is_around_it() -> None:
    assert _count(OUTER, _square(15, 15, 25, 25)) == 900 - 81


def test_two_holes_with_a_common_edge_leave_no_line_between_them() -> None:
    assert _count(OUTER, _square(10, 10, 20, 20), _square(10, 20, 20, 30)) == 900 - 9 * 19


def test_a_hole_may_touch_what_it_is_cut_from() -> None:
    assert _count(OUTER, _square(4.5, 9.5, 14.5, 19.5)) == 900 - 100


def test_a_hole_of_two_contours_that_overlap_is_a_hole() -> None:
    left, right = _square(4.5, 4.5, 34.5, 29.5), _square(4.5, 14.5, 34.5, 44.5)
    assert _count(left, right, _square(14.5, 17.5, 24.5, 27.5)) == 30 * 40 - 100


def test_a_hole_is_filled_where_another_contour_covers_it() -> None:
    assert _count(OUTER, INNER, _square(14.5, 19.5, 24.5, 39.5)) == 900 - 100 + 50 + 50


def test_what_fills_the_notch_of_a_contour_is_no_hole_in_it() -> None:
    notch = _square(4.5, 14.5, 24.5, 24.5)
    assert _count(U_SHAPE) == 900 - 200
    assert _count(U_SHAPE, notch) == 900


def test_a_keyhole_keeps_its_hole_and_its_slit() -> None:
    keyhole = np.r_[OUTER[:1], INNER[[0, 3, 2, 1, 0]], OUTER[[0, 1, 2, 3]]]
    assert _count(keyhole) == 800
    slit = np.r_[[[20, 4.5], [20, 14.5]], INNER[[3, 2, 1, 0]], [[20, 14.5], [20, 4.5]], OUTER[[0, 1, 2, 3]]]
    assert _count(slit) == 800
    # What fills the hole of a keyhole is no hole in it.
    assert _count(keyhole, INNER) == 900
    assert _count(_square(1.5, 1.5, 38.5, 38.5), keyhole) == 37 * 37 - 800


def test_only_contours_of_that_type_are_combined_by_exclusive_or() -> None:
    left, right = _square(9.5, 9.5, 19.5, 19.5), _square(9.5, 14.5, 19.5, 24.5)
    assert int(enclosed(SHAPE, [], [left, right]).sum()) == 100
    assert int(enclosed(SHAPE, [], [left, left]).sum()) == 0
    assert int(enclosed(SHAPE, [], [_square(10, 10, 20, 20), _square(10, 20, 20, 30)]).sum()) == 11 * 21
    assert int(enclosed(SHAPE, [OUTER], [INNER]).sum()) == 800


def test_many_contours_in_one_plane_take_moments() -> None:
    import time

    dots = [_circle(3 + 6 * y, 3 + 6 * x, 2.4, 60) for y in range(20) for x in range(20)]
    body = _circle(60, 60, 85, 400)
    began = time.monotonic()
    found = enclosed((120, 120), [body, *dots])
    assert time.monotonic() - began < 20
    assert not found[3, 3]
    assert found[6, 6]
