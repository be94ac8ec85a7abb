"""Follow up in a real window: what comes is a session of the later image, in which nothing counts yet."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.volume import ImageVolume, VolumeSource
from napari_sam2.layers.volume_layers import layer_data
from napari_sam2.plugin.dock_widget import SegmentWidget
from napari_sam2.session import VideoSession
from napari_sam2.widgets.forms.follow_up_dock import FollowUpDock
from support.predictors import FakePredictor


def scan(offset=(0.0, 0.0, 0.0), uid="1.2.3"):
    """A smooth body, as an image whose first voxel lies at ``offset`` (x, y, z) in the patient."""
    z, y, x = np.indices((16, 40, 44), dtype=float)
    body = np.exp(
        -(((x + offset[0] - 22) / 9) ** 2 + ((y + offset[1] - 17) / 6) ** 2 + ((3 * z + offset[2] - 24) / 12) ** 2)
    )
    lump = 0.7 * np.exp(
        -(((x + offset[0] - 10) / 4) ** 2 + ((y + offset[1] - 29) / 4) ** 2 + ((3 * z + offset[2] - 18) / 8) ** 2)
    )
    affine = np.array([[0, 0, 1, offset[0]], [0, 1, 0, offset[1]], [3, 0, 0, offset[2]], [0, 0, 0, 1]], float)
    source = VolumeSource(format="dicom", header={"frame_of_reference_uid": uid})
    array = (100 * (body + lump)).astype(np.float32)
    return ImageVolume(array, spacing=(3, 1, 1), affine=affine, units="mm", source=source)


class Desk:
    def __init__(self, viewer, qtbot):
        self.viewer, self.qtbot = viewer, qtbot
        self.segment = SegmentWidget(viewer, load=lambda name, device: FakePredictor())
        viewer.window.add_dock_widget(self.segment, name="Segment with SAM 2")
        self.dock = FollowUpDock(viewer, lambda: self.segment)
        viewer.window.add_dock_widget(self.dock, name="Follow up")
        self.fields = self.dock._fields

    def add(self, volume, name):
        data, options, _ = layer_data(volume, name)
        return self.viewer.add_image(data, **options)

    def press(self):
        self.fields.call_button.native.click()
        self.settle()
        return self.dock.status.text()

    def settle(self):
        self.qtbot.waitUntil(lambda: not self.dock.task.running, timeout=60000)
        self.qtbot.waitUntil(lambda: not self.segment.controller.busy, timeout=20000)

    @property
    def session(self):
        return self.segment.controller.selection.worker.session


@pytest.fixture
def desk(make_napari_viewer, qtbot):
    made = Desk(make_napari_viewer(), qtbot)
    yield made
    made.dock.close_down()
    made.settle()
    made.segment.controller.close()


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def test_labels_of_the_earlier_image_come_to_the_later_one_and_are_to_be_checked(desk):
    before, after = scan(), scan((4.0, -3.0, 3.0))
    early, late = desk.add(before, "before"), desk.add(after, "after")
    labels = desk.viewer.add_labels((before.array > 50).astype(np.uint16), scale=early.scale, translate=early.translate)
    labels.features = {"index": [0, 1], "name": ["", "lesion"]}
    fields = desk.fields
    fields.source.value = "labels in the viewer"
    fields.later.value, fields.earlier.value, fields.labels_layer.value = late, early, labels
    text = desk.press()
    session = desk.session
    assert desk.segment.controller.selection.image is late
    frames = [int(f) for f in session.scores(1).index]
    assert f"1 object with {len(frames)} masks" in text
    assert str(session.path) in text
    assert all(dice(session.mask(1, f), after.array[f] > 50) > 0.85 for f in frames)
    assert (session.objects[1].name, session.reviews[1].state) == ("lesion", "needs edit")
    assert not session.accepted_masks(1)
    assert desk.viewer.layers["SAM 2 labels"].data[frames[0]].any()
    # Once it is accepted, it counts.
    desk.segment.controller.selection.show_frame(frames[0])
    desk.segment.controller.review.toggle_lock()
    desk.settle()
    assert list(session.accepted_masks(1)) == [frames[0]]


def earlier_file(volume, path):
    session = VideoSession(FakePredictor(), volume)
    for frame in range(16):
        if (volume.array[frame] > 50).any():
            session.edit_mask(3, frame, volume.array[frame] > 50)
    session.save(path)
    session.close()


def test_a_session_file_is_only_read_and_other_frames_of_reference_ask_for_registration(desk, tmp_path, monkeypatch):
    before, after = scan(), scan((6.0, -4.0, 3.0), uid="9.9")
    # The same patient, who lies elsewhere in the new frame of reference.
    after = ImageVolume(after.array, spacing=after.spacing, affine=before.affine, units="mm", source=after.source)
    path = tmp_path / "before.sam2"
    earlier_file(before, path)
    held = path.read_bytes()
    monkeypatch.setattr("napari_sam2.session.storage.file_link.image_identity.find", lambda image, file: before)
    late = desk.add(after, "after")
    desk.fields.later.value, desk.fields.session.value = late, path
    assert "different frames of reference" in desk.press()
    assert desk.session is None
    desk.fields.registration.value = "rigid"
    assert "1 object with" in desk.press()
    session = desk.session
    frames = [int(f) for f in session.scores(3).index]
    assert all(dice(session.mask(3, f), after.array[f] > 50) > 0.8 for f in frames)
    assert path.read_bytes() == held


def test_what_is_missing_is_told_and_nothing_is_written(desk):
    assert "no later image" in desk.press()
    late = desk.add(scan(), "after")
    desk.fields.later.value = late
    assert "Choose the session file" in desk.press()
    desk.fields.source.value = "labels in the viewer"
    assert "Choose the earlier image" in desk.press()
    labels = desk.viewer.add_labels(np.zeros(late.data.shape, np.uint16), scale=late.scale, translate=late.translate)
    desk.fields.earlier.value, desk.fields.labels_layer.value = late, labels
    assert "the same layer" in desk.press()
    other = desk.add(scan(), "before")
    desk.fields.earlier.value = other
    assert "hold no object" in desk.press()
    assert desk.session is None
