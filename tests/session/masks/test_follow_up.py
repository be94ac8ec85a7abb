"""A session on a later image, with the objects of an earlier one to be checked."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_sam2.core.volume import ImageVolume, VolumeSource
from napari_sam2.errors import NapariSam2Error, PromptError, VolumeError
from napari_sam2.session import VideoSession
from support.predictors import FakePredictor
from support.session_view import filled

SHAPE = (20, 40, 40)


def scan(offset=(0.0, 0.0, 0.0), spacing=(3.0, 1.0, 1.0), shape=SHAPE, uid=""):
    """A smooth body in the patient, as an image whose first voxel lies at ``offset`` (x, y, z)."""
    z, y, x = np.indices(shape, dtype=float)
    places = [x * spacing[2] + offset[0], y * spacing[1] + offset[1], z * spacing[0] + offset[2]]
    body = np.exp(-(((places[0] - 22) / 9) ** 2 + ((places[1] - 17) / 6) ** 2 + ((places[2] - 30) / 12) ** 2))
    lump = 0.7 * np.exp(-(((places[0] - 12) / 4) ** 2 + ((places[1] - 27) / 4) ** 2 + ((places[2] - 22) / 8) ** 2))
    affine = np.array([[0, 0, spacing[2], offset[0]], [0, spacing[1], 0, offset[1]], [spacing[0], 0, 0, offset[2]]])
    source = VolumeSource(format="dicom", header={"frame_of_reference_uid": uid}) if uid else None
    array = (100 * (body + lump)).astype(np.float32)
    return ImageVolume(array, spacing=spacing, affine=np.vstack([affine, [0, 0, 0, 1]]), units="mm", source=source)


def segmented(volume):
    session = VideoSession(FakePredictor(), volume)
    for frame in range(SHAPE[0]):
        mask = volume.array[frame] > 50
        if mask.any():
            session.edit_mask(3, frame, mask)
    session.rename_object(3, "lesion")
    return session


def truth(volume, frame):
    return volume.array[frame] > 50


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def test_the_objects_come_through_the_space_of_the_patient_on_key_frames():
    later = scan(offset=(5.0, -4.0, 6.0), spacing=(2.0, 0.8, 0.8), shape=(30, 60, 45))
    session = segmented(scan()).open_follow_up(later)
    keys = filled(session, 3)
    assert 2 <= len(keys) <= 3
    assert all(dice(session.mask(3, f), truth(later, f)) > 0.85 for f in keys)
    assert session.objects[3].name == "lesion"
    assert session.objects[3].review.state == "needs edit"
    assert [step.name for step in session.steps] == ["open_follow_up"]


def test_nothing_follows_from_a_mask_before_it_is_accepted():
    session = segmented(scan()).open_follow_up(scan())
    frame = filled(session, 3)[0]
    with pytest.raises(PromptError, match="nothing to propagate"):
        session.propagate()
    session.lock(obj_id=3, frame=frame)
    assert len(list(session.propagate(frames=range(frame, frame + 2)))) == 1
    session.add_points(3, filled(session, 3)[-1], [(20, 20)])
    assert session.predict_frame(filled(session, 3)[-1])[3].any()


def test_it_is_saved_opened_and_replayed(tmp_path):
    session = segmented(scan()).open_follow_up(scan())
    labels = session.labels()
    session.save(tmp_path / "later.sam2")
    session.close()
    again = VideoSession.open(tmp_path / "later.sam2", FakePredictor(), scan())
    assert np.array_equal(again.labels(), labels)
    assert again.replay() == 0
    assert again.undo()
    assert again.objects == {}
    again.close()


def test_a_patient_who_lies_otherwise_is_registered():
    moved = scan(offset=(-4.0, 3.0, 3.0))
    # The header of the later image says nothing of the shift.
    later = ImageVolume(moved.array, spacing=(3.0, 1.0, 1.0), affine=scan().affine, units="mm")
    by_header = segmented(scan()).open_follow_up(later, registration="frame")
    registered = segmented(scan()).open_follow_up(later, registration="rigid")
    scores = [
        np.mean([dice(session.mask(3, f), truth(later, f)) for f in filled(session, 3)])
        for session in (by_header, registered)
    ]
    assert scores[1] > 0.9
    assert scores[1] > scores[0] + 0.1


def test_different_frames_of_reference_are_refused_unless_registered():
    earlier = segmented(scan(uid="1.2"))
    with pytest.raises(VolumeError, match="different frames of reference"):
        earlier.open_follow_up(scan(uid="1.3"))
    assert earlier.open_follow_up(scan(uid="1.2")).objects


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"registration": "affine"}, "'frame' or 'rigid'"),
        ({"volume_next": scan(offset=(900.0, 0.0, 0.0))}, "No object lies within"),
        ({"volume_next": SimpleNamespace()}, "must be an ImageVolume"),
        ({"volume_next": ImageVolume(np.zeros((4, 5, 6)), axes="tyx")}, "three spatial axes|no axis"),
    ],
)
def test_what_cannot_be_carried_over_is_said(how, says):
    with pytest.raises(NapariSam2Error, match=says):
        segmented(scan()).open_follow_up(**{"volume_next": scan(), **how})


def test_without_an_object_there_is_nothing_to_carry_over():
    with pytest.raises(PromptError, match="no object to carry"):
        VideoSession(FakePredictor(), scan()).open_follow_up(scan())
