"""The summary tells what the sessions hold, as a table and as one page without anything from elsewhere."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import napari_sam2 as ns
from napari_sam2.cli import main
from napari_sam2.errors import WriteError
from napari_sam2.review import ReviewList
from napari_sam2.review.summary import check_summary_path, summarise, summary_page, summary_table, write_summary
from support.predictors import FakePredictor

HOSTILE = '<script>alert("x")</script> & <img src=http://example.org/x.png>'


def reviewed(study):
    with_session = ns.VideoSession.open(study.folder / "a.sam2", FakePredictor())
    with_session.review(1, "accepted", HOSTILE)
    with_session.rename_object(1, "<b>node</b>")
    with_session.close()
    (study.folder / "c.nii.gz").unlink()
    review = ReviewList(study.table("image,session", "a.nii.gz,", "b.nii.gz,", ",c.sam2"))
    review.set_verdict(review.cases[0], "accepted", HOSTILE, "<i>AB")
    return review


def test_the_table_has_what_the_sessions_hold(study):
    table = summary_table(list(summarise(reviewed(study))))
    assert table["case"].tolist() == ["a", "b", "c"]
    first = table.iloc[0]
    # 3 x 4 and 3 x 5 voxels of 2 mm³.
    assert (first["size"], first["size_unit"], first["slices"]) == (pytest.approx(0.054), "mL", 2)
    assert (first["state"], first["comment"], first["case_comment"]) == ("accepted", HOSTILE, HOSTILE)
    # Two masks, the name, a review, another name.
    assert (first["interactions"], table.iloc[1]["interactions"]) == (5, 3)
    assert table.iloc[1]["seconds"] >= 0
    assert "c.nii.gz is not there any more" in table.iloc[2]["problem"]
    assert pd.isna(table.iloc[2]["object"])


def test_the_sessions_are_only_read(study):
    review = reviewed(study)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in study.folder.glob("*.sam2")}
    list(summarise(review))
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before


def test_effort_can_be_left_out(study):
    rows = list(summarise(reviewed(study), effort=False))
    table = summary_table(rows)
    assert table["interactions"].isna().all()
    assert table["seconds"].isna().all()
    assert "interactions" not in summary_page(rows, "x")
    assert "of work" not in summary_page(rows, "x")


def test_a_session_that_is_open_here_is_asked_itself(study):
    review = ReviewList(study.folder)
    path = study.folder / "b.sam2"
    session = ns.VideoSession.open(path, FakePredictor())
    session.rename_object(1, "renamed")
    assert "open" in list(summarise(review))[1].problem
    (found,) = list(summarise(review, live={path: session}))[1].findings.objects
    assert found.name == "renamed"
    session.close()


def test_the_page_is_one_file_that_loads_nothing_and_runs_nothing(study):
    page = summary_page(list(summarise(reviewed(study))), "<list>")
    tags = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.append((tag, dict(attrs)))

    Reader().feed(page)
    names = {tag for tag, _ in tags}
    assert not names & {"script", "link", "iframe", "b", "i", "a"}
    sources = [attrs["src"] for tag, attrs in tags if tag == "img"]
    assert len(sources) == 2
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not [value for _, attrs in tags for name, value in attrs.items() if name.startswith("on")]
    assert "default-src 'none'" in page
    assert "&lt;script&gt;" in page
    assert "&lt;list&gt;" in page
    assert "3 cases: 1 accepted, 2 not reviewed; 1 could not be read" in page


def test_the_picture_is_the_largest_slice_with_the_outline(study):
    page = summary_page(list(summarise(ReviewList(study.folder))), "x")
    data = re.search(r"base64,([^\"]+)", page)[1]
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"), int)
    assert picture.shape == (213, 320, 3)
    assert "slice 3, the largest" in page
    colored = np.ptp(picture, axis=2) > 60
    rows, columns = np.flatnonzero(colored.any(axis=1)), np.flatnonzero(colored.any(axis=0))
    # Rows 5 to 7 and columns 10 to 14 of 20 x 30.
    assert (rows.min() / 213 * 20, rows.max() / 213 * 20) == pytest.approx((5, 8), abs=0.5)
    assert (columns.min() / 320 * 30, columns.max() / 320 * 30) == pytest.approx((10, 15), abs=0.5)


def test_the_command_writes_both_files(study, tmp_path, capsys):
    reviewed(study)
    assert main(["review", str(study.folder / "list.csv"), "--out", str(tmp_path / "summary.html")]) == 0
    told = capsys.readouterr()
    assert "c: " in told.err
    assert "summary.csv" in told.out
    assert len(pd.read_csv(tmp_path / "summary.csv")) == 3
    assert (tmp_path / "summary.html").read_text().count("<article>") == 3


def test_the_command_does_not_replace_its_own_list(study, monkeypatch, capsys):
    """The list may well be called review.csv; its summary then has another name, or is refused."""
    monkeypatch.chdir(study.folder)
    table = study.table("image,session", "a.nii.gz,").rename("review.csv")
    before = table.read_text()
    assert main(["review", "review.csv"]) == 0
    assert table.read_text() == before
    assert (study.folder / "review_summary.html").exists()
    assert main(["review", "review.csv", "--out", "review.html"]) == 2
    assert "it is the list of cases" in capsys.readouterr().err
    assert table.read_text() == before
    assert not (study.folder / "review.html").exists()


@pytest.mark.parametrize("name", ["results.html", "summary.html"])
def test_the_results_of_a_batch_are_not_replaced(study, name):
    (study.folder / "a").mkdir()
    (study.folder / "a" / "case.json").write_text("{}")
    with pytest.raises(WriteError, match="belongs to a batch"):
        check_summary_path(study.folder / name, study.folder)


def test_pixels_that_are_not_square_are_shown_in_their_shape(tmp_path):
    volume = ns.ImageVolume(np.zeros((6, 20, 30), np.int16), spacing=(2, 1, 1), units="mm")
    ns.write_labels(tmp_path / "a.nii.gz", volume.array, volume)
    session = ns.VideoSession(FakePredictor(), ns.read_volume(tmp_path / "a.nii.gz"), frame_axis="y")
    session.edit_mask(1, 4, np.ones((6, 30), bool))
    session.save(tmp_path / "a.sam2")
    session.close()
    rows = list(summarise(ReviewList(tmp_path)))
    assert Image.open(io.BytesIO(rows[0].findings.picture)).size == (320, 128)
    assert [path.name for path in write_summary(tmp_path / "s.html", rows, "x")] == ["s.csv", "s.html"]
