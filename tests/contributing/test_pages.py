"""The pages of docs/contributing name files that exist."""

from __future__ import annotations

import re

import pytest

from support.recipe_pages import PAGES, ROOT, RecipePage

FILE = re.compile(r"`([\w./-]+/[\w.-]+\.(?:py|md|yaml|toml|svg))`")
ROOTS = (ROOT, ROOT / "src" / "napari_sam2", ROOT / "src" / "napari_sam2" / "widgets")
PLACEHOLDER = "NAME"


@pytest.mark.parametrize("page", sorted(p.name for p in PAGES.glob("*.md")))
def test_files_that_a_page_names_exist(page):
    named = [name for name in FILE.findall(RecipePage(page).text) if PLACEHOLDER not in name]
    assert [name for name in named if not any((root / name).is_file() for root in ROOTS)] == []


def test_the_table_of_additions_has_a_page_or_a_place_for_each():
    rows = RecipePage("README.md").rows("a newcomer adds …")
    assert len(rows) == 7
    for what, _, place in rows:
        links = re.findall(r"\]\(([\w.]+)\)", place)
        assert links or FILE.search(place), what
        assert all((PAGES / link).is_file() for link in links), what


@pytest.mark.parametrize("page", ["add_prompt_kind.md", "add_dock_panel.md", "add_architecture.md"])
def test_the_number_of_files_is_that_of_the_page(page):
    (row,) = [row for row in RecipePage("README.md").rows("a newcomer adds …") if page in row[2]]
    assert row[1].split(":")[0] == str(len(RecipePage(page).rows("file in `src/napari_sam2`")))
