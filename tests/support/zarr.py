"""Writes small OME-Zarr images for the tests, by zarr alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

if TYPE_CHECKING:
    from pathlib import Path

DATA = np.random.default_rng(0).integers(0, 900, (3, 2, 4, 20, 24)).astype(np.uint16)
UNITS = {"t": "minute", "z": "micrometer", "y": "nanometer", "x": "micrometer"}


def write_store(
    path: Path, data: np.ndarray = DATA, axes: str = "tczyx", version: str = "0.5", units: dict[str, str] | None = None
) -> Path:
    """An image of two levels, with scale and offset; written by zarr alone."""
    units = UNITS if units is None else units
    group = zarr.open_group(str(path), mode="w", zarr_format=2 if version == "0.4" else 3)
    scale = [{"t": 2.0, "c": 1.0, "z": 1.5, "y": 250.0, "x": 0.25}[a] for a in axes]
    place = [{"t": 0.0, "c": 0.0, "z": 6.0, "y": 1000.0, "x": -3.0}[a] for a in axes]
    datasets = []
    for n, step in enumerate((1, 2)):
        level = data[..., ::step, ::step]
        chunks = (1,) * (level.ndim - 2) + (8, 8)
        named = {} if version == "0.4" else {"dimension_names": list(axes)}
        array = group.create_array(str(n), shape=level.shape, dtype=level.dtype, chunks=chunks, **named)
        array[...] = level
        own = [s * (step if a in "yx" else 1) for s, a in zip(scale, axes, strict=True)]
        moves = [{"type": "scale", "scale": own}, {"type": "translation", "translation": place}]
        datasets.append({"path": str(n), "coordinateTransformations": moves})
    kinds = {"t": "time", "c": "channel"}
    described: list[dict[str, Any]] = [
        {"name": a, "type": kinds.get(a, "space"), **({"unit": units[a]} if a in units else {})} for a in axes
    ]
    image = {"axes": described, "datasets": datasets}
    window = {"channels": [{"window": {"min": 0, "max": 900, "start": 100, "end": 700}, "color": "FFFFFF"}]}
    if version == "0.4":
        group.attrs.put({"multiscales": [{"version": "0.4", **image}], "omero": window})
    else:
        group.attrs.put({"ome": {"version": version, "multiscales": [image], "omero": window}})
    return path
