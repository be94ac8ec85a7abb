"""``doctor``: check the installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from napari_sam2.cli.options import SubParsers


def add_parser(commands: SubParsers) -> None:
    """Add the command and its options."""
    doctor = commands.add_parser("doctor", help="check the installation, as text for a bug report")
    doctor.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    doctor.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the report; return 1 where it names a problem."""
    from napari_sam2.engine.diagnostics.self_check import examine

    report = examine(arguments.device)
    print(report.text)
    return 1 if report.problems else 0
