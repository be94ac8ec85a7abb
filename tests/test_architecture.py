"""The picture of the architecture is that of the contracts, and the contracts leave nothing out."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tools.draw_architecture import PICTURE, draw, first_sentence, read_contracts

ROOT = Path(__file__).resolve().parents[1]


def test_the_picture_is_drawn_from_todays_contracts():
    assert PICTURE.read_text(encoding="utf-8") == draw(read_contracts(ROOT / "pyproject.toml")), (
        "draw it anew: python -m tools.draw_architecture"
    )


def test_every_layers_contract_is_exhaustive():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    assert all(c.get("exhaustive") for c in contracts if c["type"] == "layers")


def test_every_part_says_what_it_is_for():
    parts = [name for row in read_contracts(ROOT / "pyproject.toml")["napari_sam2"] for name in row]
    assert all(first_sentence(f"napari_sam2.{name}") for name in parts if name != "_version")
