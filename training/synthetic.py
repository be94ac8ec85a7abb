"""Synthetic scenes of bodies and cell cultures, labelled without error.

A scene is a clean volume; blur, noise, contrast and pose are drawn anew each time it is used (`training.augmentation`,
`training.clip_sampling`). Coordinates run from -1 to 1 across a frame, the depth (or time) from 0 at the first frame in
the same unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.noise import smooth_noise
from training.pool import Pool
from training.volumes import LabelledVolume

Array = NDArray[np.float32]
Values = NDArray[np.floating] | float  # the same on all frames, or one for each
_ORGANS, _TUBES, _LESIONS = (9, 22), (2, 6), (1, 5)


def make_scene(rng: np.random.Generator, frames: int, size: int, cell_share: float) -> LabelledVolume:
    """Make a scene of organs or of cells.

    Parameters
    ----------
    rng
        Everything follows from it.
    frames, size
        T and the side of a frame in pixels.
    cell_share
        How often the scene is one of cells, 0 … 1.
    """
    make = _cells if rng.random() < cell_share else _body
    image, labels = make(rng, frames, size)
    return LabelledVolume(image.astype(np.float16), labels.astype(np.uint8), is_clean=True)


_Add = Callable[[Array, NDArray[np.bool_], float], None]
"""Paints an object: its depth, where it is, its mean value."""


@dataclass
class _Canvas:
    """The painted objects of a scene.

    ``depth (T, S, S)`` is 0 in the middle of the object that is on top, 1 on its border, and larger outside.
    """

    x: Array
    y: Array
    labels: NDArray[np.int32]
    depth: Array

    @classmethod
    def make(cls, rng: np.random.Generator, frames: int, size: int, warp: float) -> _Canvas:
        axis = np.linspace(-1, 1, size, dtype=np.float32)
        y, x = np.meshgrid(axis, axis, indexing="ij")
        amount = rng.uniform(0.2, 1) * warp
        dx, dy = (amount * smooth_noise(rng, frames, 3, size, frozen=0.9) for _ in range(2))
        fx, fy = (0.12 * amount * smooth_noise(rng, frames, 12, size, frozen=0.8) for _ in range(2))
        shape = (frames, size, size)
        return cls(x + dx + fx, y + dy + fy, np.zeros(shape, np.int32), np.full(shape, 3.0, np.float32))

    def paint(self, label: int, depth: Array, inside: NDArray[np.bool_]) -> None:
        self.labels[inside] = label
        self.depth[inside] = depth[inside]


def _per_frame(values: Values | NDArray[np.bool_]) -> Array:
    """Shape values, one for each frame, to be combined with maps (T, S, S)."""
    return np.asarray(values, np.float32).reshape(-1, 1, 1)


def _ellipse(
    canvas: _Canvas, cx: Values, cy: Values, r1: Values, r2: Values, angle: float, bend: float
) -> tuple[Array, Array]:
    """Compute coordinates along and across an ellipse, in its radii; ``bend`` turns it into a bean."""
    dx, dy = canvas.x - _per_frame(cx), canvas.y - _per_frame(cy)
    cosine, sine = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    along: Array = np.divide(cosine * dx + sine * dy, _per_frame(r1))
    across: Array = np.divide(cosine * dy - sine * dx, _per_frame(r2))
    bent: Array = across + bend * (along**2 - 0.3)
    return along, bent


# ------------------------------------------------------------------------------------------------------------ bodies


def _body(rng: np.random.Generator, frames: int, size: int) -> tuple[Array, NDArray[np.int32]]:
    """Paint organs from large to small inside a body, then vessels, then lesions inside whatever is there."""
    canvas = _Canvas.make(rng, frames, size, warp=0.10)
    z = np.arange(frames, dtype=np.float32) * np.float32(np.exp(rng.uniform(np.log(0.015), np.log(0.12))))
    rough = [smooth_noise(rng, frames, 7, size, frozen=0.7) for _ in range(3)]
    means: list[float] = [rng.uniform(0, 0.06) if rng.random() < 0.7 else rng.uniform(0, 1)]

    def add(depth: Array, inside: NDArray[np.bool_], mean: float) -> None:
        if inside.any():
            means.append(mean)
            canvas.paint(len(means) - 1, depth, inside)

    body = float(rng.uniform(0.2, 0.8))
    along, across = _ellipse(canvas, 0, 0, rng.uniform(0.75, 1.1), rng.uniform(0.6, 1.0), rng.uniform(0, np.pi), 0)
    depth = np.hypot(along, across) + 0.03 * rough[0]
    if rng.random() < 0.5:  # skin or skull
        add(depth, depth < 1, body + _contrast(rng, 0.15, 0.45))
        depth = depth / rng.uniform(0.84, 0.96)
    add(depth, depth < 1, body)
    radii = np.sort(np.exp(rng.uniform(np.log(0.05), np.log(0.45), rng.integers(*_ORGANS))))[::-1]
    for radius in radii:
        _organ(rng, canvas, z, float(radius), rough[rng.integers(3)], body, add)
    for _ in range(rng.integers(*_TUBES)):
        _tube(rng, canvas, z, body, add)
    for _ in range(rng.integers(*_LESIONS)):
        _lesion(rng, canvas, z, rough[rng.integers(3)], means, add)
    return _grey_values(rng, canvas, means), canvas.labels


def _contrast(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high) * rng.choice((-1, 1)))


def _extent(rng: np.random.Generator, z: Array, radius: float) -> Array:
    """Compute ``((z - centre) / half length)**2`` for each frame; many objects begin or end among the frames."""
    half = radius * float(np.exp(rng.uniform(np.log(0.4), np.log(3.0))))
    last = float(z[-1])
    centre = rng.uniform(-0.8 * half, last + 0.8 * half)
    return _per_frame(((z - centre) / half) ** 2)


def _organ(
    rng: np.random.Generator, canvas: _Canvas, z: Array, radius: float, rough: Array, body: float, add: _Add
) -> None:
    drift = rng.normal(0, 0.25, 2).astype(np.float32)
    cx, cy = rng.uniform(-0.75, 0.75, 2)
    bend = float(rng.normal(0, 0.5)) if rng.random() < 0.35 else 0.0
    second = radius * rng.uniform(0.3, 1)
    if rng.random() < 0.12:
        second = radius * rng.uniform(0.1, 0.25)  # thin plates: muscles, septa, sulci
    along, across = _ellipse(canvas, cx + drift[0] * z, cy + drift[1] * z, radius, second, rng.uniform(0, np.pi), bend)
    depth = np.sqrt(along**2 + across**2 + _extent(rng, z, radius)) + rng.uniform(0, 0.22) * rough
    mean = body + _contrast(rng, 0.06, 0.4)
    kind = rng.random()
    if kind < 0.2:  # a shell: wall and content, or a wall around what was there before
        wall = rng.uniform(0.6, 0.9)
        if rng.random() < 0.5:
            add(depth, (depth < 1) & (depth >= wall), mean)
        else:
            add(depth, depth < 1, mean)
            add(depth / wall, depth < wall, mean + _contrast(rng, 0.1, 0.5))
    elif kind < 0.35:  # two parts that touch
        add(depth, depth < 1, mean)
        turn = rng.uniform(0, 2 * np.pi)
        part = along * math.cos(turn) + across * math.sin(turn) > rng.uniform(-0.35, 0.35)
        add(depth, (depth < 1) & part, mean + _contrast(rng, 0.05, 0.22))
    else:
        add(depth, depth < 1, mean)


def _tube(rng: np.random.Generator, canvas: _Canvas, z: Array, body: float, add: _Add) -> None:
    """Paint a vessel: along the depth, perhaps forking, or lying in the plane and swaying with the depth."""
    radius = float(np.exp(rng.uniform(np.log(0.018), np.log(0.1))))
    mean = rng.uniform(0.85, 1.2) if rng.random() < 0.5 else body + _contrast(rng, 0.08, 0.4)
    phase, pitch = rng.uniform(0, 6.28, 2).tolist(), rng.uniform(1, 8, 2).tolist()
    sway = rng.uniform(0, 0.12, 2).tolist()
    start, slope = rng.uniform(-0.7, 0.7, 2).tolist(), rng.normal(0, 0.4, 2).tolist()
    if rng.random() < 0.65:
        path = [start[i] + slope[i] * z + sway[i] * np.sin(pitch[i] * z + phase[i]) for i in range(2)]
        fork = np.maximum(z - rng.uniform(-0.1, float(z[-1]) + 0.1), 0) * (rng.random() < 0.5)
        spread = rng.normal(0, 0.6, 2).tolist()
        branches = []
        for sign in (-1, 1):
            x, y = (path[i] + sign * spread[i] * fork for i in range(2))
            branches.append(np.hypot(canvas.x - _per_frame(x), canvas.y - _per_frame(y)))
        distance = np.minimum(*branches)
        end = rng.uniform(0.3, 2) * float(z[-1] + z[1] if len(z) > 1 else 1)
        depth = distance / radius + 5 * _per_frame(z > end)
    else:
        turn = rng.uniform(0, np.pi)
        along = math.cos(turn) * canvas.x + math.sin(turn) * canvas.y
        across = math.cos(turn) * canvas.y - math.sin(turn) * canvas.x
        middle = start[0] + 2 * sway[0] * np.sin(pitch[0] * along + phase[0]) + _per_frame(slope[0] * z)
        length = rng.uniform(0.2, 0.8)
        depth = np.maximum(np.abs(across - middle) / radius, np.abs(along - start[1]) / length)
        depth = np.sqrt(depth**2 + _extent(rng, z, radius * 2))
    add(depth, depth < 1, float(mean))


def _lesion(rng: np.random.Generator, canvas: _Canvas, z: Array, rough: Array, means: list[float], add: _Add) -> None:
    """Paint a small blob of little contrast inside the object at a random place."""
    frame, row, column = (rng.integers(n) for n in canvas.labels.shape)
    host = canvas.labels[frame, row, column]
    if host == 0:
        return
    radius = float(np.exp(rng.uniform(np.log(0.04), np.log(0.18))))
    place = canvas.x[frame, row, column], canvas.y[frame, row, column]
    along, across = _ellipse(canvas, *place, radius, radius * rng.uniform(0.5, 1), rng.uniform(0, np.pi), 0)
    half = radius * rng.uniform(0.5, 2)
    away = _per_frame(((z - float(z[frame])) / half) ** 2)
    depth = np.sqrt(along**2 + across**2 + away) + rng.uniform(0.05, 0.3) * rough
    add(depth, (depth < 1) & (canvas.labels == host), means[host] + _contrast(rng, 0.05, 0.25))


def _grey_values(rng: np.random.Generator, canvas: _Canvas, means: list[float]) -> Array:
    """Draw grey values: a mean, a rim and a texture for each object."""
    count = len(means)
    frames, size, _ = canvas.labels.shape
    rim = rng.normal(0, 0.2, count) * (rng.random(count) < 0.25)
    rim[0] = 0
    image = np.asarray(means, np.float32)[canvas.labels]
    image += rim.astype(np.float32)[canvas.labels] / (1 + np.exp(-25 * (canvas.depth - 0.8)))
    for cells in (10, 32, 80):
        amount = (rng.random(count) ** 2 * rng.uniform(0, 0.12)).astype(np.float32)
        image += amount[canvas.labels] * smooth_noise(rng, frames, cells, size)
    return image


# ------------------------------------------------------------------------------------------------------------- cells


def _cells(rng: np.random.Generator, frames: int, size: int) -> tuple[Array, NDArray[np.int32]]:
    """Paint cells that touch, move, divide, leave and appear, in one of five kinds of microscopy."""
    canvas = _Canvas.make(rng, frames, size, warp=0.06)
    radius = float(np.exp(rng.uniform(np.log(0.08), np.log(0.26))))
    pitch = radius * rng.uniform(1.6, 2.6)
    axis = np.arange(-1.1, 1.1 + pitch, pitch)
    places = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2) + rng.normal(0, 0.2 * pitch, (axis.size**2, 2))
    places = rng.permutation(places)[:60]
    reach = 1.02 if rng.random() < 0.7 else 1.6  # the second: they fill the space between them
    stretch, speed = rng.uniform(0, 0.7), rng.uniform(0, 0.35) * radius
    rough = [smooth_noise(rng, frames, 10, size, frozen=0.6) for _ in range(3)]
    nearest, second = (np.full(canvas.labels.shape, 3.0, np.float32) for _ in range(2))
    time = np.arange(frames)
    label = 0
    for place in places:
        steps = rng.normal(0, speed * 0.4, (frames, 2)) + rng.normal(0, speed, 2)
        path = place + np.concatenate([np.zeros((1, 2)), steps[1:].cumsum(0)])
        size_of = radius * float(np.exp(rng.normal(0, 0.18)))
        begins = int(rng.integers(1, frames)) if frames > 1 and rng.random() < 0.08 else 0
        ends = int(rng.integers(1, frames)) if frames > 1 and rng.random() < 0.12 else frames
        divides = int(rng.integers(1, frames)) if frames > 1 and rng.random() < 0.15 else frames
        turn = rng.uniform(0, np.pi)
        apart = np.clip(time - divides + 1, 0, 3)[:, None] * 0.28 * size_of * np.array([math.cos(turn), math.sin(turn)])
        for side in (1, -1):
            if side < 0 and divides >= ends:
                continue
            seen = (time >= begins) & (time < ends) & ((time >= divides) | (side > 0))
            # After a division the mother's label stays with the first daughter, as trackers of this kind keep it.
            r = np.where(time >= divides, 0.75 * size_of, size_of)
            centre = path + side * apart
            flat = 1 - stretch * rng.random()
            along, across = _ellipse(
                canvas, centre[:, 0], centre[:, 1], r, r * flat, rng.uniform(0, np.pi), float(rng.normal(0, 0.15))
            )
            depth = np.hypot(along, across) + rng.uniform(0, 0.22) * rough[rng.integers(3)] + 5 * _per_frame(~seen)
            label += 1
            closer = depth < nearest
            second = np.minimum(np.maximum(nearest, depth), second)
            nearest = np.minimum(nearest, depth)
            canvas.labels[closer & (depth < reach)] = label
    canvas.depth = nearest
    border = np.abs(reach - nearest)
    border = np.where(canvas.labels > 0, np.minimum(border, second - nearest), border)
    return _microscopy(rng, canvas, nearest / reach, border, label + 1), canvas.labels


def _microscopy(rng: np.random.Generator, canvas: _Canvas, depth: Array, border: Array, count: int) -> Array:
    """Draw grey values of fluorescent bodies, fluorescent membranes, phase contrast, relief, or electron microscopy."""
    kind = rng.choice(5, p=(0.3, 0.15, 0.25, 0.12, 0.18))
    inside = canvas.labels > 0
    line = np.exp(-((border / rng.uniform(0.05, 0.14)) ** 2))
    frames, size, _ = canvas.labels.shape
    texture = smooth_noise(rng, frames, 30, size), smooth_noise(rng, frames, 80, size)
    own = rng.normal(0, 1, count).astype(np.float32)[canvas.labels]
    nucleus = inside / (1 + np.exp(20 * (depth - rng.uniform(0.3, 0.6))))
    image: Array
    if kind == 0:
        image = inside * (0.5 + 0.17 * own + rng.uniform(0, 0.1) * texture[0]) * (1 - rng.uniform(0, 0.6) * depth**2)
        image = image - rng.uniform(0, 0.3) * line * inside
    elif kind == 1:
        image = 0.1 + rng.uniform(0.3, 0.9) * line + 0.04 * own * inside + 0.04 * texture[0]
    elif kind == 2:
        halo = np.exp(-(((depth - 1.13) / 0.13) ** 2)) * ~inside
        image = 0.5 + rng.uniform(0.1, 0.45) * halo - rng.uniform(0.05, 0.35) * line * inside
        image = image + inside * (0.05 * own + rng.uniform(0, 0.1) * texture[0] + rng.uniform(0, 0.1) * texture[1])
        image = image + rng.uniform(-0.2, 0.2) * nucleus
    elif kind == 3:
        height = np.sqrt(np.clip(1 - depth**2, 0, None)) + 0.3 * nucleus
        shift = max(1, size // 128)
        image = 0.5 + rng.uniform(0.5, 1.2) * (height - np.roll(height, (shift, shift), (1, 2))) + 0.03 * texture[0]
    else:
        dots = np.clip(texture[0] - rng.uniform(0.8, 1.8), 0, 1) * inside
        image = 0.7 - rng.uniform(0.3, 0.6) * line * (border < 0.3) - rng.uniform(0.1, 0.4) * dots
        image = image + rng.uniform(0.02, 0.08) * texture[1] + 0.04 * own * inside
        image = image + rng.uniform(-0.2, 0.2) * nucleus
    return image.astype(np.float32)


class ScenePool(Pool[LabelledVolume]):
    """A pool of scenes.

    Parameters
    ----------
    seed
        Of the whole run.
    size, per_step
        See `training.pool.Pool`.
    frames, pixels
        T and S of a scene.
    cell_share
        See `make_scene`.
    """

    def __init__(self, seed: int, size: int, per_step: float, frames: int, pixels: int, cell_share: float) -> None:
        def make(number: int) -> LabelledVolume:
            return make_scene(np.random.default_rng((seed, 1, number)), frames, pixels, cell_share)

        super().__init__(make, size, per_step)
