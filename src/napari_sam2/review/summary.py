"""The summary of a review: a table, and one page with a picture of each case that needs nothing beside it."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from napari_sam2.batch.records import RECORD_NAME, RESULTS_NAME, SUMMARY_NAME
from napari_sam2.core.atomic_write import replacing
from napari_sam2.core.formatting import duration
from napari_sam2.core.paths import is_same_file
from napari_sam2.errors import NapariSam2Error, WriteError
from napari_sam2.io.tables import write_table
from napari_sam2.review.findings import CaseFindings, ObjectFinding, findings_of, read_findings
from napari_sam2.review.progress import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from napari_sam2.review.case_list import ReviewList
    from napari_sam2.review.cases import ReviewCase
    from napari_sam2.session import VideoSession

_COLUMNS = [
    "case", "image", "session", "case_state", "case_comment", "reviewer", "problem", "interactions", "seconds",
    "object", "name", "state", "comment", "slices", "doubtful", "size", "size_unit",
]  # fmt: skip
_NOT_REVIEWED = "not reviewed"
# Nothing of the page may load anything: neither a script nor a picture from elsewhere.
_HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\"><title>Review of {title}</title><style>"
    "body{{font:15px/1.4 system-ui,sans-serif;margin:2em;max-width:1100px}}"
    "article{{border-top:1px solid #ccc;padding:1em 0;display:flex;gap:1.5em}}article>div{{flex:1}}"
    ".picture{{flex:0 0 320px}}.picture img{{max-width:320px}}h2{{margin:0 0 .3em;font-size:1.2em}}"
    "table{{border-collapse:collapse}}td,th{{padding:.15em .8em .15em 0;text-align:left;vertical-align:top}}"
    ".swatch{{display:inline-block;width:.8em;height:.8em;margin-right:.4em}}.none{{color:#777}}"
    ".accepted{{color:#1a6b2f}}.rejected,.problem{{color:#a40000}}.needs-edit{{color:#8a5a00}}"
    "</style></head><body>\n"
)


@dataclass(frozen=True)
class SummaryRow:
    """A case, what was found of it, and what its session tells; ``problem`` says why it tells nothing."""

    case: ReviewCase
    verdict: Verdict
    findings: CaseFindings
    problem: str = ""


def summarise(
    review: ReviewList, *, effort: bool = True, live: Mapping[Path, VideoSession] | None = None
) -> Iterator[SummaryRow]:
    """Look into the sessions of all cases, one after the other.

    Parameters
    ----------
    review
        The list.
    effort
        Whether to tell interactions and time at work.
    live
        Sessions that are open in this program, by their file: these are asked instead of the file, which is locked.

    Yields
    ------
    SummaryRow
        Of each case, in the order of the list; what cannot be read has a sentence instead.
    """
    open_now = {path.resolve(): session for path, session in (live or {}).items()}
    for case in review.cases:
        session = None if case.session is None else open_now.get(case.session.resolve())
        found, problem = CaseFindings(()), case.problem
        if not problem:
            try:
                found = read_findings(case, effort=effort) if session is None else findings_of(session, effort=effort)
            except NapariSam2Error as error:
                problem = error.headline
        yield SummaryRow(case, review.verdict(case), found, problem)


def summary_table(rows: Sequence[SummaryRow]) -> pd.DataFrame:
    """Return a row for each object of each case; a case without an object has one row."""
    lines: list[dict[str, object]] = []
    for row in rows:
        of_case: dict[str, object] = {
            "case": row.case.name,
            "image": "" if row.case.image is None else str(row.case.image),
            "session": "" if row.case.session is None else str(row.case.session),
            "case_state": row.verdict.state or "",
            "case_comment": row.verdict.comment,
            "reviewer": row.verdict.reviewer,
            "problem": row.problem,
            "interactions": row.findings.interactions,
            "seconds": row.findings.seconds,
        }
        lines += [of_case | _of_object(each) for each in row.findings.objects] or [of_case]
    table = pd.DataFrame(lines, columns=_COLUMNS)
    whole = ("interactions", "object", "slices", "doubtful")
    return table.astype(dict.fromkeys(whole, "Int64"))


def check_summary_path(path: Path, source: Path) -> None:
    """Refuse a name under which a summary would replace what it is the summary of; for use before long work.

    Parameters
    ----------
    path
        Either of the two names that :func:`write_summary` writes.
    source
        Of the list of cases.

    Raises
    ------
    WriteError
        If one of the two files is the list itself, or a result of a batch.
    """
    of_batch = any(path.parent.glob(f"*/{RECORD_NAME}"))
    for target in files_of(path):
        if is_same_file(target, source):
            raise WriteError(f"{target} was not written: it is the list of cases.\nGive the summary another name.")
        if of_batch and target.name in (RESULTS_NAME, SUMMARY_NAME):
            raise WriteError(f"{target} was not written: it belongs to a batch.\nGive the summary another name.")


def write_summary(path: Path, rows: Sequence[SummaryRow], title: str) -> list[Path]:
    """Write the table as ``NAME.csv`` and the page as ``NAME.html``.

    Parameters
    ----------
    path
        Either of the two names; :func:`check_summary_path` tells which it must not be.
    rows
        Of :func:`summarise`.
    title
        What was reviewed, for the page.

    Returns
    -------
    list of Path
        The two files.

    Raises
    ------
    WriteError
        If the disk refuses.
    """
    table, page = files_of(path)
    write_table(table, summary_table(rows))
    with replacing(page) as part:
        part.write_text(summary_page(rows, title), encoding="utf-8")
    return [table, page]


def summary_page(rows: Sequence[SummaryRow], title: str) -> str:
    """Return the page as HTML; every text of a user is escaped, and pictures are part of the page."""
    states = [row.verdict.state or _NOT_REVIEWED for row in rows]
    counts = ", ".join(f"{states.count(s)} {s}" for s in dict.fromkeys(sorted(states)))
    broken = sum(bool(row.problem) for row in rows)
    counts += f"; {broken} could not be read" if broken else ""
    seconds = [row.findings.seconds for row in rows if row.findings.seconds is not None]
    counts += f"; {duration(sum(seconds))} of work" if seconds else ""
    articles = "\n".join(_article(row) for row in rows)
    return (
        _HEAD.format(title=escape(title))
        + f"<h1>Review of {escape(title)}</h1>\n<p>{len(rows)} cases: {counts}. Not a medical device.</p>\n"
        + f"{articles}\n</body></html>\n"
    )


def files_of(path: Path) -> tuple[Path, Path]:
    """Return the table and the page that a summary is written to, by the name of either."""
    return path.with_suffix(".csv"), path.with_suffix(".html")


def _of_object(found: ObjectFinding) -> dict[str, object]:
    return {
        "object": found.obj_id,
        "name": found.name,
        "state": found.state,
        "comment": found.comment,
        "slices": found.frames,
        "doubtful": found.doubtful,
        "size": found.size,
        "size_unit": found.size_unit,
    }


def _article(row: SummaryRow) -> str:
    verdict, found = row.verdict, row.findings
    picture = '<span class="none">no mask</span>'
    if found.picture:
        data = base64.b64encode(found.picture).decode()
        picture = (
            f'<img src="data:image/png;base64,{data}" alt="Slice {found.frame} with outlines">'
            f'<br><span class="none">slice {found.frame}, the largest</span>'
        )
    facts = [_state(verdict.state), escape(verdict.comment), escape(verdict.reviewer)]
    if found.interactions is not None:
        facts.append(f"{found.interactions} interactions")
    if found.seconds is not None and math.isfinite(found.seconds):
        facts.append(f"{duration(found.seconds)} of work")
    problem = f'<p class="problem">{escape(row.problem)}</p>' if row.problem else ""
    objects = "".join(map(_object_row, found.objects))
    if objects:
        objects = (
            "<table><tr><th>object</th><th>review</th><th>comment</th><th>slices</th><th>doubtful</th><th>size</th></tr>"
            f"{objects}</table>"
        )
    return (
        f'<article><div class="picture">{picture}</div><div><h2>{escape(row.case.name)}</h2>'
        f"<p>{' · '.join(filter(None, facts))}</p>{problem}{objects}</div></article>"
    )


def _object_row(found: ObjectFinding) -> str:
    red, green, blue = (round(255 * part) for part in found.color)
    size = f"{found.size:.3g} {found.size_unit}" if found.size < 1000 else f"{found.size:,.0f} {found.size_unit}"
    cells = (
        f'<span class="swatch" style="background:rgb({red},{green},{blue})"></span>{escape(found.name)}',
        _state(found.state),
        escape(found.comment),
        str(found.frames),
        str(found.doubtful),
        size,
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _state(state: str | None) -> str:
    name = state or _NOT_REVIEWED
    return f'<span class="{name.replace(" ", "-") if state else "none"}">{name}</span>'
