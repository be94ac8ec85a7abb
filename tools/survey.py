"""Count what a newcomer meets in the source: ``python -m tools.survey [--missing]``.

The figures are those by which the structure of the package was compared with that of other napari projects. All are
read from the syntax trees of the files; nothing is imported. ``--missing`` lists the modules without a test file of
their name instead.

Files of at most five lines are mere markers of packages and count only in the first row. A *public* function or method
is one without a leading underscore, nested ones included. Imports under ``TYPE_CHECKING`` count.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "napari_sam2"
_MARKER_LINES = 5  # files of so many lines or fewer only mark a package
_LONG_FUNCTION = 60
_FACADE = "VideoSession"
_QUESTION = re.compile(r"(What|Which|How|Where|Whether)\b")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """A source file.

    Attributes
    ----------
    name : str
        Dotted, without ``.__init__``.
    path : Path
        Of the file.
    text : str
        Its content.
    """

    name: str
    path: Path
    text: str

    @property
    def length(self) -> int:
        """Return the number of lines."""
        return len(self.text.splitlines())

    @cached_property
    def tree(self) -> ast.Module:
        """Return the syntax tree."""
        return ast.parse(self.text)

    @property
    def is_package(self) -> bool:
        """Tell whether the file is an ``__init__.py``."""
        return self.path.name == "__init__.py"


@dataclass(frozen=True)
class Survey:
    """The figures of a source tree and its tests; see `report` for what they are called.

    Attributes
    ----------
    modules : list of Module
        All files of the package.
    tests : list of Module
        All files of the tests.
    """

    modules: list[Module]
    tests: list[Module]

    @property
    def sizeable(self) -> list[Module]:
        """Return the modules that are more than markers of a package."""
        return [m for m in self.modules if m.length > _MARKER_LINES]

    @property
    def functions(self) -> list[Function]:
        """Return all functions and methods, nested ones too."""
        return [n for m in self.modules for n in ast.walk(m.tree) if isinstance(n, Function)]

    @property
    def classes(self) -> list[ast.ClassDef]:
        """Return all classes."""
        return [n for m in self.modules for n in ast.walk(m.tree) if isinstance(n, ast.ClassDef)]

    @property
    def public(self) -> list[Function]:
        """Return the public functions and methods."""
        return [f for f in self.functions if not f.name.startswith("_")]

    @property
    def docstrings(self) -> list[str]:
        """Return all docstrings of modules, classes and functions."""
        nodes = (n for m in self.modules for n in ast.walk(m.tree))
        found = (ast.get_docstring(n) for n in nodes if isinstance(n, ast.Module | ast.ClassDef | Function))
        return [text for text in found if text]

    @property
    def without_test(self) -> list[Module]:
        """Return the modules, packages left out, without a test file of the same name."""
        names = {t.path.stem.removeprefix("test_") for t in self.tests if t.path.stem.startswith("test_")}
        return [m for m in self.testable if m.path.stem.strip("_") not in names]

    @property
    def testable(self) -> list[Module]:
        """Return the modules that should have a test file of the same name."""
        return [m for m in self.sizeable if not m.is_package]


def read_tree(root: Path, package: str = "") -> list[Module]:
    """Read all Python files below a folder.

    Parameters
    ----------
    root
        The folder.
    package
        The dotted name of the folder, if it is a package.
    """
    modules = []
    for path in sorted(root.rglob("*.py")):
        parts = [package, *path.relative_to(root).with_suffix("").parts]
        name = ".".join(part for part in parts if part and part != "__init__")
        modules.append(Module(name, path, path.read_text(encoding="utf-8")))
    return modules


def takes_arguments(function: Function) -> bool:
    """Tell whether a function has parameters other than ``self`` or ``cls``."""
    a = function.args
    names = [x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg) if x is not None]
    return any(name not in ("self", "cls") for name in names)


def has_parameters(function: Function) -> bool:
    """Tell whether the docstring of a function has a section *Parameters*."""
    return "Parameters\n---" in (ast.get_docstring(function) or "")


def body_length(function: Function) -> int:
    """Count the lines of a function from ``def`` on, its docstring left out."""
    assert function.end_lineno is not None
    length = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None and first.end_lineno is not None:
        length -= first.end_lineno - first.lineno + 1
    return length


def imports_of(module: Module, names: set[str]) -> set[str]:
    """List the modules of the same tree that a module imports, those under ``TYPE_CHECKING`` included.

    Parameters
    ----------
    module
        Of the tree.
    names
        Dotted names of all modules of the tree.
    """
    package = module.name if module.is_package else module.name.rpartition(".")[0]
    found = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found.add(inner if inner in names else base)
    return (found & names) - {module.name}


def circles(modules: list[Module]) -> list[set[str]]:
    """Find the groups of modules that import each other in a circle.

    Parameters
    ----------
    modules
        Of one tree.
    """
    names = {m.name for m in modules}
    reach = {m.name: imports_of(m, names) for m in modules}
    for middle in names:  # Warshall's transitive closure
        for name in names:
            if middle in reach[name]:
                reach[name] = reach[name] | reach[middle]
    groups = {frozenset(o for o in reach[n] if n in reach[o]) for n in names if n in reach[n]}
    return [set(group) for group in groups]


def report(survey: Survey) -> list[tuple[str, str]]:
    """List the figures as (name, value).

    Parameters
    ----------
    survey
        Of a source tree.
    """
    folders = Counter(m.path.parent for m in survey.sizeable)
    root = min(folders, key=lambda folder: len(folder.parts))
    methods = {c: sum(isinstance(n, Function) for n in c.body) for c in survey.classes}
    longest = max(survey.classes, key=lambda c: (c.end_lineno or 0) - c.lineno)
    busiest = max(methods, key=lambda c: methods[c])
    lengths = [(f.end_lineno or 0) - f.lineno + 1 for f in survey.functions]
    long = sum(body_length(f) > _LONG_FUNCTION for f in survey.functions)
    documented = [f for f in survey.public if ast.get_docstring(f)]
    arguments = [f for f in survey.public if takes_arguments(f)]
    questions = sum(bool(_QUESTION.match(text)) for text in survey.docstrings)
    lines = sum(m.length for m in survey.modules)
    anys = sum(isinstance(n, ast.Name) and n.id == "Any" for m in survey.modules for n in ast.walk(m.tree))
    found = circles(survey.modules)
    mirrored = len(survey.testable) - len(survey.without_test)
    nodes = (n for m in survey.tests for n in ast.walk(m.tree))
    tests = sum(isinstance(n, Function) and n.name.startswith("test_") for n in nodes)
    facade = [f for c in survey.classes if c.name == _FACADE for f in c.body if f in arguments]
    return [
        ("modules / lines", f"{len(survey.modules)} / {lines:,}"),
        ("median module length", f"{median(m.length for m in survey.sizeable):.0f}"),
        ("longest module", _longest_module(survey)),
        ("packages (folders with modules)", f"{len(folders)}"),
        ("modules a package", f"{len(survey.testable) / len(folders):.1f}"),
        ("most modules in one folder", f"{max(folders.values())} ({max(folders, key=lambda f: folders[f]).name})"),
        ("modules at the package root", f"{folders[root]}"),
        ("import circles", f"{len(found)}" + "".join(f" ({len(circle)} files)" for circle in found)),
        ("longest class, lines", f"{(longest.end_lineno or 0) - longest.lineno + 1} ({longest.name})"),
        ("most methods in a class", f"{methods[busiest]} ({busiest.name})"),
        ("functions: median lines / number", f"{median(lengths):.0f} / {len(lengths):,}"),
        (f"functions over {_LONG_FUNCTION} lines, docstring not counted", f"{long}"),
        ("public functions with a docstring", _share(len(documented), len(survey.public))),
        (
            "… with Parameters, of those with arguments",
            _share(sum(map(has_parameters, arguments)), len(arguments)),
        ),
        ("docstrings that begin What/Which/How/Where/Whether", _share(questions, len(survey.docstrings))),
        ("Any per 1,000 lines", f"{1000 * anys / lines:.1f}"),
        ("tests: files / functions", f"{sum(t.path.stem.startswith('test_') for t in survey.tests)} / {tests}"),
        ("modules with a test file of the same name", _share(mirrored, len(survey.testable))),
        (f"{_FACADE}: methods with arguments / with Parameters", f"{len(facade)} / {sum(map(has_parameters, facade))}"),
    ]


def _longest_module(survey: Survey) -> str:
    longest = max(survey.modules, key=lambda m: m.length)
    return f"{longest.length} ({longest.name})"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / max(1, whole):.1f} % ({part} of {whole})"


def main(arguments: list[str] | None = None) -> None:
    """Print the figures of this repository, or of another checkout.

    Parameters
    ----------
    arguments
        Of the command line; None: those of the process.
    """
    parser = argparse.ArgumentParser(prog="python -m tools.survey", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--root", type=Path, default=ROOT, help="of the checkout")
    parser.add_argument("--missing", action="store_true", help="list the modules without a test file of their name")
    options = parser.parse_args(arguments)
    survey = Survey(read_tree(options.root / "src" / PACKAGE, PACKAGE), read_tree(options.root / "tests"))
    if options.missing:
        print("\n".join(module.name for module in survey.without_test))
        return
    rows = report(survey)
    width = max(len(name) for name, _ in rows)
    print("\n".join(f"{name:<{width}}  {value}" for name, value in rows))


if __name__ == "__main__":
    main()
