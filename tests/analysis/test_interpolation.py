"""interpolate_masks: bodies with known volumes, a comparison with copying the nearest slice, and edge cases."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.analysis.interpolation import interpolate_masks
from napari_sam2.analysis.metrics import dice
from napari_sam2.errors import NapariSam2Error

SPACING = (0.5, 0.8)


def discs(radii, centres=None, shape=(121, 91)):
    """One disc for each frame, in mm on pixels of SPACING."""
    # Off the pixels' centres, so that no pixels stand on the circle by rule.
    y = (np.arange(shape[0]) - shape[0] // 2)[:, None] * SPACING[0] + 0.13
    x = (np.arange(shape[1]) - shape[1] // 2) * SPACING[1] + 0.29
    centres = np.zeros((len(radii), 2)) if centres is None else centres
    return np.stack([(y - a) ** 2 + (x - b) ** 2 < max(r, 0) ** 2 for r, (a, b) in zip(radii, centres, strict=True)])


def completed(truth, known, spacing=SPACING):
    """The known frames of the truth, and what is interpolated between them."""
    filled = interpolate_masks({f: truth[f] for f in known}, spacing)
    assert set(filled) == set(range(min(known), max(known))) - set(known)
    return np.stack([truth[f] if f in known else filled[f] for f in range(len(truth))])


def copied(truth, known):
    nearest = [min(known, key=lambda k: abs(k - f)) for f in range(len(truth))]
    return truth[nearest]


def volume(masks, step):
    return masks.sum() * np.prod(SPACING) * step


def test_a_cylinder_stays_a_cylinder() -> None:
    truth = discs([20.0] * 25)
    assert np.array_equal(completed(truth, [0, 24]), truth)
    assert volume(truth, 1.5) == pytest.approx(np.pi * 20**2 * 25 * 1.5, rel=0.005)


def test_a_frustum_of_a_cone_has_its_volume() -> None:
    radii = np.linspace(28.0, 8.0, 41)
    truth = discs(radii)
    found = completed(truth, [0, 40])
    # Slices stand for their thickness: the sum over the discs is the analytic volume by the trapezoidal rule.
    inner = found[0].sum() / 2 + found[1:-1].sum() + found[-1].sum() / 2
    exact = np.pi * 40 / 3 * (28.0**2 + 28.0 * 8.0 + 8.0**2)
    assert inner * np.prod(SPACING) == pytest.approx(exact, rel=0.005)
    assert min(dice(a, b) for a, b in zip(found, truth, strict=True)) > 0.975


@pytest.mark.parametrize("end", ["above", "below"])
def test_towards_an_empty_frame_a_cone_ends_in_its_tip(end) -> None:
    truth = discs(np.linspace(25.0, 0.0, 26))
    truth = truth if end == "above" else truth[::-1]
    found = completed(truth, [0, 25])
    assert not truth[25 if end == "above" else 0].any()
    assert found[24 if end == "above" else 1].any()
    inner = found.sum() - max(found[0].sum(), found[-1].sum()) / 2
    assert inner * np.prod(SPACING) == pytest.approx(np.pi * 25.0**2 * 25 / 3, rel=0.02)


def test_beyond_an_empty_frame_the_object_starts_anew() -> None:
    truth = discs([10, 10, 10, 0, 0, 0, 10, 10])
    found = interpolate_masks({0: truth[0], 3: truth[3], 5: truth[5], 7: truth[7]}, SPACING)
    assert not found[4].any()
    assert found[1].sum() > found[2].sum() > 0
    assert 0 < found[6].sum() < truth[7].sum()


@pytest.mark.parametrize("known_each", [4, 8, 12])
def test_interpolation_errs_less_than_the_nearest_slice(known_each) -> None:
    frames = np.arange(49)
    radii = 27.0 * np.sqrt(1 - ((frames - 24) / 26) ** 2)
    centres = np.c_[4 * np.sin(frames / 9), 5 * np.cos(frames / 12)]
    truth = discs(radii, centres)
    known = list(range(0, 49, known_each))
    others = [f for f in frames if f not in known]
    found, copies = completed(truth, known), copied(truth, known)
    errors = [(m[others] != truth[others]).sum() / truth[others].sum() for m in (found, copies)]
    print(f"every {known_each}th slice: wrong voxels {errors[0]:.3%} interpolated, {errors[1]:.3%} copied")
    assert errors[0] < 0.6 * errors[1]
    assert dice(found[others], truth[others]) > dice(copies[others], truth[others])


@pytest.mark.parametrize("known_each", [6, 12])
def test_an_oblique_vessel_is_not_interrupted(known_each) -> None:
    # 1.7 mm a slice sideways, 4 to 5 mm thick: discs six slices apart share nothing.
    frames = np.arange(25)
    truth = discs(4.0 + frames / 24, np.c_[1.2 * (frames - 12), -1.2 * (frames - 12)])
    known = list(range(0, 25, known_each))
    assert not (truth[0] & truth[known_each]).any()
    found = completed(truth, known)
    assert min(dice(a, b) for a, b in zip(found, truth, strict=True)) > 0.93
    assert dice(copied(truth, known), truth) < 0.7


def test_a_part_that_appears_does_not_move_the_part_that_stays() -> None:
    y, x = np.ogrid[:60, :80]
    stays, comes = ((y - 30) ** 2 + (x - 20) ** 2 < 12**2), ((y - 30) ** 2 + (x - 60) ** 2 < 12**2)
    middle = interpolate_masks({0: stays, 2: stays | comes}, (1, 1))[1]
    assert dice(middle[:, :40], stays[:, :40]) > 0.99


def test_anisotropic_pixels_are_measured_in_the_patient() -> None:
    # A wide and a high ellipse; half-way between, the outline is where both distances are equal, in mm.
    y, x = np.ogrid[-60:61, -60:61]
    wide = (y * 0.5 / 8) ** 2 + (x * 1.0 / 20) ** 2 < 1
    high = (y * 0.5 / 20) ** 2 + (x * 1.0 / 8) ** 2 < 1
    middle = interpolate_masks({0: wide, 2: high}, (0.5, 1.0))[1]
    along_y, along_x = middle[:, 60].sum() * 0.5, middle[60].sum() * 1.0
    assert along_y == pytest.approx(along_x, abs=1.0)
    assert 2 * 8 < along_y < 2 * 20
    as_if_square = interpolate_masks({0: wide, 2: high}, (1.0, 1.0))[1]
    assert as_if_square[:, 60].sum() * 0.5 != pytest.approx(as_if_square[60].sum() * 1.0, abs=1.0)


def test_only_wanted_frames_between_known_ones_are_filled() -> None:
    truth = discs([10.0] * 12)
    known = {2: truth[2], 6: truth[6], 9: truth[9]}
    assert sorted(interpolate_masks(known, SPACING)) == [3, 4, 5, 7, 8]
    assert sorted(interpolate_masks(known, SPACING, frames=range(5, 12))) == [5, 7, 8]
    assert interpolate_masks(known, SPACING, frames=[0, 2, 11]) == {}
    some = interpolate_masks(known, SPACING, frames=[4])[4]
    assert np.array_equal(some, interpolate_masks(known, SPACING)[4])


def test_masks_at_the_border_and_masks_of_the_whole_frame() -> None:
    half, whole = np.zeros((2, 20, 30), bool)
    half[:, :10], whole[:] = True, True
    assert np.array_equal(interpolate_masks({0: half, 2: half}, (1, 1))[1], half)
    assert interpolate_masks({0: whole, 2: whole}, (1, 1))[1].all()
    assert not interpolate_masks({0: ~whole, 2: ~whole}, (1, 1))[1].any()
    towards = interpolate_masks({0: half, 4: whole}, (1, 1))
    assert all((towards[f] | ~half).all() for f in (1, 2, 3))


@pytest.mark.parametrize(
    ("accepted", "spacing", "words"),
    [
        ({0: np.ones((2, 2), bool)}, (1, 1), "at least two"),
        ([np.ones((2, 2), bool)] * 2, (1, 1), "at least two"),
        ({0: np.ones((2, 2), bool), 1: np.ones((2, 2), int)}, (1, 1), "frame 1 must be"),
        ({0: np.ones((2, 2), bool), 1: np.ones((2, 3), bool)}, (1, 1), "one shape"),
        ({0: np.ones((2, 2), bool), 1: np.ones((2, 2), bool)}, (1, 1, 1), "spacing="),
        ({0: np.ones((2, 2), bool), -1: np.ones((2, 2), bool)}, (1, 1), "-1 is no frame"),
    ],
)
def test_what_does_not_fit_is_refused(accepted, spacing, words) -> None:
    with pytest.raises(NapariSam2Error, match=words):
        interpolate_masks(accepted, spacing)
