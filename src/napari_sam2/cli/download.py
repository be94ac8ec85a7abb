"""``download``: download a published model."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import napari_sam2 as ns
from napari_sam2.errors import LicenceError

if TYPE_CHECKING:
    import argparse

    from napari_sam2.cli.options import SubParsers
    from napari_sam2.engine.catalog.download import DownloadProgress


def add_parser(commands: SubParsers) -> None:
    """Add the command and its options."""
    download = commands.add_parser("download", help="download a published model; goes on where it was stopped")
    download.add_argument("name", help="a name (see info)")
    download.add_argument("--accept-licence", action="store_true", help="accept the terms of a model that has some")
    download.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Download the model with a bar, and print where it is."""
    from tqdm import tqdm

    from napari_sam2.engine.catalog.registry import known_models

    entry = known_models().get(arguments.name)
    if arguments.accept_licence and entry is not None and not entry.notice:
        raise LicenceError(
            f"--accept-licence has no effect: the model '{arguments.name}' has no terms to accept.\nLeave it out."
        )

    with tqdm(unit="B", unit_scale=True, unit_divisor=1000, desc=arguments.name, file=sys.stderr) as bar:

        def show(progress: DownloadProgress) -> None:
            bar.total = progress.total
            bar.set_description(f"{arguments.name}: {progress.stage}", refresh=False)
            bar.update(progress.done - bar.n)

        path = ns.download_model(arguments.name, accept_licence=arguments.accept_licence, progress=show)
    print(f"{arguments.name} is here: {path}")
