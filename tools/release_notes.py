"""The section of the changelog that a release gets: ``python -m tools.release_notes v0.2.0``.

It is refused unless ``pyproject.toml``, ``_version.py``, the tag and a dated section of ``CHANGELOG.md`` agree.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def release_notes(tag: str, root: Path = ROOT) -> str:
    """Return the changelog's section of a version.

    Parameters
    ----------
    tag
        ``v`` and the version.
    root
        The checkout.

    Raises
    ------
    ValueError
        Where version, tag and changelog do not agree.
    """
    version = tag.removeprefix("v")
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    module = (root / "src" / "napari_sam2" / "_version.py").read_text(encoding="utf-8")
    for place, text in (("pyproject.toml", project), ("src/napari_sam2/_version.py", module)):
        if version != text and f'__version__ = "{version}"' not in text:
            raise ValueError(f"The tag is {tag}, but {place} has another version. Set it, commit, and tag that commit.")
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    found = re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## \[|\Z)", changelog, re.M | re.S)
    if found is None or not found[1].strip():
        raise ValueError(
            f"CHANGELOG.md has no section '## [{version}] - YYYY-MM-DD'. Date the section Unreleased, and tag again."
        )
    return found[1].strip() + "\n"


def main() -> int:
    """Print the section, or say why there is none."""
    try:
        sys.stdout.write(release_notes(sys.argv[1]))
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
