"""Surface and longest diameter: analytic bodies, exact boxes, and brute force over all pairs of points."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.spatial.distance import pdist

from napari_sam2.analysis.measurements import measure_objects
from napari_sam2.analysis.shape import longest_diameter, surface_area
from support.bodies import GRIDS, ellipsoid, grid


def area_of_ellipsoid(a, b, c):
    """Integrate the surface element over both angles."""
    u, v = np.meshgrid(np.linspace(0, np.pi, 801), np.linspace(0, 2 * np.pi, 801), indexing="ij")
    cross = np.sin(u) * np.sqrt(
        (b * c * np.sin(u) * np.cos(v)) ** 2 + (a * c * np.sin(u) * np.sin(v)) ** 2 + (a * b * np.cos(u)) ** 2
    )
    return trapezoid(trapezoid(cross, v[0], axis=1), u[:, 0])


@pytest.mark.parametrize("kind", GRIDS)
@pytest.mark.parametrize(
    ("semiaxes", "tolerance"),
    [((20.0, 20.0, 20.0), 0.02), ((30.0, 20.0, 15.0), 0.02), ((10.0,) * 3, 0.02), ((5.0,) * 3, 0.06)],
)
def test_bodies_agree_with_their_formulas(kind, semiaxes, tolerance) -> None:
    steps = grid(kind)
    mask, volume = ellipsoid(steps, semiaxes)
    row = measure_objects(mask.astype(np.uint8), volume).iloc[0]
    assert row["volume_ml"] == pytest.approx(4 / 3 * np.pi * np.prod(semiaxes) / 1000, rel=tolerance)
    assert row["surface_mm2"] == pytest.approx(area_of_ellipsoid(*semiaxes), rel=tolerance)
    assert row["feret_diameter_mm"] == pytest.approx(2 * max(semiaxes), abs=np.linalg.norm(steps, axis=0).max())


@pytest.mark.parametrize("kind", GRIDS)
def test_the_faces_of_a_box_are_those_of_its_voxels(kind) -> None:
    steps, counts = grid(kind, 0.7), (30, 44, 40)
    sides = [steps[:, i] * counts[i] for i in range(3)]
    faces = 2 * sum(np.linalg.norm(np.cross(sides[i], sides[j])) for i, j in ((0, 1), (1, 2), (0, 2)))
    # A box that fills its grid is closed at the border. Smoothing rounds the edges off.
    assert 0.94 < surface_area(np.ones(counts, bool), steps) / faces < 1.0


def test_thin_and_tiny_objects_keep_a_surface() -> None:
    sheet = np.zeros((5, 60, 60), bool)
    sheet[2] = True
    assert surface_area(sheet, np.eye(3)) == pytest.approx(2 * 60**2, rel=0.1)
    assert 1.0 < surface_area(np.ones((1, 1, 1), bool), np.eye(3)) < 6.0


@pytest.mark.parametrize("kind", GRIDS)
@pytest.mark.parametrize("ndim", [2, 3])
def test_no_two_points_of_the_outline_are_farther_apart(kind, ndim) -> None:
    rng = np.random.default_rng(ndim)
    steps = grid(kind)[:, -ndim:]
    halves = np.concatenate([np.eye(ndim), -np.eye(ndim)]) / 2
    for density in (0.02, 0.1, 0.5):
        mask = rng.random((5, 9, 8)[-ndim:]) < density
        mask.flat[7] = True
        points = (np.argwhere(mask)[:, None] + halves).reshape(-1, ndim)
        length, start, end = longest_diameter(mask, steps)
        assert length == pytest.approx(pdist(points @ steps.T).max())
        assert np.linalg.norm((end - start) @ steps.T) == pytest.approx(length)
        assert any(np.allclose(start, p) for p in points)


def test_one_voxel_is_as_long_as_its_longest_side() -> None:
    assert longest_diameter(np.ones((1, 1, 1), bool), grid("anisotropic"))[0] == pytest.approx(2.5)


def test_nothing_has_no_surface() -> None:
    assert surface_area(np.zeros((3, 3, 3), bool), np.eye(3)) == 0.0
