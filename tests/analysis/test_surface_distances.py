"""Surface distances and surface Dice: brute force over a mesh, bodies with known gaps, and MONAI where installed."""

from __future__ import annotations

import importlib.util
import warnings

import numpy as np
import pytest
from scipy.ndimage import binary_erosion, gaussian_filter
from scipy.spatial.distance import cdist
from skimage.measure import find_contours, marching_cubes

from napari_sam2.analysis.metrics import compare_labels
from napari_sam2.analysis.surface_distances import compare_surfaces, element_areas
from napari_sam2.core.volume import ImageVolume
from support.bodies import GRIDS, affine_of, ellipsoid, grid


def blobs(shape, seed, count=2):
    """Smooth random masks that agree in part."""
    rng = np.random.default_rng(seed)
    common = gaussian_filter(rng.normal(size=shape), 2.5)
    fields = [common + 0.35 * gaussian_filter(rng.normal(size=shape), 2.5) for _ in range(count)]
    return [field > 0.3 * common.std() for field in fields]


def elements_of_mesh(mask, steps):
    """Centres and areas of cells that one mesh around the whole mask runs through."""
    vertices, faces, _, _ = marching_cubes(np.pad(mask, 1).astype(np.float32), 0.5)
    triangles = vertices[faces].astype(float) - 1
    cells = np.floor(triangles.mean(axis=1)).astype(int)
    places = triangles @ steps.T
    areas = np.linalg.norm(np.cross(places[:, 1] - places[:, 0], places[:, 2] - places[:, 0]), axis=1) / 2
    cells, which = np.unique(cells, axis=0, return_inverse=True)
    return (cells + 0.5) @ steps.T, np.bincount(which.ravel(), weights=areas)


@pytest.mark.parametrize("kind", GRIDS)
def test_all_three_agree_with_brute_force(kind) -> None:
    steps = grid(kind)
    a, b = blobs((12, 16, 14), 5)
    near = compare_surfaces([a], [b], steps, tolerance=1.3)
    points = [np.argwhere(m & ~binary_erosion(m)) @ steps.T for m in (a, b)]
    between = cdist(*points)
    forth, back = between.min(axis=1), between.min(axis=0)
    assert near.hd95 == pytest.approx(max(np.percentile(forth, 95), np.percentile(back, 95)))
    assert near.assd == pytest.approx(np.concatenate([forth, back]).mean())
    (p, area_p), (q, area_q) = (elements_of_mesh(m, steps) for m in (a, b))
    between = cdist(p, q)
    within = area_p[between.min(axis=1) <= 1.3].sum() + area_q[between.min(axis=0) <= 1.3].sum()
    assert 0.2 < near.surface_dice < 0.98
    # Cells with ambiguous corners may be cut otherwise by a mesh that sees their neighbours.
    assert near.surface_dice == pytest.approx(within / (area_p.sum() + area_q.sum()), abs=2e-3)


@pytest.mark.parametrize("kind", GRIDS)
def test_between_two_balls_lies_their_gap(kind) -> None:
    steps = grid(kind)
    outer, _ = ellipsoid(steps, (18.0,) * 3)
    inner = np.zeros_like(outer)
    small, _ = ellipsoid(steps, (12.0,) * 3)
    corner = [(n - m) // 2 for n, m in zip(outer.shape, small.shape, strict=True)]
    inner[tuple(slice(c, c + m) for c, m in zip(corner, small.shape, strict=True))] = small
    step = 1.5 * np.linalg.norm(steps, axis=0).max()
    assert compare_surfaces([outer], [inner], steps, 6.0 - step).surface_dice < 0.05
    assert compare_surfaces([outer], [inner], steps, 6.0 + step).surface_dice > 0.95
    assert compare_surfaces([outer], [inner], steps, 1.0).assd == pytest.approx(6.0, abs=0.5)


def test_a_face_that_moved_is_outside_the_tolerance() -> None:
    a = np.zeros((40, 60, 60), bool)
    a[5:25, 5:55, 5:55] = True
    b = a.copy()
    b[25:29] |= a[24]
    dice = {t: compare_surfaces([a], [b], np.eye(3), t).surface_dice for t in (1.0, 5.0)}
    # Of each box the face of 50 x 50 is 4 away; of the other faces all but the last rows of the sides are common.
    faces, side = 50 * 50, 4 * 50
    total = 4 * faces + (20 + 24) * side
    assert dice[1.0] == pytest.approx((2 * faces + (20 + 21) * side) / total, abs=0.02)
    assert dice[5.0] == 1.0


@pytest.mark.parametrize("steps", [grid("anisotropic")[:, 1:], grid("sheared")[:, :2]])
def test_pieces_of_outlines_are_as_long_as_the_outline(steps) -> None:
    mask = np.zeros((20, 20), bool)
    mask[4:9, 3:15] = mask[8:16, 10:13] = True
    areas = element_areas(steps)
    padded = np.pad(mask, 1).astype(int)
    code = padded[:-1, :-1] + 2 * padded[:-1, 1:] + 4 * padded[1:, :-1] + 8 * padded[1:, 1:]
    (outline,) = find_contours(padded.astype(float), 0.5)
    length = np.linalg.norm(np.diff(outline, axis=0) @ steps.T, axis=1).sum()
    assert areas[code].sum() == pytest.approx(length)


def test_empty_masks_are_defined() -> None:
    full, empty = np.ones((2, 3, 3, 3), bool)
    empty[:] = False
    for pair, expected in [((full, empty), 0.0), ((empty, full), 0.0), ((empty, empty), 1.0)]:
        near = compare_surfaces([pair[0]], [pair[1]], np.eye(3), 1.0)
        assert near.surface_dice == expected
        assert np.isnan([near.hd95, near.assd]).all()


def test_a_time_at_which_one_is_missing_counts_as_surface_without_partner() -> None:
    mask = np.zeros((9, 9), bool)
    mask[3:6, 3:6] = True
    steps = np.eye(3)[:, :2]
    near = compare_surfaces([mask, mask], [mask, np.zeros_like(mask)], steps, 1.0)
    assert near.surface_dice == pytest.approx(2 / 3)
    assert near.hd95 == 0.0


@pytest.mark.skipif(importlib.util.find_spec("monai") is None, reason="MONAI is not installed")
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 0.8, 1.2)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_monai_finds_the_same(spacing, seed) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_surface_dice

        a, b = blobs((16, 24, 20), seed)
        one, other = (torch.from_numpy(np.stack([~m, m])[None].astype(np.float32)) for m in (a, b))
        hd95 = float(compute_hausdorff_distance(one, other, percentile=95, spacing=spacing))
        assd = float(compute_average_surface_distance(one, other, symmetric=True, spacing=spacing))
        tolerance = 1.5
        nsd = float(compute_surface_dice(one, other, [tolerance], spacing=spacing, use_subvoxels=True))
    volume = ImageVolume(np.zeros(a.shape), units="mm", affine=affine_of(np.fliplr(np.eye(3)) * spacing))
    row = compare_labels(a.astype(np.uint8), b.astype(np.uint8), volume, tolerance_mm=tolerance).iloc[0]
    print(f"HD95 {row['hd95_mm']:.6f} {hd95:.6f}, ASSD {row['assd_mm']:.6f} {assd:.6f}", end=", ")
    print(f"surface Dice {row['surface_dice']:.6f} {nsd:.6f}")
    assert row["hd95_mm"] == pytest.approx(hd95, rel=1e-5)
    assert row["assd_mm"] == pytest.approx(assd, rel=1e-5)
    # The two cut some ambiguous cells differently.
    assert row["surface_dice"] == pytest.approx(nsd, abs=5e-3)
