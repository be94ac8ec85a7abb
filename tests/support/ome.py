"""Writes OME-TIFF sets with hand-made metadata, as microscopes do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

STACK = np.random.default_rng(0).integers(1, 500, (4, 12, 14)).astype(np.uint16)
NAMES = [f"z{k}.ome.tif" for k in range(len(STACK))]
SPACE = 'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'


def uuid(number: int) -> str:
    return f"urn:uuid:0000000{number}-0000-0000-0000-000000000000"


def planes(names: list[str], same: bool = False) -> str:
    """One file for each slice; `same`: all are given the identifier of the first."""
    return "".join(
        f'<TiffData FirstZ="{k}" IFD="0" PlaneCount="1"><UUID FileName="{n}">{uuid(0 if same else k)}</UUID></TiffData>'
        for k, n in enumerate(names)
    )


def image(planes: str, number: int = 0, size_z: int = len(STACK), sizes: str = "") -> str:
    sizes = sizes or 'PhysicalSizeX="0.5" PhysicalSizeY="0.5" PhysicalSizeZ="2.0"'
    return (
        f'<Image ID="Image:{number}" Name="position {number}"><Pixels ID="Pixels:{number}" DimensionOrder="XYZCT" '
        f'Type="uint16" SizeX="14" SizeY="12" SizeZ="{size_z}" SizeC="1" SizeT="1" {sizes}>'
        f'<Channel ID="Channel:{number}:0" SamplesPerPixel="1"/>{planes}</Pixels></Image>'
    )


def ome(content: str, own: str | None = None) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><OME {SPACE}{f" UUID={own!r}" if own else ""}>{content}</OME>'


def save(path: Path, data: np.ndarray, text: str, **options: object) -> Path:
    tifffile.imwrite(path, data, description=text.encode(), metadata=None, photometric="minisblack", **options)
    return path


def write_set(folder: Path, compression: str | None = None, **options: bool) -> list[Path]:
    """Four slices in four files that all describe the whole."""
    text = image(planes(NAMES, **options))
    return [
        save(folder / name, plane, ome(text, uuid(0 if options else k)), compression=compression)
        for k, (name, plane) in enumerate(zip(NAMES, STACK, strict=True))
    ]
