"""The table and the page of a batch."""

from __future__ import annotations

from napari_sam2.batch.records import CaseRecord
from napari_sam2.batch.report import results_table, write_results


def record(name, status="done", frames=10, doubtful=0):
    return CaseRecord(name, status, "f", f"{name}.nii", frames=frames, doubtful=doubtful)


CASES = [
    record("fine"),
    record("left", "running", 0),
    record("few", doubtful=1),
    record("broken", "failed", 0),
    record("many", doubtful=5),
]


def test_what_was_not_computed_is_to_do() -> None:
    assert list(results_table(CASES)["status"]) == ["done", "to do", "done", "failed", "done"]


def test_the_page_begins_with_what_to_look_at(tmp_path) -> None:
    write_results(tmp_path, CASES)
    page = (tmp_path / "summary.html").read_text()
    places = [page.index(f"<h2>{title}<") for title in (
        "broken: failed", "many: doubtful", "few: doubtful", "fine: done", "left: to do",
    )]  # fmt: skip
    assert places == sorted(places)
    assert "1 failed, 2 with doubtful slices, 1 to do." in page


def test_names_are_no_markup(tmp_path) -> None:
    write_results(tmp_path, [record("a<b>&c", "failed")])
    page = (tmp_path / "summary.html").read_text()
    assert "a&lt;b&gt;&amp;c" in page
    assert "<b>" not in page


def test_of_very_many_cases_the_page_shows_those_to_look_at_first(tmp_path) -> None:
    write_results(tmp_path, [*(record(f"fine{i}") for i in range(600)), record("broken", "failed")])
    page = (tmp_path / "summary.html").read_text()
    assert page.count("<article") == 500
    assert "broken: failed" in page
    assert "101 more are in results.csv" in page
    assert len((tmp_path / "results.csv").read_text().splitlines()) == 602
