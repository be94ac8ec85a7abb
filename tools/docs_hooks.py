"""Hooks of mkdocs: pages from elsewhere in the repository, help of the command line, pictures that are to be made."""

from __future__ import annotations

import argparse
import io
import logging
import posixpath
import re
import shutil
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
FROM_ELSEWHERE = {
    "CHANGELOG.md": "project/changelog.md",
    "CODE_OF_CONDUCT.md": "project/code_of_conduct.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "SUPPORT.md": "project/support.md",
    "sample_data/README.md": "project/samples.md",
    "src/napari_sam2/engine/weights/starter.md": "project/starter.md",
    "training/README.md": "project/training.md",
    "benchmarks/README.md": "project/benchmarks.md",
}
"""Pages of the repository outside ``docs/`` that the site shows, by their path, and where."""
NOT_YET = ("keys.md", "performance.md", "explanation/tracking_options.md")
"""Pages of the navigation that may be missing."""
COMMAND_LINE = "<!-- command line -->"
_LINK = re.compile(r"(!?)\[([^\]\[]*)\]\(([^)\s]+)\)")
_ROLE = re.compile(r":(?:func|meth|attr|class|data|mod|exc):\s*<code>([\w.~]+)</code>")
_PICTURE = re.compile(r'<img [^>]*?src="([^"]+)"[^>]*>')
_ELSEWHERE = re.compile(r"^(?:[a-z]+:|#|/)")
logger = logging.getLogger("mkdocs.plugins.napari_sam2")


def on_config(config: Any) -> Any:
    """Leave pages that are not written yet out of the navigation."""
    config["nav"] = _without_missing(config["nav"])
    return config


def _without_missing(entries: list[Any]) -> list[Any]:
    kept: list[Any] = []
    for entry in entries:
        if isinstance(entry, dict):
            ((title, target),) = entry.items()
            if isinstance(target, list):
                kept.append({title: _without_missing(target)})
                continue
            if target in NOT_YET and not (DOCS / target).exists():
                continue
        kept.append(entry)
    return kept


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that stand elsewhere in the repository, and the icon."""
    for source, target in FROM_ELSEWHERE.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, target, content=text))
    icon = ROOT / "src" / "napari_sam2" / "icon.png"
    files.append(File.generated(config, "images/icon.png", content=icon.read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Rewrite links out of ``docs/``, take missing pictures out, and put in what is generated."""
    place = page.file.src_uri
    written_at = next((source for source, target in FROM_ELSEWHERE.items() if target == place), f"docs/{place}")
    markdown = markdown.replace("```python no-test", "```python")
    if COMMAND_LINE in markdown:
        markdown = markdown.replace(COMMAND_LINE, command_line_help())
    return _outside_code(markdown, lambda text: _LINK.sub(lambda found: _rewritten(found, place, written_at), text))


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Make links of roles in docstrings, such as ``:meth:`accept```, and of pictures, which open in full size."""
    html = _PICTURE.sub(r'<a href="\1" title="In full size">\g<0></a>', html)
    return _ROLE.sub(_reference, html)


def _reference(found: re.Match[str]) -> str:
    name = found[1].lstrip("~.")
    target = name if "." in name else f"napari_sam2.VideoSession.{name}"
    short = name.removeprefix("napari_sam2.").removeprefix("VideoSession.")
    # mkdocs-autorefs makes a link of it where the reference has such a place, else leaves the text.
    return f'<autoref optional identifier="{target}"><code>{short}</code></autoref>'


def _outside_code(markdown: str, change: Any) -> str:
    parts = re.split(r"(^```.*?^```$|`[^`\n]+`)", markdown, flags=re.M | re.S)
    return "".join(part if index % 2 else change(part) for index, part in enumerate(parts))


def _rewritten(found: re.Match[str], place: str, written_at: str) -> str:
    picture, text, target = found[1], found[2], found[3]
    if _ELSEWHERE.match(target):
        return found[0]
    path, _, anchor = target.partition("#")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(written_at), path))
    if picture and path.startswith("docs/images/") and not (ROOT / path).exists():
        logger.info("%s: %s is still to be made (make pictures)", written_at, path)
        return ""
    if path.removeprefix("docs/") in NOT_YET and not (ROOT / path).exists():
        return text
    if path in FROM_ELSEWHERE:
        goal = FROM_ELSEWHERE[path]
    elif path == "README.md":
        goal = "index.md"
    elif path.startswith("docs/") and not path.startswith("docs/notebooks"):
        goal = path.removeprefix("docs/")
    elif (ROOT / path).exists():
        # A file of the repository that the site does not show.
        return f"{text} (`{path}`)" if text.strip("`") != path else f"`{path}`"
    else:
        return found[0]
    relative = posixpath.relpath(goal, posixpath.dirname(place) or ".")
    return f"{picture}[{text}]({relative}{'#' + anchor if anchor else ''})"


def command_line_help() -> str:
    """Return the help of each command as Markdown."""
    from napari_sam2.cli.main import build_parser

    parser = build_parser()
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    blocks = []
    for name, command in commands.choices.items():
        about = next(choice.help for choice in commands._choices_actions if choice.dest == name)
        text = io.StringIO()
        with redirect_stdout(text):
            command.print_help()
        blocks.append(
            f"## {name}\n\n{str(about)[:1].upper()}{str(about)[1:]}.\n\n```text\n{text.getvalue().rstrip()}\n```\n"
        )
    return "\n".join(blocks)


def on_post_build(config: Any) -> None:
    """Put the notebook beside its page, so that it can be downloaded."""
    target = Path(config["site_dir"]) / "notebooks"
    target.mkdir(exist_ok=True)
    for notebook in (DOCS / "notebooks").glob("*.ipynb"):
        shutil.copyfile(notebook, target / notebook.name)
