"""Measurements in processes of their own; kinds of them in turn, so that all see the same load; and their table."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence

Tries = dict[str, list[dict[str, float]]]


def run_alone(module: str, *arguments: str, quietly: bool = False) -> dict[str, float]:
    """Run ``python -m MODULE ARGUMENTS…`` and return what it found: its last line is a JSON object of numbers.

    Parameters
    ----------
    quietly
        Keep what it writes to stderr for the error, instead of showing it.

    Raises
    ------
    subprocess.CalledProcessError
        If it fails.
    """
    stderr = subprocess.PIPE if quietly else None
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=stderr, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def why_it_failed(error: subprocess.CalledProcessError) -> str:
    """Return the last line that a quiet process wrote before it failed."""
    return str((error.stderr.strip().splitlines() or ["no output"])[-1])


def run_in_turn(module: str, option: str, kinds: Sequence[str], count: int) -> Tries:
    """Run ``python -m MODULE OPTION KIND`` for each kind, ``count`` times over; see `run_alone`."""
    tries: Tries = {kind: [] for kind in kinds}
    for _ in range(count):
        for kind in kinds:
            tries[kind].append(run_alone(module, option, kind))
    return tries


def tries_table(tries: Tries, rows: Mapping[str, str]) -> str:
    """Lay out the median of the tries, with the least and the most, as Markdown.

    Parameters
    ----------
    tries
        Of each kind, a column.
    rows
        The title of each key.
    """
    lines = ["| median (least to most) | " + " | ".join(tries) + " |", "|---|" + "---|" * len(tries)]
    for key, title in rows.items():
        cells = []
        for found in tries.values():
            values = [one[key] for one in found if key in one]
            if values:
                digits = 2 if statistics.median(values) < 10 else 0
                middle, low, high = (f"{of(values):.{digits}f}" for of in (statistics.median, min, max))
                cells.append(f"{middle} ({low} to {high})")
            else:
                cells.append("–")
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
