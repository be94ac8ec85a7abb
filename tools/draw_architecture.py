"""Draw docs/images/architecture.svg from the import contracts: ``python -m tools.draw_architecture``.

Each row is a layer of the contract *Parts import only downwards*; a part may import from the rows below its own. The
sentence in a box is the first one of the package's docstring, and its small print the layers of the package's own
contract.
"""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path
from textwrap import wrap
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "images" / "architecture.svg"
_PACKAGE = "napari_sam2"
_WIDTH, _GAP, _PADDING, _LINE = 1000, 14, 12, 17
_NOT_DRAWN = ("_version", "axes")  # a number, and a former name
_CHARACTER = 7.3  # pixels of a character of 13-pixel text, about


def read_contracts(project: Path) -> dict[str, list[list[str]]]:
    """Return the layers of each package that has a layers contract, the highest first.

    Parameters
    ----------
    project
        The ``pyproject.toml``.

    Returns
    -------
    dict of str to list of list of str
        By package: rows of the names of its children.
    """
    contracts = tomllib.loads(project.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    return {
        container: [[name.strip() for name in row.replace(":", "|").split("|")] for row in contract["layers"]]
        for contract in contracts
        if contract["type"] == "layers"
        for container in contract["containers"]
    }


def first_sentence(module: str) -> str:
    """Return the first sentence of the docstring of a module or package."""
    place = ROOT / "src" / module.replace(".", "/")
    path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).split(". ")[0].rstrip(".").replace("`", "")


def draw(contracts: dict[str, list[list[str]]]) -> str:
    """Return the picture as SVG."""
    top = float(_GAP)
    parts = []
    for row in contracts[_PACKAGE]:
        names = [name for name in row if name not in _NOT_DRAWN]
        width = (_WIDTH - _GAP * (len(names) + 1)) / len(names)
        boxes = [_lines_of(name, width, contracts) for name in names]
        height = max(2 * _PADDING + _LINE * len(lines) for lines in boxes)
        for i, lines in enumerate(boxes):
            parts.append(_box(_GAP + i * (width + _GAP), top, width, height, lines))
        top += height + _GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top:.0f}" font-family="sans-serif">'
    title = "<title>The parts of napari-sam2; each imports only from the rows below its own</title>"
    return "\n".join([head, title, f'<rect width="{_WIDTH}" height="{top:.0f}" fill="#ffffff"/>', *parts, "</svg>", ""])


def _lines_of(name: str, width: float, contracts: dict[str, list[list[str]]]) -> list[tuple[str, str]]:
    """Return the lines of a box as (style, text)."""
    room = int((width - 2 * _PADDING) / _CHARACTER)
    lines = [("name", name)]
    lines += [("text", line) for line in wrap(first_sentence(f"{_PACKAGE}.{name}"), room)]
    inner = " › ".join(", ".join(row) for row in contracts.get(f"{_PACKAGE}.{name}", []))
    return lines + [("inner", line) for line in wrap(inner, room)]


def _box(x: float, y: float, width: float, height: float, lines: list[tuple[str, str]]) -> str:
    style = {
        "name": 'font-size="15" font-weight="bold" fill="#17324d"',
        "text": 'font-size="13" fill="#222222"',
        "inner": 'font-size="12" fill="#5a6b7b"',
    }
    rows = [
        f'<text x="{x + _PADDING:.0f}" y="{y + _PADDING + _LINE * (i + 0.75):.0f}" {style[kind]}>{escape(text)}</text>'
        for i, (kind, text) in enumerate(lines)
    ]
    frame = f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" rx="6"'
    return "\n".join([f'{frame} fill="#eef4fa" stroke="#7d9bb8"/>', *rows])


if __name__ == "__main__":
    PICTURE.write_text(draw(read_contracts(ROOT / "pyproject.toml")), encoding="utf-8")
