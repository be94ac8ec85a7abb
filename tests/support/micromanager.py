"""Writes small Micro-Manager stacks: pages one after the other, with a summary in front and an index behind them."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np

SUMMARY = {
    **{"MicroManagerVersion": "1.4", "Prefix": "x", "Width": 10, "Height": 8},
    **{"Frames": 2, "Slices": 3, "Channels": 1, "Positions": 1},
    **{"PixelSize_um": 0.5, "z-step_um": 2.0, "Interval_ms": 3000},
}
# Micro-Manager's directories have thirteen entries, and their pixels follow at once.
_DIRECTORY = 162


def write_stack(path: Path, planes: np.ndarray, places: Iterable[tuple[int, int, int, int]], **summary: int) -> Path:
    """`places` has (channel, slice, time, position) of each plane, uint16."""
    about = json.dumps({**SUMMARY, **summary}).encode()
    about += b" " * (len(about) % 2)
    start = position = 40 + len(about)
    height, width = planes.shape[1:]
    body, starts = b"", []
    for number, plane in enumerate(planes):
        data = position + _DIRECTORY
        following = 0 if number == len(planes) - 1 else data + plane.nbytes
        shorts = {258: 16, 259: 1, 262: 1, 277: 1, 296: 3, 339: 1}
        longs = {256: width, 257: height, 273: data, 278: height, 279: plane.nbytes, 50000: 0}
        tags = {**{k: (3, 1, v) for k, v in shorts.items()}, **{k: (4, 1, v) for k, v in longs.items()}}
        tags[51123] = (2, len(about), 40)
        entries = b"".join(struct.pack("<HHII", tag, *tags[tag]) for tag in sorted(tags))
        body += struct.pack("<H", len(tags)) + entries + struct.pack("<I", following) + plane.tobytes()
        starts.append(position)
        position = data + plane.nbytes
    index = struct.pack("<II", 3453623, len(planes))
    index += b"".join(struct.pack("<5I", *place, at) for place, at in zip(places, starts, strict=True))
    tail = index + struct.pack("<II", 347834724, 2) + b"{}" + struct.pack("<II", 84720485, 2) + b"{}"
    display = position + len(index)
    offsets = (54773648, position, 483765892, display, 99384722, display + 10, 2355492, len(about))
    path.write_bytes(b"II*\0" + struct.pack("<I", start) + struct.pack("<8I", *offsets) + about + body + tail)
    return path
