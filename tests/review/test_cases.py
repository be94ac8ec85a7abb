"""Lists of cases from tables, folders and batches; one sentence for each line that cannot be used."""

from __future__ import annotations

import pytest

from napari_sam2.batch.records import CaseRecord, write_record
from napari_sam2.errors import ReadError
from napari_sam2.review import read_cases


def test_a_table_names_images_and_sessions_relative_to_itself(study):
    path = study.table("name,image,session,age", "first,a.nii.gz,a.sam2,70", ",b.nii.gz,,", ",,c.sam2,")
    cases = read_cases(path)
    assert [case.name for case in cases] == ["first", "b", "c"]
    assert [case.session for case in cases] == [study.folder / f"{n}.sam2" for n in "abc"]
    assert [case.image and case.image.name for case in cases] == ["a.nii.gz", "b.nii.gz", None]
    assert not any(case.problem for case in cases)


def test_each_line_that_cannot_be_used_says_why_and_the_others_stay(study):
    (study.folder / "broken.sam2").write_bytes((study.folder / "b.sam2").read_bytes()[:2000])
    (study.folder / "text.sam2").write_text("no session")
    path = study.table(
        "image,session",
        "a.nii.gz,a.sam2",
        "gone.nii.gz,",
        "a.nii.gz,gone.sam2",
        ",broken.sam2",
        ",text.sam2",
        "./a.nii.gz,a.sam2",
        ",",
        "a.nii.gz,c.sam2,three",
        "b.nii.gz,",
    )
    problems = [case.problem for case in read_cases(path)]
    expected = ["", "gone.nii.gz", "gone.sam2 does not exist", "cut off", "is no session file", "already, as a"]
    for problem, part in zip(problems, [*expected, "Line 8 names neither", "Line 9 has more fields", ""], strict=True):
        assert part in problem
        assert bool(part) == bool(problem)
        assert "\n" not in problem


def test_a_folder_lists_images_with_and_without_a_session_and_sessions_alone(study):
    (study.folder / "a.sam2").unlink()
    (study.folder / "b.nii.gz").unlink()
    (study.folder / "c_labels.nii.gz").write_bytes(b"")
    found = [(case.name, case.image is not None, case.session is not None) for case in read_cases(study.folder)]
    assert found == [("a", True, False), ("b", False, True), ("c", True, True)]


def test_a_batch_lists_its_cases_with_what_failed(study, tmp_path):
    out = tmp_path / "out"
    for name, status in (("a", "done"), ("b", "failed"), ("c", "running")):
        (out / name).mkdir(parents=True)
        error = "no memory" if status == "failed" else ""
        image = str(study.folder / f"{name}.nii.gz")
        write_record(out / name, CaseRecord(name, status, "x", image, error=error))
    (study.folder / "a.sam2").rename(out / "a" / "a.sam2")
    cases = read_cases(out)
    assert [case.name for case in cases] == ["a", "b", "c"]
    assert (cases[0].session, cases[0].problem) == (out / "a" / "a.sam2", "")
    assert "no memory" in cases[1].problem
    assert "not computed" in cases[2].problem


@pytest.mark.parametrize(
    ("lines", "part"), [(["a,b", "1,2"], "no column 'image'"), (["image,session"], "holds no case")]
)
def test_what_is_no_list_is_refused(study, lines, part):
    with pytest.raises(ReadError, match=part):
        read_cases(study.table(*lines))


def test_a_table_in_another_encoding_and_a_missing_one_are_refused(study, tmp_path):
    path = study.folder / "latin.csv"
    path.write_bytes("image\nmünchen.nii.gz\n".encode("latin-1"))
    with pytest.raises(ReadError, match="UTF-8"):
        read_cases(path)
    with pytest.raises(ReadError, match="does not exist"):
        read_cases(tmp_path / "none.csv")
