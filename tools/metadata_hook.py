"""Put the address of the repository into the metadata of a package, and nowhere else.

The address is ``repository`` of ``[tool.hatch.metadata.hooks.custom]`` in ``pyproject.toml``; where that is empty, the
environment variable ``NAPARI_SAM2_REPOSITORY``, which the release workflow sets. From it come the project URLs, and the
links and pictures of the README become absolute, as PyPI and the napari hub need them. Without an address there are no
URLs, and the README stays as it is.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)\s]+)\)")
_PICTURES = (".png", ".gif", ".webp", ".svg", ".jpg")


def absolute_links(text: str, repository: str, branch: str = "main") -> str:
    """Return Markdown whose relative links go to files of the repository: pictures to their bytes, others to the page.

    Parameters
    ----------
    text
        Markdown with inline links.
    repository
        Address of the repository on GitHub, without a slash at the end.
    branch
        Branch or tag.
    """

    def replace(found: re.Match[str]) -> str:
        kind = "raw" if found[1].endswith(_PICTURES) else "blob"
        return f"]({repository}/{kind}/{branch}/{found[1]})"

    return _LINK.sub(replace, text)


def project_urls(repository: str) -> dict[str, str]:
    """Return the project URLs of a repository on GitHub."""
    return {
        "Homepage": repository,
        "Documentation": f"{repository}/tree/main/docs",
        "Issues": f"{repository}/issues",
        "Changelog": f"{repository}/blob/main/CHANGELOG.md",
        "Source": repository,
    }


class RepositoryHook(MetadataHookInterface):  # type: ignore[misc]  # hatchling has no types
    """Fill in ``readme`` and ``urls``."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Change the metadata in place."""
        repository = str(self.config.get("repository") or os.environ.get("NAPARI_SAM2_REPOSITORY", "")).rstrip("/")
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        if repository:
            metadata["urls"] = project_urls(repository)
            text = absolute_links(text, repository)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def get_metadata_hook() -> type[MetadataHookInterface]:
    """Return the hook, for hatchling."""
    return RepositoryHook
