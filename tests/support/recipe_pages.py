"""Code that stands in the pages of docs/contributing, so that tests can do what a page says.

A block of code begins with a comment that names its file. A block of ``diff`` shows an edit of an existing file: lines
that begin with a space have to be there, ``-`` is taken away, ``+`` is added; ``@@`` parts one edit from the next.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "contributing"
_BLOCK = re.compile(r"^ *```(\w+)\n *# (\S+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SOURCE = "src/"


class RecipePage:
    """A page of the contributor guide.

    Attributes
    ----------
    new_files : dict of str to str
        The files that the page adds, by their path in the repository.
    edits : dict of str to str
        The diffs of existing files.
    """

    def __init__(self, name: str) -> None:
        self.text = (PAGES / name).read_text(encoding="utf-8")
        blocks = _BLOCK.findall(self.text)
        self.new_files = {path: text for kind, path, text in blocks if kind != "diff"}
        self.edits = {path: text for kind, path, text in blocks if kind == "diff"}

    def edited(self, path: str) -> str:
        """Return a file as it is after the page's edit of it."""
        return apply_diff((ROOT / path).read_text(encoding="utf-8"), self.edits[path], path)

    def rows(self, heading: str) -> list[list[str]]:
        """Return the cells of the table whose first column has this heading."""
        lines = [line.strip() for line in self.text.splitlines()]
        start = next(i for i, line in enumerate(lines) if line.startswith(f"| {heading} |"))
        found = []
        for line in lines[start + 2 :]:
            if not line.startswith("|"):
                break
            found.append([cell.strip() for cell in line.strip("|").split("|")])
        return found


def apply_diff(text: str, diff: str, name: str) -> str:
    """Apply an edit as the pages write it; each part of it has to be found exactly once."""
    for part in re.split(r"^@@.*\n", diff, flags=re.MULTILINE):
        lines = part.splitlines()
        before = "\n".join(line[1:] for line in lines if line[:1] in (" ", "-", ""))
        after = "\n".join(line[1:] for line in lines if line[:1] in (" ", "+", ""))
        assert text.count(f"\n{before}\n") == 1, (
            f"the page's edit of {name} fits {text.count(before)} places:\n{before}"
        )
        text = text.replace(f"\n{before}\n", f"\n{after}\n")
    return text


def module_name(path: str) -> str:
    """Return the dotted name of a source file."""
    return path.removeprefix(_SOURCE).removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def run_module(name: str, source: str, monkeypatch) -> ModuleType:
    """Run source code as a module of this name, for as long as the test lasts."""
    module = ModuleType(name)
    module.__file__ = f"<{name} of a page>"
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(source, module.__file__, "exec"), module.__dict__)
    return module
