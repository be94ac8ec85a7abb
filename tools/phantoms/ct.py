"""A contrast-enhanced CT of the upper abdomen, made of soft solids.

Positions are (z, y, x) in mm: z from the lowest slice upwards, y towards the patient's back, x towards
the patient's left, so that the patient's right (the liver) is on the left of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from tools.phantoms._fields import Canvas, Space, smooth_noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tools.phantoms._fields import Field, Triple

__all__ = ["CT_NAMES", "CT_SHAPE", "CT_SPACING", "make_ct"]

CT_SHAPE = (48, 192, 192)
CT_SPACING = (5.0, 1.8, 1.8)
CT_NAMES = {
    1: "liver",
    2: "spleen",
    3: "right kidney",
    4: "left kidney",
    5: "aorta",
    6: "vertebrae",
    7: "liver lesion",
    8: "gallbladder",
}
_LABEL = {name: value for value, name in CT_NAMES.items()}
_SEED = 20240


@dataclass(frozen=True)
class _Body:
    """The walls that the organs stay inside."""

    space: Space
    depth: Field
    """Depth below the skin, mm."""
    cavity: Field
    """Level of the room inside the abdominal wall."""
    diaphragm: Field
    """Level of the room below the diaphragm."""


def make_ct() -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Make the CT phantom.

    Returns
    -------
    image : numpy.ndarray
        (Z, Y, X) int16, Hounsfield units, slice 0 the lowest.
    labels : numpy.ndarray
        (Z, Y, X) uint8, values as in `CT_NAMES`.

    Examples
    --------
    >>> image, labels = make_ct()  # doctest: +SKIP
    >>> image.shape == labels.shape == CT_SHAPE  # doctest: +SKIP
    True
    """
    rng = np.random.default_rng(_SEED)
    straight = Space.regular(CT_SHAPE, CT_SPACING)
    canvas = Canvas(CT_SHAPE, -1000, softness=2.2)
    body = _walls(canvas, straight, rng)
    _chest(canvas, body, rng)
    _back(canvas, body, rng)
    _bowel(canvas, body, rng)
    _colon(canvas, body, rng)
    _kidneys(canvas, body, rng)
    _stomach_and_spleen(canvas, body, rng)
    _liver(canvas, body, rng)
    _great_vessels(canvas, body, rng)
    _spine(canvas, body, rng)
    _ribs(canvas, body, rng)
    _couch(canvas, straight)
    return _scan(canvas, body, rng), canvas.labels


def _walls(canvas: Canvas, straight: Space, rng: np.random.Generator) -> _Body:
    """Paint skin, fat and muscle, and the fat-filled room inside."""
    space = straight.warped(rng, 45, 3.5)
    waist = 7 * np.cos((space.z - 85) / 235 * 2 * np.pi)
    width, height = 146 - waist, 102 - 0.5 * waist
    power = 2.35
    front = np.abs(space.y / height) ** power
    norm = (np.abs(space.x / width) ** power + front) ** (1 / power)
    # The groove over the spine and the flattened back of somebody who lies on a couch.
    groove = 7 * np.exp(-((space.x / 16) ** 2)) * (space.y > 0)
    depth = space.depth(norm) - groove - np.maximum(space.y - 88, 0) * 0.35
    angle = np.arctan2(space.y, np.abs(space.x))
    behind, before = np.clip(np.sin(angle), 0, 1), np.clip(-np.sin(angle), 0, 1)
    fat = 13 + 6 * behind + 9 * before**2 - space.z / 235 * 6 + 2 * space.noise(rng, 30)
    linea_alba = 6 * np.exp(-((space.x / 7) ** 2)) * before
    muscle = 13 - 3 * before - linea_alba + 1.5 * space.noise(rng, 25)
    canvas.paint(depth, 25)
    strands = np.maximum(space.noise(rng, 2.5) - 1.3, 0)
    canvas.paint(depth - 2.2, -106 + 6 * space.noise(rng, 6) + 45 * strands)
    # The flat muscles of the flank lie in three sheets with fat between them.
    sheets = np.cos((depth - fat) / muscle * 6 * np.pi) * (1 - behind) * (1 - before**2)
    canvas.paint(depth - fat, 52 + 7 * space.noise(rng, 4) - 45 * np.maximum(sheets - 0.35, 0))
    cavity = depth - fat - muscle
    mesentery = np.maximum(space.noise(rng, 3) - 1.2, 0)
    canvas.paint(cavity, -100 + 7 * space.noise(rng, 7) + 60 * mesentery)
    return _Body(space, depth, cavity, _diaphragm(space, cavity))


def _diaphragm(space: Space, cavity: Field) -> Field:
    """Compute the level of the room below two domes, the right one the higher."""
    towards_wall = np.clip(1 - cavity / 75, 0, 1.2)
    right = np.exp(-(((space.x + 60) / 60) ** 2))
    top = 205 + 20 * right - 75 * towards_wall**3.2 - 22 * np.clip(space.y / 60, 0, 1)
    return np.asarray((top - space.z) * 0.6)


def _chest(canvas: Canvas, body: _Body, rng: np.random.Generator) -> None:
    """Paint the lung bases and the bottom of the heart, above the diaphragm."""
    space = body.space
    vessels = np.maximum(space.noise(rng, 2.2) - 1.35, 0)
    lung = -860 + 25 * space.noise(rng, 12) + 0.4 * np.maximum(space.y, 0) + 520 * vessels
    canvas.paint(np.minimum(body.cavity - 1, -body.diaphragm - 1), lung)
    heart = space.ellipsoid((248, -38, 18), (46, 40, 58), turn=-15)
    canvas.paint(np.minimum(heart + 6, body.cavity), -95)
    canvas.paint(np.minimum(heart, body.cavity - 3), np.where(heart > 11, 150.0, 60.0))


def _back(canvas: Canvas, body: _Body, rng: np.random.Generator) -> None:
    """Paint the muscles of the back, psoas and the diaphragm's crura."""
    space = body.space
    flesh = 56 + 7 * space.noise(rng, 3.5) - 70 * np.maximum(space.noise(rng, 2.5) - 1.1, 0)
    for side in (-1, 1):
        erector = space.ellipsoid((110, 72, side * 31), (420, 20, 28), power=2.5, turn=side * 12)
        canvas.paint(np.minimum(erector, body.depth - 11), flesh)
        thick = np.clip(26 - space.z / 6.5, 2, 24)
        centre = side * (27 + 13 * (1 - space.z / 235))
        psoas = thick - np.hypot((space.x - centre) * 1.05, (space.y - 45) * 0.85)
        canvas.paint(psoas, flesh)
        square = space.ellipsoid((30, 62, side * 65), (95, 9, 21), turn=side * -25)
        canvas.paint(square, flesh)
        crus = space.tube([(75, 26, side * 16), (150, 22, side * 19), (205, 12, side * 22)], [3, 4.5, 5])
        canvas.paint(crus, 58)


def _bowel(canvas: Canvas, body: _Body, rng: np.random.Generator) -> None:
    """Paint loops of small bowel: an enhancing wall around fluid, sometimes a cap of gas."""
    texture = body.space.noise(rng, 4)
    for _ in range(46):
        centre = np.array([rng.uniform(-5, 92), rng.uniform(-66, 14), rng.uniform(-84, 84)])
        heading = rng.standard_normal(3) * (0.6, 0.8, 1.2)
        points = [centre]
        for _ in range(4):
            heading = 0.75 * heading + 0.7 * rng.standard_normal(3) * (0.7, 0.9, 1.0)
            points.append(points[-1] + 17 * heading / np.linalg.norm(heading))
        radius = rng.uniform(8, 12.5)
        content, gas = rng.uniform(12, 48), rng.random() < 0.3
        curve: list[Triple] = [(float(p[0]), float(p[1]), float(p[2])) for p in points]
        loop = body.space.tube(curve, radius)
        loop = np.minimum(loop + 1.2 * texture, body.cavity - 2)
        canvas.paint(loop, 82 + 8 * texture)
        canvas.paint(loop - 2.6, content + 9 * texture)
        if gas:
            level = min(p[1] for p in curve) - 1
            canvas.paint(np.minimum(loop - 2.6, level - body.space.y), -930)


def _colon(canvas: Canvas, body: _Body, rng: np.random.Generator) -> None:
    """Paint the ascending, transverse and descending colon with haustra, stool and gas."""
    space = body.space
    stool = -120 + 330 * np.clip(space.noise(rng, 3.2), -1.6, 0.45)
    courses: list[tuple[list[Triple], list[float], float]] = [
        ([(-20, 8, -92), (25, 10, -98), (62, 8, -96), (92, -2, -88)], [25, 24, 21, 17], -8.0),
        ([(-20, 32, 104), (40, 34, 107), (90, 26, 105), (122, 4, 100)], [13, 14, 15, 14], 14.0),
        (
            [(88, -10, -88), (72, -52, -62), (60, -66, -10), (74, -62, 40), (108, -40, 82), (122, -4, 100)],
            [17, 18, 19, 18, 16, 15],
            -60.0,
        ),
    ]
    for points, radii, fluid_level in courses:
        haustra = 2.6 * np.sin((space.z + space.x) / 5.5) + 1.5 * space.noise(rng, 8)
        colon = np.minimum(space.tube(points, radii) + haustra, body.cavity - 2)
        canvas.paint(colon, 62)
        canvas.paint(colon - 2.8, stool)
        canvas.paint(np.minimum(colon - 2.8, fluid_level - space.y), -940)


def _kidneys(canvas: Canvas, body: _Body, rng: np.random.Generator) -> None:
    """Paint kidneys in the nephrographic phase, in their fat, with a sinus that opens to the middle."""
    lumps = body.space.noise(rng, 9)
    pyramids = np.clip(body.space.noise(rng, 4.5), -1, 1)
    for side, low, label in ((-1, 84, "right kidney"), (1, 98, "left kidney")):
        centre = (float(low), 36.0, side * 62.0)
        space = body.space.warped(rng, 25, 2)
        whole = space.ellipsoid(centre, (58, 26, 30), power=2.2, turn=side * 35, tilt=side * -22)
        canvas.paint(whole + 13, -104 + 5 * lumps)
        kidney = whole + 1.4 * lumps
        sinus = space.ellipsoid((low, 29, side * 47), (30, 10, 22), turn=side * 35, tilt=side * -22)
        sinus = sinus + 3.5 * pyramids
        kidney = np.minimum(kidney, -sinus)
        inner = np.clip((whole - 6) / 3, 0, 1)
        canvas.paint(kidney, 188 + 5 * lumps - inner * (16 + 14 * pyramids), _LABEL[label])
        pelvis = space.ellipsoid((low - 4, 28, side * 44), (15, 5, 12), turn=side * 35)
        canvas.paint(np.minimum(pelvis, sinus - 1), 18)
        vein = space.tube([(low + 2, 28, side * 46), (low + 6, 20, side * 28), (low + 8, 12, side * 8)], 4)
        canvas.paint(vein, 172)


def _stomach_and_spleen(canvas: Canvas, body: _Body, rng: np.random.Generator) -> None:
    """Paint spleen, pancreas, and a stomach with a fluid level, in the left upper abdomen."""
    space = body.space.warped(rng, 30, 3)
    fine, lobules = body.space.noise(rng, 3), body.space.noise(rng, 4)
    pancreas = space.tube(
        [(96, -6, -36), (112, -16, -22), (122, -22, 4), (134, -10, 34), (146, 10, 66)], [14, 12, 9, 9, 7]
    )
    canvas.paint(pancreas + 2.2 * lobules, 96 + 14 * lobules)
    splenic = space.tube([(128, -9, -16), (131, -4, 14), (143, 8, 44), (152, 22, 76)], [5, 4.2, 4, 3.5])
    canvas.paint(splenic, 168)
    below = np.minimum(body.cavity - 2, body.diaphragm - 2)
    stomach = np.maximum(
        space.ellipsoid((178, 0, 52), (46, 44, 42), power=2.2, turn=30),
        space.tube([(160, -28, 52), (132, -50, 34), (116, -52, 2), (114, -38, -24)], [31, 26, 19, 12]),
    )
    stomach = np.minimum(stomach + 1.8 * lobules, below)
    spleen = space.ellipsoid((162, 38, 95), (48, 52, 34), power=2.2, turn=28)
    dent = space.ellipsoid((156, 14, 54), (70, 44, 26), turn=28)
    spleen = np.minimum(np.minimum(spleen + 1.5 * lobules, -dent - 2), below)
    canvas.paint(stomach, 84)
    food = 26 + 10 * fine + 40 * np.maximum(body.space.noise(rng, 5) - 0.6, 0) * (space.y > 0)
    canvas.paint(stomach - 4 - lobules, food)
    canvas.paint(np.minimum(stomach - 4 - lobules, -24 - body.space.y), -950)
    canvas.paint(spleen, 130 + 4 * fine, _LABEL["spleen"])


def _liver(canvas: Canvas, body: _Body, rng: np.random.Generator) -> None:
    """Paint a liver with portal and hepatic veins, gallbladder and one lesion."""
    space = body.space.warped(rng, 35, 4)
    texture = body.space.noise(rng, 2.6)
    right = space.ellipsoid((150, 0, -70), (84, 82, 74), power=2.5)
    left = space.ellipsoid((176, -48, 2), (38, 36, 72), power=2.2, turn=-6)
    # Where the right kidney, the spine with its vessels and the stomach press on it.
    kidney = space.ellipsoid((84, 38, -58), (70, 36, 40), turn=-35)
    spine = space.ellipsoid((150, 40, 6), (400, 52, 50), power=2.4)
    hilum = space.ellipsoid((122, -12, -28), (26, 26, 34), turn=25)
    liver = np.maximum(right, left) + 2 * body.space.noise(rng, 12)
    for press in (kidney, spine, hilum):
        liver = np.minimum(liver, -press)
    fissure = space.tube([(105, -78, -14), (140, -60, -12), (165, -42, -10)], [9, 6, 3])
    liver = np.minimum(liver, -fissure)
    liver = np.minimum(liver, np.minimum(body.cavity - 2, body.diaphragm - 2))
    canvas.paint(liver, 110 + 4 * texture, _LABEL["liver"])
    _liver_vessels(canvas, space, liver)
    lumps = body.space.noise(rng, 6)
    lesion = space.ellipsoid((152, 18, -98), (21, 20, 22)) + 2.6 * lumps
    lesion = np.minimum(lesion, liver - 3)
    necrosis = np.clip((lesion - 6) / 8, 0, 1)
    canvas.paint(lesion, 68 - 16 * necrosis + 5 * lumps, _LABEL["liver lesion"])
    gallbladder = space.ellipsoid((106, -36, -52), (30, 14, 17), turn=30, tilt=20)
    gallbladder = np.minimum(gallbladder + 0.8 * lumps, body.cavity - 4)
    canvas.paint(gallbladder + 2, 72)
    canvas.paint(gallbladder, 10, _LABEL["gallbladder"])


def _liver_vessels(canvas: Canvas, space: Space, liver: Field) -> None:
    """Paint portal branches from the hilum, hepatic veins that meet below the right dome."""
    trees: list[tuple[list[Triple], list[float], float]] = [
        ([(116, -8, -12), (128, -10, -26), (140, -8, -44)], [7, 7, 6.5], 168),
        ([(140, -8, -44), (144, 2, -70), (140, 16, -98), (132, 26, -116)], [6, 5, 3.5, 2], 166),
        ([(142, -4, -58), (150, -28, -78), (158, -46, -96)], [4.5, 3.5, 2], 164),
        ([(140, -8, -44), (158, -30, -26), (170, -44, 4), (172, -50, 34)], [5.5, 4.5, 3.5, 2], 166),
        ([(140, 10, -90), (120, 20, -92), (104, 24, -90)], [3.5, 3, 2], 162),
        ([(204, 8, -26), (194, 16, -56), (178, 26, -86), (160, 34, -104)], [6, 5, 3.5, 2], 150),
        ([(204, 2, -26), (192, -18, -46), (172, -36, -62), (150, -50, -72)], [5.5, 4.5, 3.5, 2], 150),
        ([(204, 0, -22), (196, -22, -8), (186, -40, 14)], [5, 4, 2], 150),
    ]
    for points, radii, value in trees:
        # Vessels inside the liver belong to it, as in most liver ground truths.
        canvas.paint(np.minimum(space.tube(points, radii), liver), value, _LABEL["liver"])
    portal = np.minimum(space.tube(*trees[0][:2]), -liver - 0.5)
    canvas.paint(portal, 168)


def _great_vessels(canvas: Canvas, body: _Body, rng: np.random.Generator) -> None:
    """Paint the aorta with its calcified wall and branches, and the vena cava."""
    space = body.space
    cava = space.tube([(-20, 22, -20), (80, 19, -21), (150, 14, -23), (225, 2, -26)], [10, 11, 12, 13])
    canvas.paint(cava - 1.5 * np.abs(space.noise(rng, 20)), 132 + 4 * space.noise(rng, 5))
    branches: list[tuple[list[Triple], float]] = [
        ([(138, 12, 6), (134, -4, 5), (110, -6, 4), (70, -12, 2), (30, -22, -4)], 3.4),
        ([(152, 12, 6), (153, -4, 4), (147, -10, 18)], 3.2),
        ([(70, 4, -9), (30, -20, -22), (0, -32, -34)], 4.0),
    ]
    for points, radius in branches:
        canvas.paint(space.tube(points, radius), 186)
    course: list[Triple] = [(-20, 19, 6), (70, 16, 8), (150, 15, 8), (205, 19, 12), (245, 24, 17)]
    aorta = space.tube(course, [8.5, 9.5, 10.5, 11.5, 12])
    canvas.paint(aorta + 1.4, 52)
    canvas.paint(aorta, 200 + 3 * space.noise(rng, 6), _LABEL["aorta"])
    plaque = np.minimum(1.2 - np.abs(aorta - 0.4), 5 * (space.noise(rng, 5) - 1.5))
    canvas.paint(plaque, 620, _LABEL["aorta"])


def _spine(canvas: Canvas, body: _Body, rng: np.random.Generator) -> None:
    """Paint lumbar vertebrae and discs, arches and processes, and the dural sac."""
    space, label = body.space, _LABEL["vertebrae"]
    curve = 46 - 5 * np.sin(space.z / 235 * np.pi)
    y, pitch = space.y - curve, 34.0
    phase = (space.z + 4) % pitch - pitch / 2
    flare = 1.5 * (np.abs(phase) / 13) ** 2
    power = 2.4
    norm = (np.abs(space.x / (21 + flare)) ** power + np.abs(y / (15.5 + flare)) ** power) ** (1 / power)
    column = (1 - norm) * 17
    column = np.minimum(column, np.hypot(space.x * 0.8, y - 23) - 11.5)
    canvas.paint(column, 88 + 5 * space.noise(rng, 4))
    bone = np.minimum(column, 13 - np.abs(phase))
    trabeculae = space.noise(rng, 1.6) * 32 + space.noise(rng, 5) * 14
    shell = np.exp(-np.maximum(bone, 0) / 1.6)
    canvas.paint(bone, 190 + trabeculae + 330 * shell, label)
    # Behind the body: pedicles, laminae and processes, each at its own height of the vertebra.
    side = np.abs(space.x)
    ring = 4.2 - np.abs(np.hypot(space.x * 0.85, y - 24) - 13.5)
    arch = np.minimum(ring, np.where(y < 24, 8 - np.abs(phase - 4), 12 - np.abs(phase + 2)))
    wings = np.minimum(4.2 - np.abs(y - 19 - 0.12 * side), np.minimum(44 - side, side - 12))
    wings = np.minimum(wings, 7 - np.abs(phase - 2))
    spinous = np.minimum(3.6 + 0.05 * (y - 36) - side, np.minimum(y - 34, 60 - y))
    spinous = np.minimum(spinous, 9 - np.abs(phase + 5))
    facets = 6 - np.hypot(side - 17, y - 28)
    facets = np.minimum(facets, np.abs(phase) - 8)
    processes = np.maximum(np.maximum(arch, wings), np.maximum(spinous, facets))
    processes = np.minimum(processes + 0.8 * space.noise(rng, 6), body.depth - 8)
    hard = 260 + trabeculae + 330 * np.exp(-np.maximum(processes, 0) / 1.8)
    canvas.paint(processes, hard, label)
    sac = 8.2 - np.hypot(space.x * 0.85, y - 24)
    canvas.paint(sac + 1.6, -40)
    canvas.paint(sac, 32)


def _ribs(canvas: Canvas, body: _Body, rng: np.random.Generator) -> None:
    """Paint ribs: they run downwards from the spine to the front, so a slice cuts several of them."""
    space = body.space
    around = np.arctan2(np.abs(space.x), space.y - 8)
    course = space.z + 62 * np.clip(around, 0, 2.2) - 6 * np.sin(3 * around)
    spot = space.noise(rng, 30) * 2
    for height in np.arange(108, 380, 27.0):
        across = (body.depth - 27 + 5 * np.clip(around - 0.6, 0, 1)) / 4.3
        along = (course - height - spot) / 9.0
        reach = np.clip((2.15 - around) * 20, -9, 1) if height > 135 else np.clip((1.2 - around) * 20, -9, 1)
        rib = np.minimum((1 - np.hypot(across, along)) * 4.3, reach * 4)
        rib = np.minimum(rib, (np.abs(space.x) - 30) * 0.7)
        canvas.paint(rib, 240 + 420 * np.exp(-np.maximum(rib, 0) / 1.1))


def _couch(canvas: Canvas, space: Space) -> None:
    """Paint the curved table top, outside the patient."""
    arc = space.y - 116 + (space.x / 62) ** 2
    top = np.minimum(1.4 - np.abs(arc), 150 - np.abs(space.x))
    canvas.values += np.clip(top / 2 + 0.5, 0, 1) * np.where(canvas.values < -900, 620, 0)
    foam = np.minimum(np.minimum(arc, 14 - arc), 150 - np.abs(space.x)) > 0
    canvas.values += np.where(foam & (canvas.values < -950), 45, 0)


def _scan(canvas: Canvas, body: _Body, rng: np.random.Generator) -> NDArray[np.int16]:
    """Add blur of the detector and the slice, then noise with a scanner's spectrum."""
    blurred = ndimage.gaussian_filter(canvas.values, (0.3, 0.55, 0.55))
    grain = smooth_noise(rng, CT_SHAPE, (0.3, 0.75, 0.75))
    # Filtered back-projection leaves little noise at low frequencies.
    grain = grain - 0.8 * ndimage.gaussian_filter(grain, (0, 2.5, 2.5))
    grain /= grain.std()
    # Rays through the middle of the body are the weakest ones.
    sigma = 8.0 + 5.5 * np.clip(body.depth / 80, 0, 1)
    rows = smooth_noise(rng, CT_SHAPE, (0, 0.8, 30)) * 1.5 * np.clip(body.depth / 40, 0, 1)
    return np.asarray(np.clip(np.rint(blurred + sigma * grain + rows), -1024, 3071).astype(np.int16))
