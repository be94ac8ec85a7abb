"""``review``: write the summary of a review as a table and as one page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.core.paths import checked_path, is_same_file
from napari_sam2.errors import WriteError

if TYPE_CHECKING:
    import argparse

    from napari_sam2.cli.options import SubParsers


_OUT, _OTHER_OUT = "review.html", "review_summary.html"


def add_parser(commands: SubParsers) -> None:
    """Add the command and its options."""
    review = commands.add_parser("review", help="summary of reviewed cases: a table, and a page with pictures")
    review.add_argument("cases", help="CSV with columns image and session, a folder of images, or results of a batch")
    review.add_argument(
        "--out",
        help=f"NAME.html; the table is NAME.csv (default: {_OUT}, or {_OTHER_OUT} where that is the list itself)",
    )
    review.add_argument("--no-effort", action="store_true", help="leave out interactions and time at work")
    review.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Look into the session of each case, and write what they tell."""
    from tqdm import tqdm

    from napari_sam2.review.case_list import ReviewList
    from napari_sam2.review.summary import check_summary_path, summarise, write_summary

    review = ReviewList(arguments.cases)
    out = checked_path(_default_out(review.source) if arguments.out is None else arguments.out, WriteError)
    check_summary_path(out, review.source)
    bar = tqdm(summarise(review, effort=not arguments.no_effort), "reading", len(review.cases), file=sys.stderr)
    rows = list(bar)
    for row in rows:
        if row.problem:
            print(f"{row.case.name}: {row.problem}", file=sys.stderr)
    for path in write_summary(out, rows, review.source.name):
        print(f"wrote {path}")


def _default_out(source: Path) -> str:
    from napari_sam2.review.summary import files_of

    return _OTHER_OUT if is_same_file(files_of(Path(_OUT))[0], source) else _OUT
