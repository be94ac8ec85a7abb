"""The session file of the dock widget: kept from the first mark, opened again, recovered, closed in good order."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.errors import SessionFileError
from napari_sam2.io.napari_reader import read_layers
from napari_sam2.sample_data import sample_path
from napari_sam2.widgets.places import Recent, new_place, peek, user_folder


@pytest.fixture
def image_file(tmp_path, volume_data):
    """A NIfTI file of the volume, alone in its folder."""
    path = tmp_path / "study" / "ct.nii.gz"
    path.parent.mkdir()
    volume = ns.ImageVolume(volume_data, axes="zyx", spacing=(3, 0.7, 0.7), units="mm")
    ns.write_labels(path, volume_data.astype(np.uint16), volume)
    return path


@pytest.fixture
def file_desk(desk, image_file):
    """``make() → Desk`` with the image opened from its file by our reader."""

    def make():
        data, options, _ = read_layers(str(image_file))[0]
        del options["name"]
        return desk(data, **options)

    return make


def test_a_session_is_kept_beside_its_image_from_the_first_mark(file_desk, image_file):
    d = file_desk()
    path = image_file.with_name("ct.sam2")
    d.settle()
    assert not path.exists()
    d.click(5, 20, 25)
    assert d.session.path == path
    assert d.widget.session.file_label.text() == "ct.sam2"
    assert Recent().paths() == [path]
    d.controller.close()
    known = peek(path)
    assert known.closed
    with_mask = ns.VideoSession.open(path, predictor=d.predictor)
    assert with_mask.labels()[5, 20, 25] == 1
    with_mask.close()


def test_an_image_from_no_file_is_kept_in_the_users_folder(desk, volume_data):
    d = desk(volume_data)
    d.click(5, 20, 25)
    assert d.session.path == user_folder() / "sessions" / "picture.sam2"
    d.controller.close()
    again = desk(volume_data)
    again.click(5, 20, 25)
    assert again.session.path.name == "picture-2.sam2"


def test_an_earlier_session_of_the_image_is_offered_and_never_overwritten(file_desk, image_file):
    d = file_desk()
    d.drag(5, 5, 5, 20, 20)
    d.controller.close()
    first = image_file.with_name("ct.sam2").read_bytes()
    ignoring = file_desk()
    ignoring.settle()
    assert ignoring.widget.session.offer_button.text() == "Go on with ct.sam2"
    ignoring.click(2, 20, 25)
    assert ignoring.session.path.name == "ct-2.sam2"
    assert not ignoring.widget.session.offer_button.isVisibleTo(ignoring.widget)
    assert image_file.with_name("ct.sam2").read_bytes() == first


def test_opening_brings_back_image_window_axis_marks_and_labels(file_desk, make_napari_viewer, qtbot):
    from napari_sam2.widgets.segment import SegmentWidget

    d = file_desk()
    d.controller.choices.choose_axis("y")
    d.image.contrast_limits = (100, 700)
    d.controller.tools.take("box")
    d.workspace.boxes.add_rectangles(np.array([(2, 7, 5), (2, 7, 20), (8, 7, 20), (8, 7, 5)], float))
    d.settle()
    d.controller.objects.rename(1, "kidney")
    d.controller.propagate("both")
    d.settle()
    d.controller.objects.add()
    d.click(3, 9, 40)
    labels, path = d.labels.copy(), d.session.path
    d.controller.close()
    viewer = make_napari_viewer()
    widget = SegmentWidget(viewer, load=lambda *_: d.predictor)
    viewer.window.add_dock_widget(widget)
    widget.session.open_chosen.emit(str(path))
    qtbot.waitUntil(lambda: not widget.controller.busy, timeout=10000)
    choices = widget.controller.choices
    assert choices.image.name
    assert tuple(choices.image.contrast_limits) == (100, 700)
    assert choices.axis == "y"
    assert viewer.dims.order[0] == 1
    assert np.array_equal(choices.workspace.labels.data, labels)
    assert [o.name for o in choices.handle.session.objects.values()] == ["kidney", "object 2"]
    assert choices.workspace.points.data.tolist() == [[3, 9, 40]]
    assert choices.workspace.boxes.nshapes == 1
    assert choices.handle.session.path == path
    # It is the same log: undo takes back the last mark.
    widget.controller.step(back=True)
    qtbot.waitUntil(lambda: not widget.controller.busy, timeout=10000)
    assert len(choices.workspace.points.data) == 0
    assert list(choices.handle.session.objects) == [1]
    widget.controller.close()


def test_opening_takes_the_image_that_is_in_the_viewer(desk, volume_data):
    d = desk(volume_data)
    d.click(5, 20, 25)
    path = d.session.path
    d.controller.close()
    again = desk(volume_data)
    again.viewer.add_image(volume_data + 1, name="another")
    again.click(2, 5, 5)
    other = again.session.path
    again.controller.files.open(str(path))
    again.settle()
    assert again.controller.choices.image is again.image
    assert again.workspace.points.data.tolist() == [[5, 20, 25]]
    assert again.session.prompted_frames(1) == [5]
    assert not again.labels[2].any()
    assert peek(other).closed
    assert again.labels[5, 20, 25] == 1


def test_a_session_that_was_not_closed_is_offered_for_recovery(desk, volume_data):
    d = desk(volume_data)
    d.click(5, 20, 25)
    path = d.session.path
    # What a killed process leaves: the file as it is, unlocked, not marked as closed.
    d.session._file.abandon()
    d.session._file = None
    d.session._history.bind(None)
    again = desk(volume_data)
    again.settle()
    panel = again.widget.session
    assert panel.offer_button.text() == f"Recover {path.name}"
    assert [a.text().split()[0] for a in panel.recover_menu.actions()] == [path.name]
    panel.offer_button.click()
    again.settle()
    assert again.labels[5, 20, 25] == 1
    assert not panel.recover_menu.actions()
    again.controller.close()
    assert peek(path).closed


def test_autosave_can_be_switched_off_and_saving_by_hand_binds(desk, volume_data, tmp_path):
    d = desk(volume_data)
    d.widget.advanced.autosave_box.setChecked(False)
    d.click(5, 20, 25)
    assert d.session.path is None
    assert "autosave is off" in d.widget.session.file_label.text()
    target = tmp_path / "mine.sam2"
    d.widget.session.save_chosen.emit(str(target))
    d.settle()
    assert d.session.path == target
    d.click(6, 20, 25)
    assert [a.text().split()[0] for a in d.widget.session.recent_menu.actions()] == ["mine.sam2"]
    assert json.loads((user_folder() / "recent.json").read_text()) == [str(target)]


def test_a_folder_that_refuses_is_one_warning_and_the_work_goes_on(desk, volume_data, monkeypatch, tmp_path, warned):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("NAPARI_SAM2_DATA", str(tmp_path / "file" / "below"))
    d = desk(volume_data)
    d.click(5, 20, 25)
    d.click(6, 20, 25)
    assert len(warned) == 1
    assert "in memory only" in warned[0]
    assert d.labels[5, 20, 25] == d.labels[6, 20, 25] == 1


def test_a_file_that_fails_later_is_one_warning_and_the_next_step_gets_a_new_file(
    desk, volume_data, monkeypatch, warned
):
    d = desk(volume_data)
    d.click(5, 20, 25)
    first = d.session.path
    monkeypatch.setattr(d.session._file, "append", refuse)
    d.click(6, 20, 25)
    assert warned == ["The disk is full."]
    assert d.labels[6, 20, 25] == 1
    d.click(7, 20, 25)
    assert warned == ["The disk is full."]
    assert d.session.path not in (None, first)
    path, labels = d.session.path, d.labels.copy()
    d.controller.close()
    again = ns.VideoSession.open(path, predictor=d.predictor, volume=ns.ImageVolume(volume_data))
    assert np.array_equal(again.labels(), labels)
    again.close()


def test_a_file_that_fails_in_the_middle_of_a_run_does_not_end_it(desk, volume_data, monkeypatch, warned):
    d = desk(volume_data)
    d.drag(0, 5, 5, 20, 20)
    append, calls = d.session._file.append, []

    def refuse_the_fourth(*arguments):
        calls.append(arguments)
        if len(calls) > 3:
            refuse()
        append(*arguments)

    monkeypatch.setattr(d.session._file, "append", refuse_the_fourth)
    d.controller.propagate("both")
    d.settle()
    assert warned == ["The disk is full."]
    assert d.labels.any(axis=(1, 2)).all()
    assert np.array_equal(d.labels, d.session.labels())


def refuse(*_):
    raise SessionFileError("The disk is full.")


def test_what_was_drawn_a_moment_before_closing_is_kept(desk, volume_data):
    d = desk(volume_data)
    d.click(5, 20, 25)
    d.controller.choices.show_frame(7)
    d.controller.tools.take("brush")
    path = d.session.path
    d.predictor.delay = 0.5
    d.workspace.points.add([6, 20, 25])
    d.qtbot.wait(50)
    d.workspace.labels.paint((7, 30, 30), 1)
    d.workspace.points.add([8, 20, 25])
    d.controller.close()
    again = ns.VideoSession.open(path, predictor=d.predictor, volume=ns.ImageVolume(volume_data))
    assert again.prompted_frames(1) == [5, 6, 8]
    assert again.mask(1, 7)[30, 30]
    again.close()


def test_closing_the_viewer_closes_the_file(make_napari_viewer, predictor, qtbot, volume_data):
    from napari_sam2.widgets.segment import SegmentWidget

    viewer = make_napari_viewer()
    viewer.add_image(volume_data, name="picture")
    widget = SegmentWidget(viewer, load=lambda *_: predictor)
    viewer.window.add_dock_widget(widget)
    controller = widget.controller
    controller.tools.take("point")
    controller.choices.workspace.points.add([5, 20, 25])
    qtbot.waitUntil(lambda: not controller.busy, timeout=10000)
    path = controller.choices.handle.session.path
    with pytest.raises(SessionFileError, match="open in another session"):
        peek(path)
    viewer.close()
    assert peek(path).closed


def test_new_places_never_exist(tmp_path, volume_data):
    folder = tmp_path / "a.b"
    folder.mkdir()
    image = folder / "ct.abdomen.tif"
    image.write_bytes(b"")
    volume = ns.ImageVolume(volume_data, source=ns.volume.VolumeSource((image,)))
    assert new_place(volume) == folder / "ct.abdomen.sam2"
    (folder / "ct.abdomen.sam2").write_bytes(b"")
    assert new_place(volume) == folder / "ct.abdomen-2.sam2"


def test_a_sample_is_not_written_beside():
    volume = ns.read_volume(sample_path("brain_mr"))
    assert new_place(volume).parent == user_folder() / "sessions"


def test_a_broken_list_of_recent_files_is_an_empty_one(tmp_path):
    user_folder().mkdir(parents=True)
    (user_folder() / "recent.json").write_text("{")
    assert Recent().paths() == []
    Recent().note(tmp_path)
    assert Recent().paths() == [Path(tmp_path)]
