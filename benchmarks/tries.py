"""Tries in processes of their own, the kinds in turn so that all see the same load; and their table."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence

Tries = dict[str, list[dict[str, float]]]


def run_in_turn(module: str, option: str, kinds: Sequence[str], count: int) -> Tries:
    """Run ``python -m MODULE OPTION KIND`` for each kind, ``count`` times over.

    Returns
    -------
    dict
        For each kind what each try found: the last line that it prints is a JSON object of numbers.
    """
    tries: Tries = {kind: [] for kind in kinds}
    for _ in range(count):
        for kind in kinds:
            done = subprocess.run(
                [sys.executable, "-m", module, option, kind], check=True, stdout=subprocess.PIPE, text=True
            )
            tries[kind].append(json.loads(done.stdout.splitlines()[-1]))
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
