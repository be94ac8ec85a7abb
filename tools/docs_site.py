"""Build the docs site strictly and check it: ``python -m tools.docs_site --out out/site``.

mkdocs itself ends where a link or an anchor in the pages goes nowhere. Checked here beside it: every file that the
built pages ask for is there, no page loads anything from elsewhere, and every public name stands in the reference.
``--pictures`` also wants every picture that the pages show, and no other.
"""

from __future__ import annotations

import argparse
import logging
import posixpath
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort

import napari_sam2

ROOT = Path(__file__).resolve().parents[1]
_LOADING = {("script", "src"), ("img", "src"), ("link", "href"), ("source", "src"), ("iframe", "src")}
_PICTURE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")


class _Page(HTMLParser):
    """What a page loads, where its links go, and the ids in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            elif (tag, name) in _LOADING and value and ("rel", "canonical") not in attrs:
                self.loaded.append(value)
            elif tag == "a" and name == "href" and value:
                self.links.append(value)


def check_site(site: Path) -> list[str]:
    """Return one sentence for each fault of a built site.

    Parameters
    ----------
    site
        The folder with its ``index.html``.
    """
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    faults = []
    for path, page in pages.items():
        if path.name == "404.html":  # its links begin at the root of the server
            continue
        name = path.relative_to(site)
        for address in page.loaded:
            if urlsplit(address).netloc:
                faults.append(f"{name} loads {address} from elsewhere.")
        for address in page.loaded + page.links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                faults.append(f"{name} links to {address}, which is not there.")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
                faults.append(f"{name} links to {address}, but that page has no such place.")
    everything = set().union(*(page.ids for page in pages.values())) if pages else set()
    for name_ in napari_sam2.__all__:
        known = {place.rsplit(".", 1)[-1] for place in everything if place.startswith("napari_sam2.")}
        if name_ not in known and name_ != "__version__":
            faults.append(f"The reference lacks {name_}.")
    return faults


def missing_pictures(docs: Path = ROOT / "docs") -> list[str]:
    """Return the pictures that pages show and that are not made yet, as paths below ``docs``, in alphabetical order."""
    missing = set()
    for page in docs.rglob("*.md"):
        for target in _PICTURE.findall(page.read_text(encoding="utf-8")):
            if "://" not in target:
                path = posixpath.normpath(posixpath.join(page.parent.relative_to(docs).as_posix(), target))
                if not (docs / path).exists():
                    missing.add(path)
    return sorted(missing)


def unused_pictures(docs: Path = ROOT / "docs") -> list[str]:
    """Return the pictures in ``docs/images`` that neither a page nor the README shows, as paths below ``docs``."""
    texts = [page.read_text(encoding="utf-8") for page in (*docs.rglob("*.md"), docs.parent / "README.md")]
    made = sorted(path.name for path in (docs / "images").iterdir() if path.suffix in (".png", ".webp"))
    return [f"images/{name}" for name in made if not any(f"images/{name}" in text for text in texts)]


def main() -> int:
    """Build, check, and tell what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "site", help="folder of the site")
    parser.add_argument("--pictures", action="store_true", help="a picture that is not made is a fault")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(arguments.out.resolve()), strict=True)
    try:
        build(config)
    except Abort as error:
        sys.stderr.write(f"{error}\n")
        return 1
    faults = check_site(arguments.out.resolve())
    missing = missing_pictures()
    if arguments.pictures:
        faults += [f"The picture {name} is not made." for name in missing]
        faults += [f"No page shows the picture {name}." for name in unused_pictures()]
    elif missing:
        sys.stdout.write(f"{len(missing)} pictures are to be made by `make pictures`: {', '.join(missing)}\n")
    sys.stderr.writelines(f"{fault}\n" for fault in faults)
    sys.stdout.write(f"{len(list(arguments.out.rglob('*.html')))} pages in {arguments.out}, {len(faults)} faults\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
