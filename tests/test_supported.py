"""Each row of docs/supported.md names a test that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "supported.md").read_text(encoding="utf-8")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
ROWS = [row for row in PAGE.splitlines() if row.startswith("| ") and not row.startswith("| what |")]


def test_the_page_has_rows():
    assert len(ROWS) > 30


@pytest.mark.parametrize("row", ROWS, ids=[row.split("|")[1].strip() for row in ROWS])
def test_a_row_names_a_test_that_exists(row):
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert len(cells) == 3
    (found,) = TEST.findall(cells[2])
    tree = ast.parse((ROOT / found[0]).read_text(encoding="utf-8"))
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert found[1] in functions
