"""The lowest versions that ``pyproject.toml`` allows, for the environment that tests them: ``make lowest``.

``python -m tools.lowest`` prints constraints for pip, resolved by uv (from PyPI) for Python 3.11: of each dependency
the lowest version that its bound and the other packages leave. ``--of NAME`` prints one bound, ``--options lowest``
what pytest is told in such an environment.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
_BOUND = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?>=([\w.]+)$")
_FROM_ELSEWHERE = re.compile(r"^(torch|triton|nvidia-|cuda-)")
NOT_IN_LOWEST = {
    "tests/analysis/test_surface_distances.py": "compares with MONAI, which is not in the group test",
    "tests/session/tracking/test_exact.py": "compares with transformers, which needs a newer huggingface_hub",
    "tests/io/dicom/test_rtstruct_writer.py::test_the_tables_of_the_standard_are_kept": "reads tables that highdicom "
    "keeps as JSON since 0.28",
    "tests/io/tiff/test_colours.py::test_packed_half_and_predicted_values_are_all_there": "writes a file with "
    "imagecodecs 2026.3, which needs NumPy 2",
    "tests/io/tiff/test_colours.py::test_where_the_lowest_value_is_white_the_values_are_mirrored": "as above",
    "tests/test_docs.py": "mkdocs is not in the group test",
    "tests/test_package.py": "builds packages, which make test and make package do",
    "tests/test_architecture.py": "import-linter is not in the group test",
}
"""Tests left out of `make lowest`, each with the reason."""


def lower_bounds(project: Path = PROJECT) -> dict[str, str]:
    """Return the lowest version of each dependency by its name in lower case.

    Raises
    ------
    ValueError
        Where a dependency has no plain lower bound.
    """
    bounds = {}
    for requirement in tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"]:
        found = _BOUND.match(requirement)
        if found is None:
            raise ValueError(
                f"The dependency '{requirement}' in {project} has no lower bound of the form NAME>=VERSION."
            )
        bounds[found[1].lower()] = found[2]
    return bounds


def constraints(torch: str, project: Path = PROJECT) -> str:
    """Resolve the lowest versions with uv and return them as constraints for pip.

    Parameters
    ----------
    torch
        Requirement of the build of torch that is installed in place of the lowest one, whose packages of CUDA libraries
        have some gigabytes. It is not among the constraints.
    project
        The ``pyproject.toml``.
    """
    with tempfile.TemporaryDirectory() as folder:
        override = Path(folder) / "override.txt"
        override.write_text(torch + "\n")
        command = ["uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--resolution", "lowest-direct"]
        command += ["--python-version", "3.11", "--override", str(override), str(project)]
        done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=True)
    return "\n".join(line for line in done.stdout.splitlines() if not _FROM_ELSEWHERE.match(line)) + "\n"


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch", default="torch", help="the requirement of torch that is installed")
    parser.add_argument("--of", metavar="NAME", help="print the lower bound of this dependency alone")
    parser.add_argument("--options", choices=["lowest", "newest"], help="print the options of pytest")
    arguments = parser.parse_args()
    if arguments.of:
        text = lower_bounds()[arguments.of.lower()] + "\n"
    elif arguments.options:
        # Deprecations in old packages are nobody's fault here. What is deselected is imported all the same.
        left_out = [f"--{'deselect' if '::' in name else 'ignore'}={name}" for name in NOT_IN_LOWEST]
        options = ["-o", "filterwarnings=default", *left_out]
        text = " ".join(options if arguments.options == "lowest" else []) + "\n"
    else:
        text = constraints(arguments.torch)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
