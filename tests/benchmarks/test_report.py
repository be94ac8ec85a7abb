"""The page of results: its tables, and plots that are drawing instructions and no pictures."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks.report import write_report
from benchmarks.scale import measure_point

MACHINE = {
    "cpu": "A processor", "cores": 2, "threads": 2, "instructions": "AVX2", "memory_gib": 8.0, "system": "Linux",
    "python": "3.11.1", "napari_sam2": "0.1.0", "load_1min": 0.1,
}  # fmt: skip


def compared(peer: bool) -> dict[str, Any]:
    best = {"first": 5.0, "again": 1.0, "vanish": 8.0}
    sides = {"ours": best, **({"peer": {k: 2 * v for k, v in best.items()}} if peer else {})}
    return {
        "setting": {
            "peer": "transformers", "model": "sam2.1-tiny", "size": 512, "frames": 10, "objects": 4, "device": "cpu",
            "frames_vanish": 40,
        },
        "machine": MACHINE,
        "versions": {"peer": "5.1", "torch": "2.13"},
        "precision": "float32",
        **{f"ratio_{task}": 2.0 if peer else None for task in best},
        "iou": 0.9991 if peer else None,
        "iou_vanish": 1.0 if peer else None,
        "seconds": {},
        "seconds_best": sides,
        "object_slices_per_second": dict.fromkeys(sides, 8.0),
        "preview_ms": 31.2,
        "memory": {"ours": {"loaded_mib": 400, "peak_mib": 700}},
    }  # fmt: skip


def point(**changed: Any) -> dict[str, Any]:
    return {"slices": 20, "objects": 1, "side": 256, "ms_a_slice": 50, "cpu_ms_a_slice": 40, "peak_mib": 500, **changed}


def test_page(tmp_path: Path) -> None:
    beats = {"beats": 100, "longest_ms": 40.0, "p99_ms": 20.0, "median_ms": 10.0, "over_100_ms": 0}
    scale = {
        "slices": [point(slices=200), point(slices=2000)],
        "objects": [point(), point(objects=64)],
        "side": [point(), point(side=8192)],
    }
    usual = {"slices": 20, "objects": 1, "side": 256}
    results = {
        "a": compared(peer=True),
        "b": compared(peer=False),
        "wide": {**compared(peer=True), "machine": {**MACHINE, "instructions": "AVX512"}},
        "maker": {**compared(peer=True), "machine": {**MACHINE, "cpu": "Maker(R) Chip(R) Processor"}},
        "c": {"scale": scale, "usual": usual, "embeddings_budget_mib": 256, "machine": MACHINE},
        "d": {
            "window": {"at_rest": beats, "during_run": beats, "slices": 9, "side": 64, "seconds": 2.0},
            "machine": MACHINE,
        },
    }
    folder, page = tmp_path / "results", tmp_path / "docs" / "performance.md"
    folder.mkdir()
    for name, result in results.items():
        (folder / f"{name}.json").write_text(json.dumps(result))
    write_report(folder, page)
    text = page.read_text()
    assert (
        "| sam2.1-tiny, 512 px, 4 objects | 10; 40 | transformers 5.1 | float32 | 2.00× | 2.00× | 2.00× | 0.9991 |"
        in text
    )
    assert "| sam2.1-tiny, 512 px, 4 objects | napari-sam2 | 500 | – | 100 | 200 | 8.0 | 31 |" in text
    assert "A processor, 2 cores, 2 threads (AVX2)" in text
    assert re.findall("^## On (.*)$", text, re.MULTILINE) == [
        "A processor with AVX2",
        "A processor with AVX512",
        "Maker Chip with AVX2",
        "a GPU",
    ]
    assert "Not measured yet: no GPU was at hand" in text
    for name in ("a-processor-with-avx512", "maker-chip-with-avx2", "slices", "objects", "side", "memory"):
        plot = page.parent / "images" / f"performance-{name}.svg"
        assert ElementTree.parse(plot).getroot().tag.endswith("svg")
        assert f"(images/{plot.name})" in text
        assert plot.stat().st_size < 20_000


def test_a_point_of_the_scale_is_measured() -> None:
    found = measure_point(slices=3, objects=2, side=128, threads=1)
    assert found["cpu_ms_a_slice"] > 0
    assert 0 < found["embeddings_mib"] < 256
    assert found["peak_mib"] > 50


@pytest.mark.parametrize("index", [2, slice(1, 3), (2, slice(0, 8), slice(0, 8))])
def test_drawn_slices_are_read_as_an_array_is(index: Any) -> None:
    import numpy as np

    from benchmarks.scale import Slices

    image = Slices(4, 64, 1)
    whole = np.stack([image[k] for k in range(4)])
    assert np.array_equal(image[index], whole[index])
