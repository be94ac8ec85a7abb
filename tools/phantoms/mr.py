"""A contrast-enhanced T1-weighted MR of a head with a tumour, made of soft solids.

Positions are (z, y, x) in mm: z from the lowest slice upwards, y towards the back of the head, x
towards the patient's left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from tools.phantoms._fields import Canvas, Space

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tools.phantoms._fields import Field, Triple

__all__ = ["MR_NAMES", "MR_SHAPE", "MR_SPACING", "make_mr"]

MR_SHAPE = (40, 160, 140)
MR_SPACING = (3.0, 1.2, 1.2)
MR_NAMES = {1: "brain", 2: "lateral ventricles", 3: "tumour", 4: "cerebellum"}
_LABEL = {name: value for value, name in MR_NAMES.items()}
_SEED = 31415
# Grey values of a T1-weighted picture; those of bone and air are the noise floor's.
_WHITE, _GREY, _FLUID, _FAT, _MUSCLE, _BONE, _MARROW = 630, 405, 130, 850, 360, 35, 330


@dataclass(frozen=True)
class _Head:
    """The brain's outline, which everything else is placed in."""

    space: Space
    depth: Field
    """Depth below the surface of the brain's envelope, mm."""
    radius: Field
    """The outline's norm: 1 on the surface of the brain, 0 in its middle."""


def make_mr() -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Make the MR phantom.

    Returns
    -------
    image : numpy.ndarray
        (Z, Y, X) int16, arbitrary units, slice 0 the lowest, y towards the back, x towards the left.
    labels : numpy.ndarray
        (Z, Y, X) uint8, values as in `MR_NAMES`.

    Examples
    --------
    >>> image, labels = make_mr()  # doctest: +SKIP
    >>> image.shape == labels.shape == MR_SHAPE  # doctest: +SKIP
    True
    """
    rng = np.random.default_rng(_SEED)
    space = Space.regular(MR_SHAPE, MR_SPACING).warped(rng, 30, 1.8)
    canvas = Canvas(MR_SHAPE, 0, softness=1.4)
    head = _outline(space, rng)
    _scalp_and_skull(canvas, head, rng)
    _face(canvas, head, rng)
    _cerebrum(canvas, head, rng)
    _deep_grey(canvas, head, rng)
    _ventricles(canvas, head, rng)
    _hindbrain(canvas, head, rng)
    _vessels(canvas, head)
    _tumour(canvas, head, rng)
    return _scan(canvas, rng), canvas.labels


def _outline(space: Space, rng: np.random.Generator) -> _Head:
    """Shape the brain: egg-shaped from above, flat below, a little asymmetric."""
    z, y = (space.z - 40) / np.where(space.z > 40, 68, 62), space.y + 3
    narrow = 1 + 0.0013 * np.clip(-y, 0, None)
    across, along = np.abs(space.x) * narrow / 66, np.abs(y) / 74.5
    power = 2.25
    norm = (across**power + along**power + np.abs(z) ** 2.6) ** (1 / power)
    norm = norm + 0.012 * space.noise(rng, 16)
    return _Head(space, (1 - norm) * 66, norm)


def _scalp_and_skull(canvas: Canvas, head: _Head, rng: np.random.Generator) -> None:
    """Paint skin, fat, skull with marrow between its tables, fluid around the brain."""
    space = head.space
    thick = 6.2 + 0.9 * space.noise(rng, 14) + 1.5 * np.clip(space.y / 80, 0, 1)
    fat = 3.6 + 0.7 * space.noise(rng, 10) + 1.8 * np.clip(space.y / 80, 0, 1)
    skull = head.depth + 2.2
    outer = skull + thick
    canvas.paint(outer + fat + 2.2, 400)
    canvas.paint(outer + fat, _FAT + 50 * space.noise(rng, 4))
    # The temporal muscle widens the scalp at the sides, low down.
    temple = space.ellipsoid((16, -22, 0), (42, 36, 200), power=2.2)
    # It thins out towards its edge instead of ending there.
    cover = np.maximum(fat + 1 - 0.25 * temple, 0.8)
    muscle = np.minimum(outer + fat - cover, np.abs(space.x) - 20)
    canvas.paint(muscle, _MUSCLE + 25 * space.noise(rng, 3))
    canvas.paint(outer, _BONE)
    marrow = thick / 2 - 1.7 - np.abs(outer - thick / 2) + 0.7 * space.noise(rng, 4)
    canvas.paint(marrow, _MARROW + 110 * space.noise(rng, 3))
    canvas.paint(skull, _FLUID - 30)


def _face(canvas: Canvas, head: _Head, rng: np.random.Generator) -> None:
    """Paint the frontal sinus, and eyes in their fat in the lowest slices."""
    space = head.space
    sinus = space.ellipsoid((18, -83, 3), (17, 6, 17), power=2.5) + 1.5 * space.noise(rng, 5)
    canvas.paint(sinus + 1.5, 150)
    canvas.paint(sinus, 15)
    face = space.ellipsoid((-12, -78, 0), (26, 17, 52), power=2.5) + 1.5 * space.noise(rng, 6)
    canvas.paint(np.minimum(face, -head.depth - 4), _MUSCLE + 60 * space.noise(rng, 4))
    for side in (-1, 1):
        orbit = space.ellipsoid((-4, -66, side * 33), (15, 24, 17), turn=side * -12)
        canvas.paint(orbit + 2, _BONE)
        canvas.paint(orbit, _FAT - 60)
        canvas.paint(space.tube([(-2, -68, side * 34), (0, -48, side * 24)], 2.4), 400)
        eye = space.ellipsoid((-1, -75, side * 34), (12, 12, 12))
        canvas.paint(eye + 1, 380)
        canvas.paint(eye - 1, 120)


def _sulci(head: _Head, rng: np.random.Generator) -> Field:
    """Compute the distance from the fluid of the nearest sulcus, mm.

    The sulci are the zero surfaces of a noise field that is read out at the point of the surface
    above each voxel, so that they dive straight into the brain.
    """
    space = head.space
    field = space.noise(rng, 4.3)
    centre = (40.0, -3.0, 0.0)
    pull = 1 / np.maximum(head.radius, 0.25)
    # Less than the full way out: deep down a sulcus then bends, as a real one does.
    pull = 1 + (pull - 1) * 0.62
    index = [
        (middle + (axis - middle) * pull - start) / step
        for axis, middle, start, step in zip(
            (space.z, space.y, space.x), centre, (0.0, -95.4, -83.4), MR_SPACING, strict=True
        )
    ]
    along = ndimage.map_coordinates(field, index, order=1, mode="mirror")
    slope = np.sqrt(sum(g**2 for g in np.gradient(along, *MR_SPACING)))
    sheet = np.minimum(np.abs(along) / np.maximum(slope, 0.06), 12)
    reach = 16 + 5 * space.noise(rng, 9)
    return np.asarray(np.hypot(sheet, np.maximum(head.depth - reach, 0)))


def _sylvian_fissures(space: Space) -> Field:
    """Compute the distance from the clefts between temporal lobe and insula, mm."""
    side, course = np.abs(space.x), space.y + 14 - 0.9 * (space.z - 20)
    below = np.maximum(np.abs(space.z - 24) - 14, 0)
    cleft = np.sqrt((0.8 * course) ** 2 + np.maximum(41 - side, 0) ** 2 + below**2)
    insula = np.maximum(np.abs(space.y + 2) - 15, 0)
    wall = np.sqrt((side - 41 + 0.02 * (space.y + 2) ** 2) ** 2 + insula**2 + below**2)
    return np.asarray(np.minimum(cleft, wall))


def _cerebrum(canvas: Canvas, head: _Head, rng: np.random.Generator) -> None:
    """Paint white matter, folded cortex and the fluid in the folds."""
    space = head.space
    sulcus = _sulci(head, rng)
    wave = space.x - 1.2 * np.sin(space.y / 17) - 0.6 * space.noise(rng, 10)
    # The corpus callosum and what lies below it bridge the fissure between the hemispheres.
    bridge = space.ellipsoid((42, 3, 0), (28, 34, 30), power=2.5)
    fissure = np.hypot(wave, np.maximum(bridge + 1, 0))
    fold = _sylvian_fissures(space.warped(rng, 9, 1.5))
    width = 1.05 + 0.35 * space.noise(rng, 12)
    fluid = np.minimum(np.minimum(sulcus - width * 0.9, fissure - 1.3), fold - 1.6)
    fluid = np.minimum(fluid, head.depth - 0.6)
    canvas.paint(head.depth, _FLUID)
    texture = space.noise(rng, 3)
    canvas.paint(fluid, _GREY + 10 * texture, _LABEL["brain"])
    ribbon = 3.4 + 0.45 * space.noise(rng, 8)
    streaks = 16 * space.noise(rng, 8)
    canvas.paint((fluid - ribbon) * 0.8, _WHITE + 8 * texture + streaks, _LABEL["brain"])
    falx = np.minimum(0.7 - np.abs(wave), np.minimum(-bridge - 3, head.depth + 1))
    canvas.paint(falx, 420)


def _deep_grey(canvas: Canvas, head: _Head, rng: np.random.Generator) -> None:
    """Paint thalami, caudate and lentiform nuclei, and the insular ribbon beside them."""
    label = _LABEL["brain"]
    space = head.space.warped(rng, 10, 0.8)
    for side in (-1, 1):
        thalamus = space.ellipsoid((40, 12, side * 11), (11, 15, 8.5), turn=side * 25)
        canvas.paint(thalamus * 0.6, 500, label)
        lentiform = space.ellipsoid((36, -8, side * 25), (11, 18, 6.5), turn=side * -14)
        canvas.paint(lentiform * 0.8, 475, label)
        pallidum = space.ellipsoid((35, -5, side * 21), (7, 9, 4), turn=side * -18)
        canvas.paint(pallidum * 0.6, 545, label)
        caudate = space.tube(
            [(36, -28, side * 13), (48, -20, side * 15), (54, 2, side * 19), (50, 20, side * 22)],
            [7, 6, 4, 2.5],
        )
        canvas.paint(caudate * 0.8, 465, label)


def _ventricles(canvas: Canvas, head: _Head, rng: np.random.Generator) -> None:
    """Paint the lateral ventricles with all their horns, the third, and the cisterns below."""
    space = head.space.warped(rng, 9, 0.9)
    label = _LABEL["lateral ventricles"]
    for side, wide in ((-1, 1.0), (1, 1.15)):
        body = space.tube(
            [
                (40, -33, side * 12), (48, -24, side * 9), (55, -4, side * 9.5), (52, 16, side * 15),
                (42, 30, side * 24), (36, 48, side * 22), (34, 58, side * 18),
            ],
            [3.2 * wide, 5.6 * wide, 5.2 * wide, 5.4 * wide, 7.0 * wide, 4.0 * wide, 1.6 * wide],
        )  # fmt: skip
        temporal = space.tube(
            [(42, 30, side * 24), (30, 24, side * 31), (22, 8, side * 32), (18, -6, side * 29)],
            [6 * wide, 3.6 * wide, 2.6 * wide, 2],
        )
        horns = np.minimum(np.maximum(body, temporal), np.abs(head.space.x) - 1.6)
        canvas.paint(horns, _FLUID, label)
        plexus = space.tube([(46, 22, side * 20), (41, 31, side * 25)], 2.2)
        canvas.paint(plexus, 560, label)
    third = np.minimum(2.1 - np.abs(head.space.x - 0.5), space.ellipsoid((36, 4, 0), (12, 17, 9)))
    canvas.paint(third, _FLUID)
    star = space.ellipsoid((12, -4, 0), (13, 13, 13)) + 3 * space.noise(rng, 4)
    canvas.paint(star, _FLUID)
    ambient = np.minimum(
        2.2 - np.abs(np.hypot(space.x * 0.9, space.y - 12) - 19), space.ellipsoid((15, 26, 0), (9, 16, 24))
    )
    canvas.paint(ambient, _FLUID)


def _hindbrain(canvas: Canvas, head: _Head, rng: np.random.Generator) -> None:
    """Paint the brain stem, and a cerebellum with its leaves below the tent."""
    space = head.space.warped(rng, 14, 1.5)
    stem = space.tube([(-15, 22, 0), (0, 14, 0), (14, 10, 0), (28, 11, 0)], [11, 14, 13.5, 12])
    # Higher up the stem runs into the hemispheres, with no fluid around it.
    canvas.paint(np.minimum(stem + 2, 16 - space.z), _FLUID)
    canvas.paint(np.minimum(stem, 30 - space.z) * 0.6, 575 + 12 * space.noise(rng, 4), _LABEL["brain"])
    canvas.paint(space.tube([(10, 21, 0), (22, 20, 0), (32, 18, 0)], 1.5), _FLUID)
    halves = np.maximum(
        space.ellipsoid((-2, 48, 22), (25, 26, 29), power=2.2),
        space.ellipsoid((-2, 48, -22), (25, 26, 29), power=2.2),
    )
    vermis = space.ellipsoid((6, 46, 0), (25, 22, 11))
    whole = np.minimum(np.maximum(halves, vermis), head.depth - 1)
    canvas.paint(np.minimum(whole + 3, head.depth), 330)
    canvas.paint(np.minimum(whole + 1.8, head.depth), _FLUID)
    # The leaves run around the stem, closer together than the folds of the cerebrum.
    leaves = np.hypot(space.x * 0.7, space.y - 14 + 0.9 * (space.z - 5))
    stripe = np.sin(leaves / 5.0 * 2 * np.pi + 1.2 * space.noise(rng, 9))
    cortex = 445 - 95 * np.maximum(stripe - 0.35, 0) / 0.65
    canvas.paint(whole, cortex, _LABEL["cerebellum"])
    core = whole - 8 + 2.2 * stripe + 1.5 * space.noise(rng, 5)
    canvas.paint(core * 0.7, 590, _LABEL["cerebellum"])
    fourth = space.ellipsoid((2, 30, 0), (11, 6, 8)) + 0.8 * space.noise(rng, 4)
    canvas.paint(fourth, _FLUID)


def _vessels(canvas: Canvas, head: _Head) -> None:
    """Paint sinuses and large arteries, bright with contrast medium."""
    space = head.space
    sagittal: list[Triple] = [(8, 73, 2), (30, 72, 1), (60, 67, 1), (85, 50, 0), (103, 22, 0), (106, -15, 0)]
    canvas.paint(space.tube(sagittal, [4.5, 4.2, 4, 3.6, 3.2, 2.4]), 930)
    canvas.paint(space.tube([(36, 32, 0), (34, 50, 1), (28, 66, 1)], [2, 2.2, 2.6]), 880)
    for side in (-1, 1):
        canvas.paint(space.tube([(8, 72, side * 4), (4, 63, side * 38), (-2, 48, side * 56)], 3.6), 900)
        middle: list[Triple] = [(10, -10, side * 10), (12, -14, side * 24), (18, -12, side * 38)]
        canvas.paint(space.tube(middle, 1.7), 820)
        canvas.paint(space.tube([(12, -16, side * 6), (24, -36, side * 2), (46, -42, side * 1.5)], 1.3), 780)
    canvas.paint(space.tube([(-6, -2, 0), (8, -4, 1)], 2), 850)


def _tumour(canvas: Canvas, head: _Head, rng: np.random.Generator) -> None:
    """Paint a rim of enhancement around a dark core, in oedema that spares the cortex."""
    space = head.space.warped(rng, 9, 2.6)
    lumps = head.space.noise(rng, 4)
    centre: Triple = (62, 22, -34)
    mass = space.ellipsoid(centre, (17, 17, 14), turn=20) + 1.6 * lumps
    mass = np.minimum(mass, head.depth - 3)
    oedema = np.minimum(space.ellipsoid(centre, (24, 34, 22), turn=30) + 3.5 * lumps, head.depth - 4)
    swollen = np.clip(oedema / 6, 0, 1) * (canvas.values > 520)
    canvas.values -= swollen * (150 + 20 * lumps)
    rim = 4.2 + 1.8 * head.space.noise(rng, 7)
    canvas.paint(mass, 835 + 60 * lumps, _LABEL["tumour"])
    canvas.paint((mass - rim) * 0.7, 285 + 45 * lumps, _LABEL["tumour"])


def _scan(canvas: Canvas, rng: np.random.Generator) -> NDArray[np.int16]:
    """Add blur, the coil's uneven sensitivity, and the noise of a magnitude image."""
    grid = Space.regular(MR_SHAPE, MR_SPACING)
    picture = ndimage.gaussian_filter(canvas.values, (0.25, 0.55, 0.55))
    bias = 1 + 0.09 * grid.noise(rng, 45) + 0.0011 * np.abs(grid.x) + 0.0006 * grid.y
    falloff = 1 - 0.25 * np.clip((18 - grid.z) / 30, 0, 1)
    real = picture * bias * falloff + 19 * rng.standard_normal(MR_SHAPE)
    imaginary = 19 * rng.standard_normal(MR_SHAPE)
    return np.asarray(np.rint(np.hypot(real, imaginary)).astype(np.int16))
