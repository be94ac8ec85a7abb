"""measure_diameters: analytic ellipses, and brute force on every kind of pixel."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.ndimage import label
from scipy.spatial.distance import pdist

from napari_sam2.analysis.diameters import longest_chord, measure_diameters
from napari_sam2.core.volume import ImageVolume, VolumeSource
from napari_sam2.errors import VolumeError
from support.bodies import GRIDS, affine_of, grid

HALVES = np.array([[0.5, 0], [-0.5, 0], [0, 0.5], [0, -0.5]])


def ellipse(shape, steps, semiaxes, angle):
    """Mask of an ellipse in a plane that is spanned by steps (2, 2)."""
    index = np.stack(np.meshgrid(*[np.arange(n) - n // 2 for n in shape], indexing="ij"), axis=-1)
    u = index @ steps.T
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return ((u @ turn.T / semiaxes) ** 2).sum(axis=-1) <= 1


def inside_outline(mask, points):
    """Whether points lie inside the outline half-way between pixel centres, decided cell by cell from its corners."""
    padded = np.pad(mask, 30)
    points = points + 30
    cell = np.clip(np.floor(points).astype(int), 0, np.array(padded.shape) - 2)
    part = points - cell
    answer = np.zeros(len(points), bool)
    corners = {c: padded[cell[:, 0] + c[0], cell[:, 1] + c[1]] for c in ((0, 0), (0, 1), (1, 0), (1, 1))}
    near = {c: np.abs(part - c).sum(axis=1) < 0.5 for c in corners}
    count = sum(v.astype(int) for v in corners.values())
    near_inside = np.any([near[c] & corners[c] for c in corners], axis=0)
    near_outside = np.any([near[c] & ~corners[c] for c in corners], axis=0)
    diagonal = (count == 2) & (corners[0, 0] == corners[1, 1])
    answer[count == 4] = True
    answer[count == 1] = near_inside[count == 1]
    answer[(count == 3) | diagonal] = ~near_outside[(count == 3) | diagonal]
    straight = (count == 2) & ~diagonal
    closest = np.round(part).astype(int)
    value = padded[cell[:, 0] + closest[:, 0], cell[:, 1] + closest[:, 1]]
    answer[straight] = value[straight]
    return answer


def brute_force_chord(mask, plane, direction, samples=400):
    """Length of the longest run of sampled points across a direction, within the outline."""
    along = plane @ direction / np.linalg.norm(plane @ direction)
    across = np.array([-along[1], along[0]])
    corners = (np.argwhere(np.ones_like(mask))[:, None] + HALVES).reshape(-1, 2) @ plane.T
    s = np.linspace((corners @ along).min(), (corners @ along).max(), samples)
    w = np.linspace((corners @ across).min(), (corners @ across).max(), samples)
    points = s[:, None, None] * along + w[None, :, None] * across
    inside = inside_outline(mask, points.reshape(-1, 2) @ np.linalg.inv(plane).T).reshape(samples, samples)
    runs = 0
    for line in inside:
        edges = np.flatnonzero(np.diff(line.astype(int), prepend=0, append=0))
        if edges.size:
            runs = max(runs, int((edges[1::2] - edges[::2]).max()))
    return runs * (w[1] - w[0]), w[1] - w[0]


def in_plane(steps):
    return np.linalg.qr(steps)[0].T @ steps


@pytest.mark.parametrize("kind", GRIDS)
def test_ellipses_have_the_axes_that_they_were_drawn_with(kind) -> None:
    steps = grid(kind)
    for axis in "zx":
        kept = ["zyx".index(a) for a in "zyx" if a != axis]
        mask = ellipse((61, 81), in_plane(steps[:, kept]), (25.0, 12.0), 0.6)
        labels = np.zeros((61, 81, 3) if axis == "x" else (3, 61, 81), np.uint8)
        labels[(..., 1) if axis == "x" else 1] = mask
        volume = ImageVolume(np.zeros(labels.shape, np.uint8), units="mm", affine=affine_of(steps))
        found = measure_diameters(labels, volume, 1, slice_axis=axis)
        assert (found.slice_axis, found.slice_index, found.unit) == (axis, 1, "mm")
        pixel = np.linalg.norm(steps[:, kept], axis=0).max()
        assert found.long.length == pytest.approx(50.0, abs=pixel)
        assert found.short.length == pytest.approx(24.0, abs=pixel)


@pytest.mark.parametrize("kind", GRIDS)
def test_both_lines_agree_with_brute_force(kind) -> None:
    rng = np.random.default_rng(4)
    # Sagittal planes of the sheared grid have sheared pixels.
    steps = grid(kind)
    volume = ImageVolume(np.zeros((9, 11, 3), np.uint8), units="mm", affine=affine_of(steps))
    plane = in_plane(steps[:, :2])
    for _ in range(4):
        labels = np.zeros(volume.shape, np.uint8)
        labels[rng.random(volume.shape) < 0.55] = 2
        found = measure_diameters(labels, volume, 2, slice_axis="x")
        lengths = {}
        for x in range(3):
            pieces, count = label(labels[..., x] == 2, np.ones((3, 3)))
            for k in range(1, count + 1):
                points = (np.argwhere(pieces == k)[:, None] + HALVES).reshape(-1, 2)
                lengths[x, k] = pdist(points @ steps[:, :2].T).max()
        assert found.long.length == pytest.approx(max(lengths.values()))
        slice_index, number = max(lengths, key=lengths.get)
        assert found.slice_index == slice_index
        piece = label(labels[..., slice_index] == 2, np.ones((3, 3)))[0] == number
        direction = np.subtract(found.long.end, found.long.start)[:2]
        expected, step = brute_force_chord(piece, plane, direction)
        assert found.short.length == pytest.approx(expected, abs=2.5 * step)


@pytest.mark.parametrize("kind", GRIDS)
def test_end_points_in_voxels_and_in_the_patient(kind) -> None:
    steps = grid(kind)
    affine = affine_of(steps, origin=(-80.0, 12.0, 400.0))
    labels = np.random.default_rng(8).random((4, 12, 13)) < 0.7
    found = measure_diameters(labels, ImageVolume(np.zeros(labels.shape), units="mm", affine=affine), 1)
    vectors = []
    for line in (found.long, found.short):
        for index, lps in ((line.start, line.start_lps), (line.end, line.end_lps)):
            assert index[0] == found.slice_index
            assert (affine @ [*index, 1.0])[:3] == pytest.approx(lps)
        vectors.append(np.subtract(line.end_lps, line.start_lps))
        assert np.linalg.norm(vectors[-1]) == pytest.approx(line.length)
    assert vectors[0] @ vectors[1] == pytest.approx(0.0, abs=1e-9)
    row = found.to_row()
    assert (row["long_axis_mm"], row["short_axis_mm"]) == (found.long.length, found.short.length)
    assert (row["short_end_y"], row["long_start_lps_z_mm"]) == (found.short.end[1], found.long.start_lps[2])


def test_pixel_edges_count() -> None:
    volume = ImageVolume(np.zeros((2, 5, 9)), spacing=(3.0, 0.5, 0.5), units="mm")
    labels = np.zeros((2, 5, 9), np.uint8)
    labels[1, 2, 2:8] = 1
    found = measure_diameters(labels, volume, 1)
    assert (found.long.length, found.long.start, found.long.end) == (3.0, (1.0, 2.0, 1.5), (1.0, 2.0, 7.5))
    assert found.short.length == pytest.approx(0.5)


def test_the_short_axis_stays_within_the_lesion() -> None:
    y, x = np.ogrid[-20:21, -30:31]
    ring = ((x / 28) ** 2 + (y / 18) ** 2 <= 1) & ((x / 20) ** 2 + (y / 12) ** 2 > 1)
    volume = ImageVolume(np.zeros(ring.shape), axes="yx", units="mm")
    found = measure_diameters(ring, volume, 1)
    assert found.long.length == pytest.approx(57, abs=0.1)
    # Across the hole a line would be 37 long; within the lesion it passes beside it.
    line = np.linspace(found.short.start, found.short.end, 500)[1:-1]
    assert inside_outline(ring, line).all()
    assert 20 < found.short.length < 27


def test_pieces_of_one_slice_are_not_bridged() -> None:
    labels = np.zeros((3, 20, 60), np.uint8)
    labels[1, 5:10, 2:14] = labels[1, 5:10, 40:55] = 1
    found = measure_diameters(labels, ImageVolume(np.zeros(labels.shape), units="mm"), 1)
    assert found.long.length < 17
    assert min(found.long.start[2], found.long.end[2]) > 39


@pytest.mark.parametrize(
    ("spacing", "source", "expected"),
    [
        ((5.0, 0.7, 0.7), None, "z"),
        ((0.7, 0.8, 0.8), None, "z"),
        ((1.0, 1.0, 4.0), None, "x"),
        ((1.0, 4.0, 1.0), None, "y"),
        ((0.5, 0.9, 0.9), VolumeSource(format="dicom"), "z"),
    ],
)
def test_the_default_slices_are_the_acquired_ones(spacing, source, expected) -> None:
    volume = ImageVolume(np.zeros((3, 4, 5)), spacing=spacing, units="mm", source=source)
    assert measure_diameters(np.ones((3, 4, 5), np.uint8), volume, 1).slice_axis == expected


def test_time_points_stacks_and_micrometres() -> None:
    film = ImageVolume(np.zeros((2, 6, 8)), axes="tyx", spacing=(0.5, 0.25), units="um")
    masks = np.zeros((2, 2, 6, 8), bool)
    masks[1, 1, 2, 1:7] = True
    found = measure_diameters(masks, film, 9, at={"t": 1}, objects=[4, 9])
    assert (found.long.length, found.unit, found.slice_axis) == (pytest.approx(1.5), "um", None)
    assert found.long.end_lps == pytest.approx((6.5 * 0.25, 1.0, 0.0))
    assert found.to_row()["long_axis_um"] == pytest.approx(1.5)
    with pytest.raises(VolumeError, match="no object 9 at t = 0"):
        measure_diameters(masks, film, 9, at={"t": 0}, objects=[4, 9])


def test_large_masks_are_measured_at_once() -> None:
    mask = ellipse((512, 512), np.eye(2), (240.0, 170.0), 0.5)
    mask &= np.random.default_rng(0).random(mask.shape) > 0.02
    volume = ImageVolume(np.zeros((3, 512, 512), np.uint8), units="mm")
    start = time.perf_counter()
    measure_diameters(np.stack([mask] * 3), volume, 1)
    assert time.perf_counter() - start < 20


def test_a_chord_of_a_square_does_not_depend_on_rounding() -> None:
    start, end = longest_chord(np.ones((10, 10), bool), np.eye(3)[:, :2], np.array([1.0, 1.0]))
    assert np.linalg.norm(end - start) == pytest.approx(np.hypot(9.5, 9.5), abs=1e-5)


@pytest.mark.parametrize(
    ("axes", "obj_id", "how", "words"),
    [
        ("zyx", 5, {}, "no object 5"),
        ("zyx", 0, {}, "obj_id=0"),
        ("zyx", 1, {"slice_axis": "t"}, "slice_axis='t'"),
        ("zyx", 1, {"at": {"t": 0}}, "no time axis"),
        ("tyx", 1, {}, "choose one time point"),
        ("tyx", 1, {"at": {"t": 3}}, "3 time points"),
        ("tyx", 1, {"at": 1}, "at=1"),
        ("tyx", 1, {"at": {"t": 0}, "slice_axis": "z"}, "2-D"),
    ],
)
def test_what_does_not_fit_is_refused(axes, obj_id, how, words) -> None:
    with pytest.raises(VolumeError, match=words):
        measure_diameters(np.ones((3, 4, 5), np.uint8), ImageVolume(np.zeros((3, 4, 5)), axes=axes), obj_id, **how)
