import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from filelock import FileLock

import napari_sam2 as ns
from napari_sam2.batch import read_jobs, run_batch
from napari_sam2.batch.case import run_case
from napari_sam2.batch.checks import check_job
from napari_sam2.batch.job import BoxOnFrame, Job
from napari_sam2.batch.records import read_record, write_record
from support.predictors import FakePredictor


@pytest.fixture
def job(study):
    return read_jobs(study)[0]


def test_a_case_leaves_labels_measurements_a_picture_a_session_and_a_record(job, tmp_path) -> None:
    record = run_case(job, tmp_path / "out", FakePredictor(shift=0))
    folder = tmp_path / "out" / "case0"
    assert record.status == "done", record.error
    assert {p.name for p in folder.iterdir()} - {".lock"} == {
        "case0.sam2", "case0_labels.nii.gz", "measurements.csv", "overview.png", "case.json",
    }  # fmt: skip
    volume = ns.read_volume(job.image)
    labels = ns.read_labels(folder / "case0_labels.nii.gz", volume)
    key = ns.read_labels(job.prompts, volume)
    # The stand-in for a model moves nothing: every slice has the mask of the key slice.
    assert all(np.array_equal(labels[z], key[4]) for z in range(8))
    assert read_record(folder) == record
    assert record.frames == 8
    assert record.volume_ml == pytest.approx(float((labels > 0).sum()) * 3e-3, rel=1e-3)
    assert "ball" in (folder / "measurements.csv").read_text()


def test_a_finished_case_is_not_computed_again(job, tmp_path) -> None:
    first = run_case(job, tmp_path, FakePredictor())
    again = FakePredictor()
    assert run_case(job, tmp_path, again) == first
    assert again.asked == []


def test_a_stopped_case_goes_on_from_its_session_file(job, tmp_path) -> None:
    class Stopped(Exception):
        pass

    def stop(done, total) -> None:
        if done == 3:
            raise Stopped

    first = run_case(job, tmp_path, FakePredictor(shift=0), progress=stop)
    assert first.status == "failed"
    assert "Stopped" in first.error
    assert "Traceback" in (tmp_path / "case0" / "error.txt").read_text()
    session = ns.VideoSession.open(tmp_path / "case0" / "case0.sam2", FakePredictor(), ns.read_volume(job.image))
    kept = session.objects[1].frames
    session.close()
    assert 2 <= kept < 8
    told = []
    second = run_case(job, tmp_path, FakePredictor(shift=0), progress=lambda done, total: told.append(total))
    assert second.status == "done"
    assert second.frames == 8
    assert max(told) <= 8 - kept + 1


def test_another_job_of_the_same_name_is_refused_and_the_results_stay(job, tmp_path) -> None:
    done = run_case(job, tmp_path, FakePredictor())
    before = (tmp_path / "case0" / "case0_labels.nii.gz").read_bytes()
    other = run_case(replace(job, direction="forward"), tmp_path, FakePredictor())
    assert other.status == "failed"
    assert "results of another job" in other.error
    assert read_record(tmp_path / "case0") == done
    assert (tmp_path / "case0" / "case0_labels.nii.gz").read_bytes() == before


def test_a_case_that_another_model_computed_is_not_done(job, tmp_path) -> None:
    run_case(job, tmp_path, FakePredictor())
    other = FakePredictor()
    other.name = "another"
    assert "results of another job" in run_case(job, tmp_path, other).error
    table = run_batch([job], tmp_path, model="starter", dry_run=True)
    assert list(table["status"]) == ["to do"]
    assert list(run_batch([job], tmp_path, model=FakePredictor().name, dry_run=True)["status"]) == ["done"]


@pytest.mark.parametrize(
    ("column", "given"),
    [
        ("axis", {"frame_axis": "z"}),
        ("at", {"at": {"t": 1}}),
        ("channel", {"channel": 0}),
        ("window", {"contrast_limits": (0.0, 1.0)}),
    ],
)
def test_what_a_session_file_has_of_its_own_is_refused_beside_it(job, tmp_path, column, given) -> None:
    session = ns.VideoSession(FakePredictor(), ns.read_volume(job.image))
    session.save(tmp_path / "own.sam2")
    session.close()
    job = replace(job, prompts=str(tmp_path / "own.sam2"))
    assert check_job(job, "starter") is None
    assert f"{column} has no effect beside a session file" in check_job(replace(job, **given), "starter")


def test_a_record_of_an_earlier_version_still_says_what_is_done(job, study, tmp_path, monkeypatch) -> None:
    """It knew no model of the whole batch, and paths as they were typed."""
    first = run_case(job, tmp_path, FakePredictor())
    earlier = replace(job, image="case0.nii.gz", prompts="case0_labels.nii.gz")
    write_record(tmp_path / "case0", replace(first, fingerprint=earlier.fingerprint, image=earlier.image))
    monkeypatch.chdir(study)
    again = FakePredictor()
    assert run_case(job, tmp_path, again).status == "done"
    assert again.asked == []
    # So too the path of a model of its own.
    earlier = replace(earlier, model="mine.pt")
    noted = replace(first, fingerprint=earlier.fingerprint, image=earlier.image, model="mine.pt")
    write_record(tmp_path / "case0", noted)
    assert run_case(replace(job, model=str(study / "mine.pt")), tmp_path, again).status == "done"
    assert again.asked == []


def test_a_case_is_done_by_whatever_way_its_list_is_given(study, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(study)
    run_case(read_jobs(".")[0], tmp_path, FakePredictor())
    again = FakePredictor()
    assert run_case(read_jobs(study)[0], tmp_path, again).status == "done"
    assert again.asked == []


def test_the_session_of_a_failed_job_is_moved_aside_not_lost(job, tmp_path) -> None:
    bad = replace(job, operations=(), direction="forward")
    run_case(bad, tmp_path, FakePredictor(), progress=lambda *_: 1 / 0)
    kept = (tmp_path / "case0" / "case0.sam2").read_bytes()
    assert run_case(job, tmp_path, FakePredictor()).status == "done"
    assert (tmp_path / "case0" / "case0-failed-1.sam2").read_bytes() == kept


def test_a_case_that_another_process_computes_is_left_alone(job, tmp_path) -> None:
    (tmp_path / "case0").mkdir()
    with FileLock(tmp_path / "case0" / ".lock"):
        record = run_case(job, tmp_path, FakePredictor(), wait_s=0.1)
    assert record.status == "failed"
    assert "being computed by another process" in record.error


def test_prompts_of_a_session_file_leave_that_file_as_it_is(study, tmp_path) -> None:
    volume = ns.read_volume(study / "case0.nii.gz")
    session = ns.VideoSession(FakePredictor(), volume)
    session.add_box(7, 2, (5, 6, 20, 30))
    session.rename_object(7, "liver")
    session.save(tmp_path / "mine.sam2")
    session.close()
    before = (tmp_path / "mine.sam2").read_bytes()
    job = Job("one", str(study / "case0.nii.gz"), prompts=str(tmp_path / "mine.sam2"))
    record = run_case(job, tmp_path / "out", FakePredictor(shift=0))
    assert record.status == "done", record.error
    assert (tmp_path / "mine.sam2").read_bytes() == before
    labels = ns.read_labels(tmp_path / "out" / "one" / "one_labels.nii.gz", volume)
    assert set(np.unique(labels)) == {0, 7}
    assert ns.io.read_label_names(tmp_path / "out" / "one" / "one_labels.nii.gz") == {7: "liver"}


def test_prompts_as_json_give_the_masks_of_the_session_that_wrote_them(study, tmp_path) -> None:
    volume = ns.read_volume(study / "case0.nii.gz")
    session = ns.VideoSession(FakePredictor(shift=0), volume)
    session.add_box(1, 2, (5, 6, 20, 30))
    session.add_points(2, 5, [(30, 40)])
    edited = np.zeros((40, 48), bool)
    edited[3:9, 4:7] = True
    session.edit_mask(2, 6, edited)
    for _ in session.propagate():
        pass
    session.export_prompts(tmp_path / "p.json")
    job = Job("one", str(study / "case0.nii.gz"), prompts=str(tmp_path / "p.json"))
    record = run_case(job, tmp_path, FakePredictor(shift=0))
    assert record.status == "done", record.error
    labels = ns.read_labels(tmp_path / "one" / "one_labels.nii.gz", volume)
    assert np.array_equal(labels, session.labels())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape": [9, 40, 48]}, "for an image of [9, 40, 48] along 'z', but this one has [8, 40, 48]"),
        ({"frame_axis": "y"}, "along 'y'"),
        ({"objects": [{"id": 1}]}, "damaged"),
        ({"version": 99}, "version 99"),
        ({"format": "other"}, "holds no prompts"),
    ],
)
def test_prompts_that_do_not_fit_are_a_sentence(study, tmp_path, change, said) -> None:
    session = ns.VideoSession(FakePredictor(), ns.read_volume(study / "case0.nii.gz"))
    session.add_box(1, 2, (5, 6, 20, 30))
    session.export_prompts(tmp_path / "p.json")
    document = json.loads((tmp_path / "p.json").read_text()) | change
    (tmp_path / "p.json").write_text(json.dumps(document))
    job = Job("one", str(study / "case0.nii.gz"), prompts=str(tmp_path / "p.json"))
    record = run_case(job, tmp_path, FakePredictor())
    assert record.status == "failed"
    assert said in record.error


def test_boxes_without_a_file_are_prompts(study, tmp_path) -> None:
    job = Job("one", str(study / "case0.nii.gz"), boxes=(BoxOnFrame(3, 4, (5, 6, 20, 30)),))
    assert run_case(job, tmp_path, FakePredictor(shift=0)).frames == 8


def test_an_image_that_cannot_be_read_is_a_failed_case(study, tmp_path) -> None:
    path = study / "broken.nii.gz"
    shutil.copy(study / "case0.nii.gz", path)
    path.write_bytes(path.read_bytes()[:200])
    record = run_case(Job("b", str(path), boxes=(BoxOnFrame(1, 0, (0, 0, 9, 9)),)), tmp_path, FakePredictor())
    assert record.status == "failed"
    assert "broken.nii.gz" in record.error
