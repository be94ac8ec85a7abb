"""The results of a batch: a table, and a page with a picture of each case, those to look at first at the top."""

from __future__ import annotations

import heapq
import html
from collections import Counter
from dataclasses import fields
from typing import TYPE_CHECKING
from urllib.parse import quote

import pandas as pd

from napari_sam2.batch.records import RESULTS_NAME, SUMMARY_NAME, CaseRecord
from napari_sam2.core.atomic_write import replacing
from napari_sam2.core.formatting import duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_COLUMNS = [f.name for f in fields(CaseRecord) if f.name not in ("fingerprint", "worker_fault")]
_SHOWN = 500  # cases on the page: a browser shows no hundred thousand pictures
_TOLD = {"failed": "failed", "doubtful": "with doubtful slices", "to do": "to do"}
_STYLE = (
    "body{font:15px/1.4 system-ui,sans-serif;margin:2em;max-width:1280px}"
    "article{border-top:1px solid #ccc;padding:1em 0}article img{max-width:100%}"
    ".failed h2{color:#a40000}.doubtful h2{color:#8a5a00}dt{float:left;width:9em;color:#555}dd{margin-left:9em}"
)


def results_table(records: Iterable[CaseRecord]) -> pd.DataFrame:
    """Return one row for each case: its name, state, image, model, error, times and counts."""
    table = pd.DataFrame([{c: getattr(r, c) for c in _COLUMNS} for r in records], columns=_COLUMNS)
    # A batch that ended has nothing that runs: what was stopped, or not begun, is to be done.
    return table.replace({"status": {"running": "to do"}})


def write_results(out: Path, records: Sequence[CaseRecord]) -> None:
    """Write ``results.csv`` and ``summary.html`` into the folder of a batch.

    Raises
    ------
    WriteError
        If the disk refuses.
    """
    with replacing(out / RESULTS_NAME) as part:
        results_table(records).to_csv(part, index=False)
    with replacing(out / SUMMARY_NAME) as part:
        part.write_text(_page(out, records), encoding="utf-8")


def _page(out: Path, records: Sequence[CaseRecord]) -> str:
    counts = Counter(kind_of(r) for r in records)
    told = ", ".join(f"{counts[kind]} {text}" for kind, text in _TOLD.items() if kind != "to do" or counts[kind])
    shown = heapq.nsmallest(_SHOWN, records, key=urgency)
    cases = "\n".join(_article(out, record) for record in shown)
    if len(shown) < len(records):
        cases += f"\n<p>{len(records) - len(shown)} more are in results.csv.</p>"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Batch of napari-sam2</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>{len(records)} cases</h1>\n"
        f"<p>{told}. Not a medical device: every mask is to be checked.</p>\n"
        f"{cases}\n</body></html>\n"
    )


def kind_of(record: CaseRecord) -> str:
    """Return ``"failed"``, ``"doubtful"`` (done, with doubtful frames), ``"done"`` or ``"to do"``."""
    if record.status == "done":
        return "doubtful" if record.doubtful else "done"
    return "failed" if record.status == "failed" else "to do"


def urgency(record: CaseRecord) -> tuple[int, float, str]:
    """Return what to sort by: failed cases first, then those with the largest share of doubtful frames, then others."""
    share = record.doubtful / record.frames if record.frames else 0.0
    return (("failed", "doubtful", "done", "to do").index(kind_of(record)), -share, record.name)


def _article(out: Path, record: CaseRecord) -> str:
    kind = kind_of(record)
    place = quote(record.name)
    picture = ""
    if (out / record.name / "overview.png").exists():
        picture = f'<img src="{place}/overview.png" alt="Slices of {html.escape(record.name)} with outlines">'
    facts = [
        ("image", record.image),
        ("model", record.model),
        ("objects", str(record.objects)),
        ("slices", f"{record.frames}, {record.doubtful} doubtful"),
        ("volume", "" if record.volume_ml is None else f"{record.volume_ml:g} mL"),
        ("time", duration(record.seconds)),
        ("error", record.error),
    ]
    rows = "".join(f"<dt>{name}</dt><dd>{html.escape(text)}</dd>" for name, text in facts if text)
    session = f"{record.name}/{record.name}.sam2"
    link = ""
    if (out / session).exists():
        link = (
            f'<p><a href="{quote(session)}">session file</a>: open it in the dock widget with <i>Session ▸ Open</i></p>'
        )
    return (
        f'<article class="{kind}"><h2>{html.escape(record.name)}: {kind}</h2>{picture}<dl>{rows}</dl>{link}</article>'
    )
