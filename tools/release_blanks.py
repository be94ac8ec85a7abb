"""What a release needs and the source cannot know: ``python -m tools.release_blanks`` names what is still open.

Exits with 1 while something is open that must be there before the tag; the release workflow then ends. What only
the release itself makes, such as the SHA-256 of its sdist, is told and does not count. The list is explained in
``docs/contributing/releasing.md``.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Blank:
    """A value that somebody has to fill in.

    Attributes
    ----------
    file
        Path in the repository.
    key
        Where in the file.
    filled
        Regular expression, line by line, that the file matches once the value is there.
    before_tag
        Whether a release must not go out without it.
    """

    file: str
    key: str
    filled: str
    before_tag: bool = True

    def is_open(self, root: Path = ROOT) -> bool:
        """Return whether the value is missing."""
        return re.search(self.filled, (root / self.file).read_text(encoding="utf-8"), re.MULTILINE) is None


_RECIPE = "tools/conda/recipe.yaml"
BLANKS = (
    Blank("pyproject.toml", "repository", r'^repository = "https://[^"]+"'),
    Blank("mkdocs.yml", "repo_url", r"^repo_url: https://\S+"),
    Blank("mkdocs.yml", "site_url", r"^site_url: https://\S+"),
    Blank("CITATION.cff", "repository-code", r"^repository-code: \"?https://\S+"),
    Blank("CITATION.cff", "date-released", r"^date-released: \"?\d{4}-\d\d-\d\d"),
    Blank("CITATION.cff", "doi", r"^doi: \"?10\.\S+", before_tag=False),
    Blank(_RECIPE, "sha256", r"^  sha256: \"?[0-9a-f]{64}\b", before_tag=False),
    Blank(_RECIPE, "homepage", r"^  homepage: \"?https://\S+", before_tag=False),
    Blank(_RECIPE, "repository", r"^  repository: \"?https://\S+", before_tag=False),
    Blank(_RECIPE, "recipe-maintainers", r"^  recipe-maintainers:\n    - (?!TO-FILL-IN)\S+", before_tag=False),
)


def main(root: Path = ROOT) -> int:
    """Print what is open, and return whether a release has to wait."""
    still_open = [blank for blank in BLANKS if blank.is_open(root)]
    for blank in still_open:
        when = "before the tag" if blank.before_tag else "after the release"
        sys.stdout.write(f"{blank.file}: {blank.key} is open ({when})\n")
    if not still_open:
        sys.stdout.write("Nothing is open.\n")
    return int(any(blank.before_tag for blank in still_open))


if __name__ == "__main__":
    sys.exit(main())
