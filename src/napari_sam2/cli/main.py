"""The parser with its commands, and the messages and exit codes of their errors."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import napari_sam2 as ns
from napari_sam2.cli import batch, bundle, demo, doctor, download, evaluate, info, review, segment
from napari_sam2.cli.options import Parser, join_values
from napari_sam2.errors import NapariSam2Error

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, 1 where the doctor found something, 2 for a mendable error."""
    arguments = build_parser().parse_args(join_values(sys.argv[1:] if argv is None else argv))
    try:
        status: int | None = arguments.run(arguments)
    except NapariSam2Error as error:
        print(f"napari-sam2: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("napari-sam2: interrupted", file=sys.stderr)
        return 130
    return status or 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; each command's options and its ``run`` stand in its own module."""
    parser = Parser(prog="napari-sam2", description="Segment volumes and time-lapses with SAM 2. Not a medical device.")
    parser.add_argument("--version", action="version", version=f"napari-sam2 {ns.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    # In the order of the help.
    for command in (segment, batch, review, demo, download, bundle, info, doctor, evaluate):
        command.add_parser(commands)
    return parser
