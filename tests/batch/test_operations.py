"""Mask operations of a job, on sessions whose stand-in for a model moves nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.batch.case import run_case
from napari_sam2.batch.checks import check_job
from napari_sam2.batch.job import BoxOnFrame, Job
from napari_sam2.batch.operations import apply_operations
from napari_sam2.errors import NapariSam2Error
from support.predictors import FakePredictor

SHAPE = (4, 20, 30)


@pytest.fixture
def session():
    """Object 1 has a large and a small part on each slice, object 2 lies right of the large one."""
    volume = ns.ImageVolume(np.arange(np.prod(SHAPE)).reshape(SHAPE), axes="zyx", spacing=(4, 1, 1), units="mm")
    session = ns.VideoSession(FakePredictor(shift=0), volume)
    one, two = np.zeros((2, *SHAPE[1:]), bool)
    one[2:10, 2:10] = one[15:17, 2:4] = True
    two[2:10, 10:14] = True
    session.add_mask(1, 1, one)
    session.add_mask(2, 1, two)
    session.rename_object(1, "liver")
    for _ in session.propagate():
        pass
    return session


def apply(session, *operations):
    return apply_operations(session, [(name, values) for name, values in operations])[0]


def test_without_operations_the_labels_are_those_of_the_session(session) -> None:
    labels, names = apply_operations(session, ())
    assert np.array_equal(labels, session.labels())
    assert names == {1: "liver", 2: session.objects[2].name}


def test_the_session_stays_as_it_is(session) -> None:
    before = session.labels()
    assert not np.array_equal(apply(session, ("largest", {})), before)
    assert np.array_equal(session.labels(), before)


def test_largest_takes_the_small_part_away_of_each_object(session) -> None:
    labels = apply(session, ("largest", {}))
    assert not labels[:, 15:17].any()
    assert np.array_equal(labels[:, :12], session.labels()[:, :12])


def test_growing_by_millimetres_leaves_the_voxels_of_other_objects(session) -> None:
    labels = apply(session, ("largest", {}), ("grow", {"radius": 2.0}))
    # The slices are 4 mm apart: nothing grows to another one, and the neighbour keeps its voxels.
    assert (labels[1, 2:10, 10:14] == 2).all()
    assert (labels[1, 5, :2] == 1).all()
    assert labels[1, 5, 15] == 2
    assert labels[1, 5, 16] == 0


def test_another_object_is_named_by_its_number_and_left_as_it_is(session) -> None:
    labels = apply(session, ("union", {"other": 2.0}))
    assert (labels[1, 2:10, 2:14] == 1).all()
    both = apply(session, ("grow", {"radius": 1.0, "dimensions": 2.0}), ("subtract", {"other": 2}))
    assert (both[1, 2:10, 10:14] == 2).all()
    with pytest.raises(NapariSam2Error, match="names object 7, which is not there"):
        apply(session, ("union", {"other": 7}))


def test_a_range_of_values_is_that_of_the_image(session) -> None:
    labels = apply(session, ("threshold", {"low": 20 * 30 + 5 * 30}))
    assert not labels[0].any()
    assert not labels[1, :5].any()
    assert labels[1, 5:10, 2:10].all()


def test_parts_get_numbers_and_names_of_their_own(session) -> None:
    labels, names = apply_operations(session, [("split", {})])
    assert names == {1: "liver", 2: session.objects[2].name, 3: "liver 2"}
    assert {int(n) for n in np.unique(labels[1, 15:17, 2:4])} == {3}
    assert (labels[1, 2:10, 2:10] == 1).all()


def test_an_object_that_an_operation_empties_keeps_its_number(session) -> None:
    labels, names = apply_operations(session, [("remove_small", {"volume": 1e6}), ("split", {})])
    assert not labels.any()
    assert set(names) == {1, 2}


def test_along_another_axis_the_spacing_is_that_of_the_axis() -> None:
    volume = ns.ImageVolume(np.zeros((6, 8, 10)), axes="zyx", spacing=(5, 1, 1))
    session = ns.VideoSession(FakePredictor(shift=0), volume, frame_axis="x")
    mask = np.zeros((6, 8), bool)
    mask[3, 4] = True
    session.add_mask(1, 5, mask)
    session.predict_frame(5)
    labels = apply(session, ("grow", {"radius": 2.0}))
    assert np.argwhere(labels[:, :, 5])[:, 0].tolist() == [3] * 5
    assert labels[3, 4].nonzero()[0].tolist() == [3, 4, 5, 6, 7]


def test_time_points_are_treated_one_by_one() -> None:
    volume = ns.ImageVolume(np.zeros((3, 9, 9)), axes="tyx")
    session = ns.VideoSession(FakePredictor(shift=0), volume)
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    session.add_mask(1, 1, mask)
    session.predict_frame(1)
    labels = apply(session, ("grow", {"radius": 1.0}))
    assert labels.sum(axis=(1, 2)).tolist() == [0, 5, 0]


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (("smoothe", {}), "There is no operation 'smoothe'"),
        (("smooth", {}), "needs radius="),
        (("smooth", {"radius": -1.0}), "radius"),
        (("largest", {"radius": 1.0}), "has no parameter 'radius'"),
        (("largest", {"dimensions": 2.5}), "must be a whole number"),
        (("union", {}), "needs other="),
    ],
)
def test_the_checks_find_what_is_wrong_with_an_operation(tmp_path, operation, said) -> None:
    image = tmp_path / "a.nii.gz"
    image.write_bytes(b"x")
    job = Job("a", str(image), boxes=(BoxOnFrame(1, 0, (0, 0, 5, 5)),))
    assert check_job(job, "starter") is None
    problem = check_job(replace(job, operations=(operation,)), "starter")
    assert problem is not None
    assert said in problem


@pytest.mark.parametrize(
    "operation",
    [("copy_to", {"frame": 3.0}), ("threshold", {"low": 5.0}), ("subtract", {"other": 2.0}), ("split", {})],
)
def test_the_checks_pass_what_only_the_image_can_tell(tmp_path, operation) -> None:
    image = tmp_path / "a.nii.gz"
    image.write_bytes(b"x")
    job = Job("a", str(image), boxes=(BoxOnFrame(1, 0, (0, 0, 5, 5)),), operations=(operation,))
    assert check_job(job, "starter") is None


def test_a_case_writes_labels_and_measurements_after_its_operations(study, tmp_path) -> None:
    box = BoxOnFrame(1, 4, (5, 6, 20, 30))
    shrink = ("shrink", {"radius": 2.0})
    job = Job("one", str(study / "case0.nii.gz"), boxes=(box,), operations=(shrink,))
    record = run_case(job, tmp_path, FakePredictor(shift=0))
    assert record.status == "done", record.error
    volume = ns.read_volume(job.image)
    labels = ns.read_labels(tmp_path / "one" / "one_labels.nii.gz", volume)
    assert labels[4].sum() == (15 - 4) * (24 - 4)
    assert record.volume_ml == pytest.approx(float(labels.sum()) * 3e-3, rel=1e-3)
