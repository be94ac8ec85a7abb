"""Tables and plots of results, as one page of the documentation."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import plots

RESULTS = Path(__file__).parent / "results"
_TASKS = {"first": "first pass", "again": "again after a correction", "vanish": "object in 30 % of the slices"}
_AXES = {"slices": "slices", "objects": "objects", "side": "side of the plane, px"}

_HEAD = """# Performance

Made by `python -m benchmarks --report docs/performance.md` from the results in `benchmarks/results`; what was tried,
with prediction and outcome, is in `benchmarks/NOTES.md`.

Both sides work in one process and in turn, with the same seeded random weights, on the same slices, at the same input
size and in the same precision. Seconds are from the first prompt to the last mask on the host at the size of the
slices, the best of all tries (one alone for the third task). Ours is a `VideoSession`, as users have it; the peer is
called as its documentation shows. Three tasks: a first pass from a box on the first slice; one click on the middle
slice and the whole pass again, in which ours computes what the click makes stale; a stack of which only the first 30 %
shows the object, where ours stops five slices after it has gone (of a stack of eight it computes all). Random weights
say nothing about quality: IoU says that both sides computed the same masks. The score of presence is fitted, by least
squares and for both sides alike, so that it tells slices with the object from slices without; neither side fills small
holes, and our objects know nothing of each other, as the peer's.
"""


def write_report(results: Path, page: Path) -> None:
    """Write a page, and its plots beside it in ``images``.

    Parameters
    ----------
    results : Path
        A folder of JSON files of ``python -m benchmarks``.
    page : Path
    """
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(results.glob("*.json"))]
    images = page.parent / "images"
    images.mkdir(parents=True, exist_ok=True)
    parts = [_HEAD]
    compared = [r for r in found if "seconds" in r and "setting" in r]
    on_cpu = [r for r in compared if r["setting"]["device"] == "cpu"]
    # Maker and width of the registers decide how much there is to gain: each kind of CPU has a part of its own.
    for kind in sorted({_kind_of_cpu(r) for r in on_cpu}):
        here = [r for r in on_cpu if _kind_of_cpu(r) == kind]
        parts += _part(f"On {kind}", here, images / f"performance-{kind.lower().replace(' ', '-')}.svg")
    on_gpu = [r for r in compared if r["setting"]["device"].startswith("cuda")]
    on_gpu += [run for r in found if "runs" in r for run in r["runs"]]
    if on_gpu:
        parts += _part("On a GPU", on_gpu, images / "performance-cuda.svg")
    else:
        parts.append(
            "## On a GPU\n\nNot measured yet: no GPU was at hand. One command of at most ten minutes measures and "
            "records all of it:\n`python -m benchmarks --gpu --peer sam2 --json benchmarks/results/gpu.json`.\n"
        )
    parts += [_scale(r, images) for r in found if "scale" in r]
    parts += [_window(r) for r in found if "window" in r]
    page.write_text("\n".join(part for part in parts if part), encoding="utf-8")


def _kind_of_cpu(result: dict[str, Any]) -> str:
    machine = result["machine"]
    name = re.sub(r"\((R|TM)\)| Processor$", "", machine["cpu"])
    return f"{name} with {machine['instructions']}"


def _part(title: str, results: Sequence[dict[str, Any]], plot: Path) -> list[str]:
    tables = [_machine(results), _ratios(results), _rates(results), _memory(results)]
    return [f"## {title}\n", *tables, _compared_plot(results, plot)]


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(map(str, r))} |" for r in rows)]
    return "\n".join(lines) + "\n"


def _name(result: dict[str, Any]) -> str:
    setting = result["setting"]
    objects = "1 object" if setting["objects"] == 1 else f"{setting['objects']} objects"
    return f"{setting['model']}, {setting['size']} px, {objects}"


def _machine(results: Sequence[dict[str, Any]]) -> str:
    """Describe the machine of some results, which is the same for all but for its load."""
    result = results[0]
    m, versions = result["machine"], result.get("versions", {})
    loads = sorted(each["machine"]["load_1min"] for each in results)
    load = f"{loads[0]}" if len(loads) == 1 else f"{loads[0]} to {loads[-1]}"
    torch_version = f", torch {versions['torch']}" if versions.get("torch") else ""
    threads = "1 thread" if m["threads"] == 1 else f"{m['threads']} threads"
    gpu = f"{m['gpu']} ({m['gpu_memory_gib']} GiB, CUDA {m['cuda']}); " if "gpu" in m else ""
    return (
        f"{gpu}{m['cpu']}, {m['cores']} cores, {threads} ({m['instructions']}), {m['memory_gib']} GiB; "
        f"{m['system']}, Python {m['python']}{torch_version}, napari-sam2 {m['napari_sam2']}. Load of the machine "
        f"when it was measured: {load}.\n"
    )


def _number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _ratios(results: Sequence[dict[str, Any]]) -> str:
    rows = []
    for r in results:
        if r["ratio_first"] is None:
            continue
        peer = f"{r['setting']['peer']} {r['versions']['peer']}"
        ratios = [f"{_number(r[f'ratio_{task}'])}×" for task in _TASKS]
        slices = f"{r['setting']['frames']}; {r['setting']['frames_vanish']}"
        ious = [_number(r["iou"], 4), _number(r["iou_vanish"], 4)]
        rows.append([_name(r), slices, peer, r["precision"], *ratios, *ious])
    if not rows:
        return ""
    head = ["setting", "slices", "peer", "precision", *_TASKS.values(), "IoU", "IoU, 30 %"]
    title = "How many times as fast as the peer; slices are those of the passes, and of the stack for 30 %:\n\n"
    return title + _table(head, rows)


def _rates(results: Sequence[dict[str, Any]]) -> str:
    rows = []
    for r in results:
        setting = r["setting"]
        frames = {"first": setting["frames"], "again": setting["frames"], "vanish": setting["frames_vanish"]}
        for side in ("ours", "peer"):
            if side in r["seconds_best"]:
                best = r["seconds_best"][side]
                who = "napari-sam2" if side == "ours" else setting["peer"]
                preview = f"{r['preview_ms']:.0f}" if side == "ours" else "–"
                each = [f"{1000 * best[task] / frames[task]:.0f}" for task in _TASKS]
                worked = r["seconds_best"].get(f"{side}_cpu", {}).get("first")
                each.insert(1, "–" if worked is None else f"{1000 * worked / frames['first']:.0f}")
                rows.append([_name(r), who, *each, f"{r['object_slices_per_second'][side]:.1f}", preview])
    times = [f"{title}, ms a slice" for title in _TASKS.values()]
    times.insert(1, "first pass, processor ms a slice")
    head = ["setting", "", *times, "object-slices a second, first pass", "preview, ms"]
    title = (
        "Milliseconds a slice, over all slices of the stack, and of a click on an encoded slice. Processor time counts "
        "both threads; other programs on the machine change it less than the time that passes.\n\n"
    )
    return title + _table(head, rows)


def _memory(results: Sequence[dict[str, Any]]) -> str:
    rows = []
    for r in results:
        for side, found in r.get("memory", {}).items():
            if found:
                who = "napari-sam2" if side == "ours" else r["setting"]["peer"]
                rows.append([_name(r), who, found["loaded_mib"], found["peak_mib"], found.get("peak_device_mib", "–")])
    if not rows:
        return ""
    head = ["setting", "", "loaded, MiB", "peak of a first pass, MiB", "peak on the device, MiB"]
    return "Memory of a process that does a first pass and nothing else:\n\n" + _table(head, rows)


def _compared_plot(results: Sequence[dict[str, Any]], path: Path) -> str:
    both = [r for r in results if r["ratio_first"] is not None]
    if not both:
        return ""
    groups = [f"{_name(r).replace('sam2.1-', '').replace(' px', '')}, {r['setting']['peer']}" for r in both]
    series = [(title, [r[f"ratio_{task}"] for r in both]) for task, title in _TASKS.items()]
    path.write_text(plots.bars("Times as fast as the peer", "ratio", groups, series), encoding="utf-8")
    return f"![Times as fast as the peer](images/{path.name})\n"


def _scale(result: dict[str, Any], images: Path) -> str:
    budget = result["embeddings_budget_mib"]
    parts = ["## Scale\n", _machine([result])]
    parts.append(
        f"The bundled model through its zoom window; {result['usual']['slices']} slices of {result['usual']['side']}² "
        f"with one object, but for what varies. Embeddings may take {budget} MiB. The plots are of processor time, "
        "which other programs on the machine change less than the time that passes.\n"
    )
    for axis, points in result["scale"].items():
        rows = [[p[axis], f"{p['cpu_ms_a_slice']:.0f}", f"{p['ms_a_slice']:.0f}", p["peak_mib"]] for p in points]
        head = [_AXES[axis], "processor time, ms a slice", "time, ms a slice", "peak memory, MiB"]
        xs, cost = [p[axis] for p in points], [p["cpu_ms_a_slice"] for p in points]
        path = images / f"performance-{axis}.svg"
        title = f"Cost of a slice by {_AXES[axis]}"
        series = [("processor time", xs, cost)]
        path.write_text(plots.lines(title, _AXES[axis], "ms a slice", series), encoding="utf-8")
        parts += [_table(head, rows), f"![{title}](images/{path.name})\n"]
        if axis == "slices":
            path = images / "performance-memory.svg"
            series = [("napari-sam2", xs, [p["peak_mib"] for p in points])]
            path.write_text(plots.lines("Peak memory by slices", "slices", "MiB", series), encoding="utf-8")
            parts.append(f"![Peak memory by slices](images/{path.name})\n")
    return "\n".join(parts)


def _window(result: dict[str, Any]) -> str:
    w = result["window"]
    rows = [
        [name, b["beats"], b["median_ms"], b["p99_ms"], b["longest_ms"], b["over_100_ms"]]
        for name, b in (("at rest", w["at_rest"]), ("during a run", w["during_run"]))
    ]
    head = ["", "beats", "median, ms", "99 %, ms", "longest, ms", "over 100 ms"]
    return (
        "## The window\n\n"
        + _machine([result])
        + f"\nA timer of the main thread that should beat every 10 ms, in a napari window while the bundled model "
        f"propagates through {w['slices']} slices of {w['side']}² ({w['seconds']:.1f} s):\n\n" + _table(head, rows)
    )
