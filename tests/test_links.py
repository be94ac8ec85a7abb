"""The links of the Markdown files that the docs site does not check lead to files, and to headings, that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE_THE_SITE = (
    sorted(ROOT.glob("*.md"))
    + sorted((ROOT / ".github").rglob("*.md"))
    + [
        path
        for folder in ("benchmarks", "training", "sample_data", "src", "tests")
        for path in (ROOT / folder).rglob("*.md")
    ]
)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def places(page: Path) -> set[str]:
    """Return the anchors of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", OUTSIDE_THE_SITE, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    faults = []
    for address in LINK.findall(page.read_text(encoding="utf-8")):
        path, _, place = address.partition("#")
        if "://" in address or address.startswith("mailto:"):
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (place and place not in places(target)):
            faults.append(address)
    assert not faults


def test_the_readme_links_to_places_of_pages():
    assert any("#" in address for address in LINK.findall((ROOT / "README.md").read_text(encoding="utf-8")))
