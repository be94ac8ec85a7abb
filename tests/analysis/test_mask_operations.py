"""Mask operations: properties on random masks, physical units, and brute-force distances."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist

from napari_sam2.analysis import mask_combination, mask_morphology
from napari_sam2.analysis.mask_operations import OPERATIONS, find_operation
from napari_sam2.errors import NapariSam2Error

SPACINGS = st.tuples(*[st.sampled_from([0.4, 0.7, 1.0, 2.5])] * 3)
MASKS = arrays(bool, st.tuples(st.integers(1, 4), st.integers(1, 7), st.integers(1, 7)))
RADII = st.floats(0, 4)
BOTH = st.sampled_from([2, 3])


def brute_force_near(mask, spacing, radius, dimensions):
    """Whether a voxel of the mask is within the radius, by all distances."""
    places = np.argwhere(np.ones_like(mask)) * np.array(spacing)
    if dimensions == 2:
        places[:, 0] *= 1e6
    if not mask.any():
        return np.zeros_like(mask)
    return (cdist(places, places[mask.ravel()]).min(axis=1) <= radius * (1 + 1e-9)).reshape(mask.shape)


@settings(max_examples=60, deadline=None)
@given(MASKS, SPACINGS, RADII, BOTH)
def test_growing_and_shrinking_are_euclidean(mask, spacing, radius, dimensions) -> None:
    grown = mask_morphology.grow(mask, spacing, radius, dimensions)
    assert np.array_equal(grown, brute_force_near(mask, spacing, radius, dimensions))
    shrunk = mask_morphology.shrink(mask, spacing, radius, dimensions)
    assert np.array_equal(shrunk, mask & ~brute_force_near(~mask, spacing, radius, dimensions))


@settings(max_examples=60, deadline=None)
@given(MASKS, SPACINGS, RADII, BOTH)
def test_growing_then_shrinking_contains_the_mask(mask, spacing, radius, dimensions) -> None:
    closed = mask_morphology.shrink(
        mask_morphology.grow(mask, spacing, radius, dimensions), spacing, radius, dimensions
    )
    assert (closed | ~mask).all()
    opened = mask_morphology.grow(
        mask_morphology.shrink(mask, spacing, radius, dimensions), spacing, radius, dimensions
    )
    assert (mask | ~opened).all()
    assert np.array_equal(mask_morphology.shrink(mask, spacing, radius), ~mask_morphology.grow(~mask, spacing, radius))


@pytest.mark.parametrize("operation", [mask_morphology.grow, mask_morphology.shrink, mask_morphology.smooth])
def test_lengths_are_in_the_unit_of_the_spacing(operation) -> None:
    mask = np.zeros((9, 20, 20), bool)
    mask[2:7, 5:15, 5:15] = True
    in_mm = operation(mask, (2.0, 0.5, 0.5), 1.0)
    assert np.array_equal(in_mm, operation(mask, (2000.0, 500.0, 500.0), 1000.0))
    assert not np.array_equal(in_mm, operation(mask, (2.0, 0.5, 0.5), 2.1))


def test_a_ball_grows_by_its_radius_on_an_anisotropic_grid() -> None:
    spacing = np.array([2.5, 0.7, 0.7])
    place = (np.indices((25, 81, 81)).transpose(1, 2, 3, 0) - [12, 40, 40]) * spacing
    far = np.linalg.norm(place, axis=-1)
    grown = mask_morphology.grow(far <= 10, spacing, 6.0)
    assert not (grown & (far > 16)).any()
    assert (grown | (far > 16 - 1.5)).all()


@settings(max_examples=40, deadline=None)
@given(MASKS, SPACINGS, BOTH)
def test_parts_are_what_a_flood_fill_finds(mask, spacing, dimensions) -> None:
    parts = mask_morphology.split(mask, spacing, dimensions)
    expected = flood(mask, dimensions)
    assert {frozenset(map(tuple, np.argwhere(p))) for p in parts} == set(expected)
    assert [p.sum() for p in parts] == sorted(map(len, expected), reverse=True)
    largest = mask_morphology.keep_largest(mask, spacing, dimensions)
    if dimensions == 3:
        assert largest.sum() == max(map(len, expected), default=0)
        assert not mask.any() or any(np.array_equal(largest, p) for p in parts)
    else:
        sizes = [max((len(p) for p in expected if next(iter(p))[0] == z), default=0) for z in range(len(mask))]
        assert largest.sum(axis=(1, 2)).tolist() == sizes
    limit = 2.5 * np.prod(spacing[-dimensions:])
    kept = set().union(*[p for p in expected if len(p) >= 3])
    assert set(map(tuple, np.argwhere(mask_morphology.remove_small(mask, spacing, limit, dimensions)).tolist())) == kept


def flood(mask, dimensions):
    """Connected parts as sets of voxels, by walking from neighbour to neighbour."""
    left = set(map(tuple, np.argwhere(mask).tolist()))
    parts = []
    while left:
        part, border = set(), [left.pop()]
        while border:
            z, y, x = border.pop()
            part.add((z, y, x))
            near = {
                (z + a, y + b, x + c)
                for a in ((-1, 0, 1) if dimensions == 3 else (0,))
                for b in (-1, 0, 1)
                for c in (-1, 0, 1)
            } & left
            left -= near
            border += near
        parts.append(frozenset(part))
    return parts


def test_small_is_below_the_volume_and_units_are_physical() -> None:
    mask = np.zeros((1, 3, 9), bool)
    mask[0, 0, 0] = mask[0, 0, 2:4] = mask[0, 0, 5:9] = True
    spacing = (5.0, 10.0, 2.0)  # 100 mm³ a voxel, 20 mm² a pixel
    assert mask_morphology.remove_small(mask, spacing, 200.0).sum() == 6
    assert mask_morphology.remove_small(mask, spacing, 200.1).sum() == 4
    assert mask_morphology.remove_small(mask, spacing, 40.0, 2).sum() == 6
    assert mask_morphology.remove_small(mask, spacing, 40.1, 2).sum() == 4
    assert mask_morphology.remove_small(mask, (0.1, 0.1, 0.1), 0.002).sum() == 6
    assert mask_morphology.remove_small(mask, spacing, 0).sum() == 7


def test_holes_of_slices_and_cavities() -> None:
    mask = np.zeros((5, 7, 7), bool)
    mask[1:4, 1:6, 1:6] = True
    mask[2, 3, 3] = False
    mask[:, 2, 2] = False  # a tunnel through all slices
    volume, slices = mask_morphology.fill_holes(mask, (1, 1, 1)), mask_morphology.fill_holes(mask, (1, 1, 1), 2)
    assert volume[2, 3, 3]
    assert not volume[2, 2, 2]
    assert slices[1:4, 1:6, 1:6].all()
    assert slices.sum() == 75


def test_smoothing_takes_spikes_and_keeps_faces() -> None:
    mask = np.zeros((3, 60, 60), bool)
    mask[:, 10:50, 10:50] = True
    rough = mask.copy()
    rough[1, 50:58, 30] = True
    rough[1, 20, 20] = False
    smoothed = mask_morphology.smooth(rough, (4.0, 1.0, 1.0), 2.0, 2)
    assert np.array_equal(smoothed[:, 20:40, 10:50], mask[:, 20:40, 10:50])
    assert not smoothed[:, 51:].any()
    assert not smoothed[:, 10, 10].any()
    # Slices of 4 mm hardly take part in 3-D at 0.5 mm, and in 2-D not at all.
    alone = np.zeros((3, 30, 30), bool)
    alone[1, 5:25, 5:25] = True
    assert mask_morphology.smooth(alone, (4.0, 1.0, 1.0), 2.0, 2)[1].sum() > 380
    assert mask_morphology.smooth(alone, (1.0, 1.0, 1.0), 2.0, 3).sum() == 0


def test_smoothing_a_corner_agrees_with_the_gaussian() -> None:
    from scipy.special import ndtr

    mask = np.zeros((1, 80, 80), bool)
    mask[0, 40:, 40:] = True
    y, x = np.ogrid[:80, :80]
    expected = ndtr((y - 39.5) * 0.7 / 3.0) * ndtr((x - 39.5) * 0.4 / 3.0) >= 0.5
    smoothed = mask_morphology.smooth(mask, (1.0, 0.7, 0.4), 3.0, 2)[0]
    assert (smoothed != expected).sum() <= 6  # voxels on the line itself
    assert (mask[0] & ~expected).sum() > 20


def test_values_in_a_range_and_combinations_of_objects() -> None:
    rng = np.random.default_rng(0)
    mask, other = rng.random((2, 3, 4, 5)) < 0.5
    image = rng.integers(-100, 300, mask.shape).astype(float)
    image[0, 0] = np.nan
    cut = mask_combination.threshold(mask, (1, 1, 1), image, low=-50, high=200)
    assert all(cut[i] == (mask[i] and -50 <= image[i] <= 200) for i in np.ndindex(mask.shape))
    assert np.array_equal(mask_combination.threshold(mask, (1, 1, 1), np.nan_to_num(image)), mask)
    edge = np.array([[[-50.0, 200.0]]])
    assert mask_combination.threshold(np.ones((1, 1, 2), bool), (1, 1, 1), edge, -50, 200).all()
    for i in np.ndindex(mask.shape):
        assert mask_combination.union(mask, (1, 1, 1), other)[i] == (mask[i] or other[i])
        assert mask_combination.intersect(mask, (1, 1, 1), other)[i] == (mask[i] and other[i])
        assert mask_combination.subtract(mask, (1, 1, 1), other)[i] == (mask[i] and not other[i])


def test_a_slice_is_copied_to_the_next_or_to_another() -> None:
    mask = np.random.default_rng(3).random((4, 3, 3)) < 0.5
    copied = mask_combination.copy_to(mask, (1, 1, 1), 1)
    assert np.array_equal(copied[2], mask[1])
    assert np.array_equal(copied[[0, 1, 3]], mask[[0, 1, 3]])
    assert np.array_equal(mask_combination.copy_to(mask, (1, 1, 1), 3, to=0)[0], mask[3])
    for how in ({"frame": 3}, {"frame": 0, "to": 4}, {"frame": -1}, {"frame": 1.0}):
        with pytest.raises(NapariSam2Error, match="no slice"):
            mask_combination.copy_to(mask, (1, 1, 1), **how)


VALUES = {"radius": 1.0, "volume": 2.0, "image": np.zeros((3, 4, 5)), "other": np.ones((3, 4, 5), bool), "frame": 1}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda o: o.name)
@pytest.mark.parametrize("density", [0.0, 0.5, 1.0])
def test_every_operation_gives_new_masks_and_leaves_the_old(operation, density) -> None:
    mask = np.random.default_rng(1).random((3, 4, 5)) < density
    before = mask.copy()
    values = {p.name: VALUES[p.name] for p in operation.parameters if p.required}
    results = operation.apply(mask, (2.0, 1.0, 1.0), **values)
    assert all(r.dtype == np.bool_ and r.shape == mask.shape and not np.shares_memory(r, mask) for r in results)
    assert np.array_equal(mask, before)
    assert len(results) == 1 or operation.gives == "masks"


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda o: o.name)
def test_the_registry_lists_the_parameters_of_each_function(operation) -> None:
    taken = list(inspect.signature(operation.function).parameters.values())[2:]
    assert [p.name for p in operation.parameters] == [p.name for p in taken]
    for listed, own in zip(operation.parameters, taken, strict=True):
        assert listed.required == (own.default is own.empty)
        assert listed.required or listed.default == own.default


def test_the_names_are_those_of_the_session() -> None:
    assert list(OPERATIONS) == [
        "largest", "remove_small", "fill_holes", "smooth", "grow", "shrink",
        "threshold", "split", "union", "intersect", "subtract", "copy_to",
    ]  # fmt: skip
    assert find_operation("grow").parameters[0].unit("mm") == "mm"
    assert find_operation("remove_small").parameters[0].unit("um", 2) == "um²"
    assert find_operation("threshold").parameters[1].unit("mm") == ""


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("melt", {}, "no operation 'melt'"),
        ("grow", {}, "needs radius="),
        ("grow", {"radius": -1.0}, "radius=-1"),
        ("grow", {"radius": "1"}, "radius='1'"),
        ("grow", {"radius": 1.0, "power": 2}, "no parameter 'power'"),
        ("smooth", {"radius": 1.0, "dimensions": 4}, "dimensions=4"),
        ("remove_small", {"volume": float("nan")}, "volume=nan"),
        ("threshold", {"image": np.zeros((3, 4))}, "shape"),
        ("threshold", {"image": np.zeros((3, 4, 5)), "low": 3, "high": 2}, "low=3"),
        ("threshold", {"image": np.zeros((3, 4, 5)), "low": "a"}, "low='a'"),
        ("union", {"other": np.zeros((3, 4))}, "shape"),
    ],
)
def test_what_makes_no_sense_is_refused(name, values, words) -> None:
    with pytest.raises(NapariSam2Error, match=words):
        find_operation(name).apply(np.ones((3, 4, 5), bool), (1, 1, 1), **values)


@pytest.mark.parametrize(
    ("mask", "spacing", "words"),
    [
        (np.ones((3, 4, 5), np.uint8), (1, 1, 1), "bool"),
        (np.ones((3, 4), bool), (1, 1, 1), "Z, Y, X"),
        (np.ones((3, 4, 5), bool), (1, 1), "spacing="),
        (np.ones((3, 4, 5), bool), (1, 0, 1), "spacing="),
        (np.ones((3, 4, 5), bool), "mm", "spacing="),
    ],
)
def test_masks_and_spacings_are_checked(mask, spacing, words) -> None:
    with pytest.raises(NapariSam2Error, match=words):
        mask_morphology.keep_largest(mask, spacing)
