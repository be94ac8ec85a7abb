"""``info``: print versions, devices and models."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import TYPE_CHECKING

import napari_sam2 as ns

if TYPE_CHECKING:
    import argparse

    from napari_sam2.cli.options import SubParsers


def add_parser(commands: SubParsers) -> None:
    """Add the command and its options."""
    info = commands.add_parser("info", help="versions, devices and models")
    info.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print versions, devices, and the models with where they are."""
    from napari_sam2.engine.catalog.model_files import path_of
    from napari_sam2.engine.catalog.registry import known_models
    from napari_sam2.engine.device import available_devices

    print(f"napari-sam2 {ns.__version__}, Python {platform.python_version()}, {platform.platform()}")
    for name in ("torch", "napari", "numpy", "pydicom", "nibabel", "tifffile"):
        print(f"  {name} {importlib.metadata.version(name)}")
    print(f"devices: {', '.join(available_devices())}")
    print("models:")
    for name, entry in known_models().items():
        path = path_of(entry)
        state = "bundled" if entry.bundled else "here" if path is not None and path.is_file() else "not on this machine"
        size = f", about {entry.approximate_bytes / 1e6:.0f} MB" if entry.approximate_bytes else ""
        pixels = f", input {entry.input_size} px" if entry.input_size else ""
        print(f"  {name}: {entry.title}{pixels}{size}, {entry.licence}, {state}")
        if entry.good_for:
            print(f"      good for: {entry.good_for}")
