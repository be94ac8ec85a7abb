"""A fluorescence time-lapse of cell nuclei that crawl, change shape and divide."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from tools.phantoms._fields import smooth_noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tools.phantoms._fields import Field

__all__ = ["CELLS_FRAME_INTERVAL", "CELLS_PIXEL", "CELLS_SHAPE", "CellMovie", "make_cells"]

CELLS_SHAPE = (20, 200, 200)
CELLS_PIXEL = 0.65
"""Pixel size, micrometres."""
CELLS_FRAME_INTERVAL = 300.0
"""Time between two frames, seconds."""
_SEED = 2718
_PLACES = (
    (38, 42), (34, 104), (50, 158), (86, 70), (92, 124), (104, 174), (128, 30), (142, 92), (158, 142), (172, 54),
)  # fmt: skip
_DIVISIONS = {2: 6, 5: 10, 8: 13}
"""Cell label: first frame in which there are two daughters."""


@dataclass(frozen=True)
class CellMovie:
    """The result of `make_cells`.

    Attributes
    ----------
    image : numpy.ndarray
        (T, Y, X) uint16, counts.
    labels : numpy.ndarray
        (T, Y, X) uint8; a cell keeps its label until it divides, daughters get new ones.
    names : dict of int to str
        A name for each label.
    parents : dict of int to int
        The mother's label, for each daughter.
    """

    image: NDArray[np.uint16]
    labels: NDArray[np.uint8]
    names: dict[int, str]
    parents: dict[int, int]


@dataclass
class _Cell:
    """One nucleus at one time; `skin` is noise that it carries along."""

    label: int
    place: NDArray[np.float64]
    speed: NDArray[np.float64]
    angle: float
    radius: float
    brightness: float
    skin: Field
    waves: NDArray[np.float64]
    """Return the amplitudes of the outline's waves, cosine and sine of orders 2 to 5."""
    born: int = -99
    divides: int = 999
    stretch: float = 1.3
    parent: int | None = field(default=None)


def make_cells() -> CellMovie:
    """Make the time-lapse.

    Returns
    -------
    CellMovie
        Image, ground truth and family tree.

    Examples
    --------
    >>> movie = make_cells()
    >>> movie.image.shape == movie.labels.shape == CELLS_SHAPE
    True
    >>> sorted(movie.parents.items())[:2]
    [(11, 2), (12, 2)]
    """
    rng = np.random.default_rng(_SEED)
    cells = [_first(rng, n + 1, place) for n, place in enumerate(_PLACES)]
    names = {cell.label: f"cell {cell.label}" for cell in cells}
    parents: dict[int, int] = {}
    clean = np.zeros(CELLS_SHAPE)
    labels = np.zeros(CELLS_SHAPE, dtype=np.uint8)
    for frame in range(CELLS_SHAPE[0]):
        for mother in [cell for cell in cells if cell.divides == frame]:
            cells.remove(mother)
            for n, daughter in enumerate(_daughters(rng, mother, frame, len(names) + 1)):
                cells.append(daughter)
                names[daughter.label] = f"cell {mother.label}{'ab'[n]}"
                parents[daughter.label] = mother.label
        _draw(clean[frame], labels[frame], cells, frame)
        _move(rng, cells, frame)
    return CellMovie(_photograph(rng, clean), labels, names, parents)


def _first(rng: np.random.Generator, label: int, place: tuple[int, int]) -> _Cell:
    return _Cell(
        label=label,
        place=np.array(place, dtype=np.float64) + rng.uniform(-5, 5, 2),
        speed=rng.standard_normal(2) * 1.1,
        angle=float(rng.uniform(0, np.pi)),
        radius=float(rng.uniform(11.5, 14.5)),
        brightness=float(rng.uniform(650, 1500)),
        skin=smooth_noise(rng, (96, 96), 1.8) + 0.8 * smooth_noise(rng, (96, 96), 4),
        waves=rng.standard_normal((4, 2)) * _wave_sizes(),
        divides=_DIVISIONS.get(label, 999),
        stretch=float(rng.uniform(1.15, 1.5)),
    )


def _wave_sizes() -> Field:
    return np.array([[0.07], [0.055], [0.035], [0.02]])


def _daughters(rng: np.random.Generator, mother: _Cell, frame: int, label: int) -> list[_Cell]:
    """Make two half-size cells on either side of the plate that the mother's chromosomes formed."""
    across = np.array([np.cos(mother.angle), -np.sin(mother.angle)])
    pair = []
    for n, sign in enumerate((-1, 1)):
        pair.append(
            replace(
                mother,
                label=label + n,
                place=mother.place + sign * 8.0 * across,
                speed=sign * 1.7 * across + 0.3 * rng.standard_normal(2),
                radius=mother.radius * 0.8,
                skin=smooth_noise(rng, (96, 96), 1.8) + 0.8 * smooth_noise(rng, (96, 96), 4),
                waves=rng.standard_normal((4, 2)) * _wave_sizes() * 0.8,
                born=frame,
                divides=999,
                parent=mother.label,
            )
        )
    return pair


def _phase(cell: _Cell, frame: int) -> tuple[float, float, float]:
    """Compute size, stretch and brightness of a cell, as factors, from where it is in its cycle."""
    ahead, age = cell.divides - frame, frame - cell.born
    if ahead <= 3:  # it rounds up, then the chromosomes line up in a bright plate
        return {3: (0.92, 1.12, 1.25), 2: (0.8, 1.05, 1.7), 1: (0.64, 2.3, 2.4)}[ahead]
    if age <= 4:  # two bright bars that swell and fade to nuclei
        size = (0.66, 0.76, 0.86, 0.93, 0.97)[age]
        return size, 1.2 + 0.9 * 0.4**age, 1 + 1.1 * 0.55**age
    return 1.0, cell.stretch, 1.0


def _level(cell: _Cell, frame: int) -> tuple[Field, Field]:
    """Compute the distance inside the outline in pixels, and the carried noise at every pixel."""
    size, stretch, _ = _phase(cell, frame)
    y, x = np.meshgrid(
        np.arange(CELLS_SHAPE[1]) - cell.place[0],
        np.arange(CELLS_SHAPE[2]) - cell.place[1],
        indexing="ij",
    )
    cos, sin = np.cos(cell.angle), np.sin(cell.angle)
    u, v = cos * x + sin * y, cos * y - sin * x
    around = np.arctan2(v * stretch, u)
    calm = 0.4 if size < 0.9 else 1.0
    outline = np.ones_like(u)
    for order, (a, b) in enumerate(cell.waves, start=2):
        outline += calm * (a * np.cos(order * around) + b * np.sin(order * around))
    reach = np.hypot(u / np.sqrt(stretch), v * np.sqrt(stretch)) / outline
    level = cell.radius * size - reach
    skin = ndimage.map_coordinates(cell.skin, [48 + v / size, 48 + u / size], order=1, mode="mirror")
    return level, skin


def _draw(picture: Field, labels: NDArray[np.uint8], cells: list[_Cell], frame: int) -> None:
    """Draw every cell; where two overlap, the pixel goes to the one it is deeper inside."""
    deepest = np.zeros_like(picture)
    for cell in cells:
        level, skin = _level(cell, frame)
        size, _, bright = _phase(cell, frame)
        dome = np.sqrt(np.clip(level / (cell.radius * size), 0, 1) * 0.55 + 0.45)
        chromatin = 1 + 0.2 * skin
        # Nucleoli hold little DNA; a condensed nucleus has none.
        if bright < 1.4:
            chromatin -= 0.5 * np.clip(skin - 1.25, 0, 0.7) / 0.7
        body = cell.brightness * bright * dome * np.clip(chromatin, 0.3, 1.7)
        halo = 0.07 * cell.brightness * np.exp(np.minimum(level, 0) / 7)
        np.maximum(picture, np.clip(level + 0.5, 0, 1) * body + halo, out=picture)
        mine = level > deepest
        labels[mine] = cell.label
        deepest[mine] = level[mine]


def _move(rng: np.random.Generator, cells: list[_Cell], frame: int) -> None:
    """Move randomly but persistently, with elbows: cells push each other and keep away from the border."""
    for cell in cells:
        push = np.zeros(2)
        for other in cells:
            apart = cell.place - other.place
            distance = float(np.hypot(*apart))
            wanted = 1.02 * (cell.radius + other.radius)
            if 0 < distance < wanted:
                push += 0.35 * (wanted - distance) * apart / distance
        for axis, size in enumerate(CELLS_SHAPE[1:]):
            push[axis] += 0.2 * max(0.0, 16 - cell.place[axis])
            push[axis] -= 0.2 * max(0.0, cell.place[axis] - (size - 17))
        dividing = cell.divides - frame <= 3
        walk = 0.82 * cell.speed + 0.75 * rng.standard_normal(2)
        cell.speed = np.clip(walk * (0.3 if dividing else 1.0) + 0.5 * push, -4, 4)
        cell.place = cell.place + cell.speed + 0.3 * push
        cell.angle += 0.0 if dividing else 0.07 * float(rng.standard_normal())
        cell.waves = 0.88 * cell.waves + 0.5 * _wave_sizes() * rng.standard_normal((4, 2))


def _photograph(rng: np.random.Generator, clean: Field) -> NDArray[np.uint16]:
    """Add blur of the lens, uneven lamp, fading dye, photon noise and the camera's offset."""
    y, x = np.meshgrid(np.linspace(-1, 1, clean.shape[1]), np.linspace(-1, 1, clean.shape[2]), indexing="ij")
    lamp = 1 - 0.22 * ((x - 0.2) ** 2 + (y + 0.1) ** 2)
    haze = 55 + 14 * smooth_noise(rng, clean.shape[1:], 22)
    sharp = ndimage.gaussian_filter(clean, (0, 1.1, 1.1))
    out_of_focus = ndimage.gaussian_filter(clean, (0, 9, 9))
    fading = np.exp(-np.arange(len(clean)) / 70)[:, None, None]
    photons = np.maximum((0.85 * sharp + 0.12 * out_of_focus + haze) * lamp * fading, 0)
    # Normal instead of Poisson numbers: hardly different at these counts, and one draw per pixel
    # whatever the count, so that a last-bit difference cannot shift all later draws.
    noisy = photons + np.sqrt(photons * 1.8) * rng.standard_normal(clean.shape)
    counts = 104 + noisy + 4.5 * rng.standard_normal(clean.shape)
    return np.asarray(np.clip(np.rint(counts), 0, 65535).astype(np.uint16))
