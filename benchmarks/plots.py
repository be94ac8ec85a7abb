"""Small line and bar plots as SVG, without a plotting library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 300, 64, 16, 40, 48
_COLOURS = ("#0b6e99", "#c2571a", "#4a7a2a", "#7a4a8c")
_TEXT = 'font-family="sans-serif" font-size="12" fill="#333"'
Series = tuple[str, Sequence[float], Sequence[float]]


def lines(title: str, x_title: str, y_title: str, series: Sequence[Series]) -> str:
    """Draw y against x of several series, x on a logarithmic axis, y from 0."""
    xs = sorted({x for _, found, _ in series for x in found})
    top = _nice(max(y for *_, ys in series for y in ys))
    low, high = math.log(xs[0]), math.log(xs[-1])

    def place(x: float, y: float) -> tuple[float, float]:
        share = (math.log(x) - low) / (high - low) if high > low else 0.5
        return LEFT + share * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM)

    parts = [*_frame(title, x_title, y_title, top)]
    parts += [_label(place(x, 0)[0], HEIGHT - BOTTOM + 16, f"{x:g}") for x in xs]
    for index, (name, found, ys) in enumerate(series):
        colour = _COLOURS[index % len(_COLOURS)]
        points = [place(x, y) for x, y in zip(found, ys, strict=True)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in points]
        parts.append(_legend(index, name, colour))
    return _svg(parts)


def bars(title: str, y_title: str, groups: Sequence[str], series: Sequence[tuple[str, Sequence[float]]]) -> str:
    """Draw groups of bars."""
    top = _nice(max(y for _, ys in series for y in ys))
    room = (WIDTH - LEFT - RIGHT) / len(groups)
    width = 0.7 * room / len(series)
    parts = [*_frame(title, "", y_title, top)]
    for g, group in enumerate(groups):
        parts.append(_label(LEFT + (g + 0.5) * room, HEIGHT - BOTTOM + 16, group))
        for s, (_, ys) in enumerate(series):
            height = ys[g] / top * (HEIGHT - TOP - BOTTOM)
            x, y = LEFT + (g + 0.15) * room + s * width, HEIGHT - BOTTOM - height
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{width - 2:.1f}" height="{height:.1f}" fill="{_COLOURS[s]}"/>'
            )
            parts.append(_label(x + width / 2, y - 4, f"{ys[g]:.3g}"))
    parts += [_legend(s, name, _COLOURS[s]) for s, (name, _) in enumerate(series)]
    return _svg(parts)


def _nice(value: float) -> float:
    """Round up to 1, 2 or 5 times a power of ten."""
    value = 1.08 * value or 1.0
    power = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def _frame(title: str, x_title: str, y_title: str, top: float) -> list[str]:
    bottom = HEIGHT - BOTTOM
    parts = [f'<text x="{LEFT}" y="18" {_TEXT} font-weight="bold">{escape(title)}</text>']
    for step in range(5):
        y = bottom - step / 4 * (bottom - TOP)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" {_TEXT} text-anchor="end">{step / 4 * top:g}</text>')
    parts.append(_label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_title))
    middle = (TOP + bottom) / 2
    turn = f'transform="rotate(-90 14 {middle})"'
    parts.append(f'<text x="14" y="{middle}" {_TEXT} text-anchor="middle" {turn}>{escape(y_title)}</text>')
    return parts


def _legend(index: int, name: str, colour: str) -> str:
    x = LEFT + 170 * index
    return (
        f'<rect x="{x}" y="25" width="10" height="10" fill="{colour}"/>'
        f'<text x="{x + 15}" y="34" {_TEXT}>{escape(name)}</text>'
    )


def _label(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {_TEXT} text-anchor="middle">{escape(text)}</text>'


def _svg(parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>", ""])
