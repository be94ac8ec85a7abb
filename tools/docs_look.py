"""Open every page of the built site in headless Chromium and save what it shows: ``python -m tools.docs_look``.

The pictures, in ``out/look``, are for eyes: mkdocs cannot see a table that is too wide or a picture that is empty.
Chromium is asked for by name; ``--page`` names single pages.
"""

from __future__ import annotations

import argparse
import functools
import shutil
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def look(site: Path, out: Path, pages: list[str], width: int) -> int:
    """Save a picture of each page and return how many.

    Parameters
    ----------
    site
        The built site.
    out
        Folder of the pictures.
    pages
        Addresses below the site, such as ``tutorials/cells/``; empty: all.
    width
        Of the browser's window, in pixels.

    Raises
    ------
    FileNotFoundError
        Where there is no Chromium.
    """
    browser = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if browser is None:
        raise FileNotFoundError("There is no Chromium; on Debian: apt-get install chromium.")
    out.mkdir(parents=True, exist_ok=True)
    pages = pages or sorted(p.parent.relative_to(site).as_posix() + "/" for p in site.rglob("index.html"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        for page in pages:
            name = page.strip("./").replace("/", "_") or "index"
            command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
            command += [f"--window-size={width},2400", "--virtual-time-budget=4000"]
            command += [f"--screenshot={out / name}.png", f"http://127.0.0.1:{server.server_port}/{page}"]
            subprocess.run(command, capture_output=True, check=True, timeout=120)
    finally:
        server.shutdown()
        server.server_close()
    return len(pages)


def main() -> int:
    """Look at the pages that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", type=Path, default=ROOT / "out" / "site")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "look")
    parser.add_argument("--page", action="append", default=[], help="such as tutorials/cells/; may be repeated")
    parser.add_argument("--width", type=int, default=1300, help="of the browser's window, in pixels")
    arguments = parser.parse_args()
    count = look(arguments.site.resolve(), arguments.out.resolve(), arguments.page, arguments.width)
    sys.stdout.write(f"{count} pages in {arguments.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
