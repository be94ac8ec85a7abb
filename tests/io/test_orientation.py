"""Arrays are turned to the nearest patient axes and back."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from napari_sam2.io.orientation import turned_back, upright


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("signs", list(itertools.product((1, -1), repeat=3)))
def test_every_orientation_is_turned_to_lps_and_back(axes, signs):
    values = np.arange(24 * 2).reshape(2, 3, 4, 2)
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, list(axes)] * signs
    turned, placed, turn = upright(values, affine, [])
    assert np.array_equal(placed[:3, :3], np.diag([-1, -1, 1])), "left, back, up, in RAS"
    place = np.array([1, 2, 3, 1])
    index = np.rint(np.linalg.solve(placed, affine @ place)).astype(int)
    assert np.array_equal(turned[tuple(index[:3])], values[1, 2, 3]), "a voxel keeps its place in the patient"
    assert np.array_equal(turned_back(turned, turn), values)


def test_a_single_sagittal_slice_stays_as_stored_with_a_note():
    values, notes = np.arange(6).reshape(2, 3), []
    affine = np.eye(4)[[2, 0, 1, 3]]
    turned, placed, turn = upright(values, affine, notes)
    assert np.array_equal(turned, values)
    assert np.array_equal(placed, affine)
    assert "single slice is not axial" in notes[0]
    assert np.array_equal(turned_back(turned, turn), values)
