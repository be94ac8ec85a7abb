"""Verdicts outlive the program, two readers and a full disk; steps pass over what cannot be opened."""

from __future__ import annotations

import json
import os

import pytest

from napari_sam2.errors import ReadError, WriteError
from napari_sam2.review import ReviewList, Verdict
from napari_sam2.session.storage.locations import user_folder


def test_a_verdict_and_the_last_case_are_there_again(study):
    path = study.table("image", "a.nii.gz", "b.nii.gz")
    review = ReviewList(path)
    assert (review.file, review.last, review.reviewed) == (study.folder / "list_review.json", None, 0)
    assert not review.file.exists()
    review.set_verdict(review.cases[1], "needs edit", 'margin "unclear"; ß', "AB")
    review.note_opened(review.cases[1])
    again = ReviewList(path)
    assert again.verdict(again.cases[1]) == Verdict("needs edit", 'margin "unclear"; ß', "AB")
    assert (again.verdict(again.cases[0]), again.last, again.reviewed) == (Verdict(), 1, 1)
    # A session that is begun meanwhile, and lines in another order, change nothing.
    (study.folder / "b.sam2").unlink()
    study.table("image", "b.nii.gz", "a.nii.gz")
    again = ReviewList(path)
    assert (again.verdict(again.cases[0]).state, again.last) == ("needs edit", 0)
    again.set_verdict(again.cases[0], None)
    assert json.loads(again.file.read_text())["cases"] == {}


def test_two_readers_do_not_lose_each_others_verdicts(study):
    one, other = ReviewList(study.folder), ReviewList(study.folder)
    one.set_verdict(one.cases[0], "accepted", reviewer="AB")
    other.set_verdict(other.cases[2], "rejected", reviewer="CD")
    found = ReviewList(study.folder)
    assert [found.verdict(case).state for case in found.cases] == ["accepted", None, "rejected"]
    assert other.verdict(other.cases[0]).reviewer == "AB"


def test_steps_pass_over_cases_that_cannot_be_opened(study):
    review = ReviewList(study.table("image", "x.nii.gz", "a.nii.gz", "y.nii.gz", "b.nii.gz"))
    assert [review.step(i, 1) for i in (None, 1, 3)] == [1, 3, None]
    assert [review.step(i, -1) for i in (None, 3, 1)] == [3, 1, None]


def test_a_write_that_fails_changes_nothing(study, monkeypatch):
    review = ReviewList(study.folder)
    review.set_verdict(review.cases[0], "accepted")
    before = review.file.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(WriteError, match="No space"):
        review.set_verdict(review.cases[0], "rejected")
    assert review.file.read_bytes() == before
    assert review.verdict(review.cases[0]).state == "accepted"
    assert sorted(p.name for p in study.folder.iterdir() if p.name.startswith(".")) == []


def test_beside_what_is_read_only_the_progress_is_kept_for_the_user(study, monkeypatch):
    allowed = os.access
    monkeypatch.setattr(
        os,
        "access",
        lambda path, mode: not (mode == os.W_OK and str(path).startswith(str(study.folder))) and allowed(path, mode),
    )
    review = ReviewList(study.folder)
    review.set_verdict(review.cases[0], "accepted")
    assert review.file.parent == user_folder() / "reviews"
    assert not (study.folder / "review.json").exists()
    assert ReviewList(study.folder).reviewed == 1


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"version": 1}', '{"version": 1, "cases": {"a": {"state": "fine", "comment": "", "reviewer": ""}}}'],
)
def test_a_file_that_is_no_progress_is_refused_and_left_alone(study, text):
    (study.folder / "review.json").write_text(text)
    with pytest.raises(ReadError, match=r"review\.json is not the progress"):
        ReviewList(study.folder)
    assert (study.folder / "review.json").read_text() == text


def test_a_newer_file_and_an_unknown_state_are_refused(study):
    review = ReviewList(study.folder)
    with pytest.raises(ReadError, match="state='good'"):
        review.set_verdict(review.cases[0], "good")
    (study.folder / "review.json").write_text('{"version": 9}')
    with pytest.raises(ReadError, match="newer version"):
        ReviewList(study.folder)
