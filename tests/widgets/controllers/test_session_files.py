"""The session file of the dock widget: kept from the first mark, opened again, recovered, closed in good order."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import nibabel
import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.core.volume import VolumeSource
from napari_sam2.errors import SessionFileError
from napari_sam2.interaction import earlier_sessions
from napari_sam2.interaction.earlier_sessions import undecided_folder
from napari_sam2.layers.volume_layers import read_layers
from napari_sam2.samples import sample_path
from napari_sam2.session.storage.locations import Recent, new_place, peek, user_folder
from napari_sam2.session.storage.session_file import SessionFile


@pytest.fixture
def image_file(tmp_path, volume_data):
    """A NIfTI file of the volume, alone in its folder."""
    path = tmp_path / "study" / "ct.nii.gz"
    path.parent.mkdir()
    nibabel.save(nibabel.Nifti1Image(volume_data.transpose(2, 1, 0), np.diag([-0.7, -0.7, 3, 1])), path)
    return path


@pytest.fixture
def file_desk(desk, image_file):
    """``make() → WidgetDriver`` with the image opened from its file by our reader."""

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
    assert not known.header.is_open
    with_mask = ns.VideoSession.open(path, predictor=d.predictor)
    assert with_mask.labels()[5, 20, 25] == 1
    with_mask.close()


def test_an_image_from_no_file_is_kept_in_the_users_folder(desk, volume_data):
    d = desk(volume_data)
    d.click(5, 20, 25)
    assert d.session.path == user_folder() / "sessions" / "picture.sam2"
    d.controller.close()
    again = desk(volume_data + 1)
    again.click(5, 20, 25)
    assert again.session.path.name == "picture-2.sam2"


def shown(widget):
    """What the widget asks about earlier sessions, empty where it asks nothing."""
    return widget.session.offer.label.text() if widget.session.offer.isVisibleTo(widget) else ""


def crash(session):
    """Leave a session as a killed process does: the file as it is, unlocked, not marked as closed."""
    session.detach()


@pytest.fixture(params=["beside the image", "in the user's folder"])
def image_desk(request, desk, file_desk, volume_data):
    """``make() → WidgetDriver`` with the same image each time, from a file and from none."""
    return file_desk if request.param == "beside the image" else lambda: desk(volume_data)


@pytest.mark.parametrize("end", ["closed", "crashed"])
def test_an_earlier_session_of_the_image_is_offered_until_one_is_chosen(image_desk, end):
    d = image_desk()
    d.drag(5, 5, 5, 20, 20)
    path = d.session.path
    if end == "crashed":
        crash(d.session)
    d.controller.close()
    first = path.read_bytes()
    again = image_desk()
    again.settle()
    assert "You worked on this image" in shown(again.widget)
    assert ("not closed in good order" in shown(again.widget)) == (end == "crashed")
    again.click(2, 20, 25)
    assert again.labels[2, 20, 25] == 1
    assert shown(again.widget)
    assert path.read_bytes() == first
    assert [p.name for p in path.parent.glob("*.sam2")] == [path.name]
    again.widget.session.offer.continue_button.click()
    again.settle()
    assert not shown(again.widget)
    assert again.session.path == path
    assert again.session.prompted_frames(1) == [5]
    assert not again.labels[2].any()
    assert "What was drawn before is kept in" in again.widget.status.text()


def test_starting_anew_takes_what_was_drawn_into_a_new_file(image_desk):
    d = image_desk()
    d.drag(5, 5, 5, 20, 20)
    path = d.session.path
    d.controller.close()
    first = path.read_bytes()
    again = image_desk()
    again.click(2, 20, 25)
    apart = again.session.path
    assert apart.parent == undecided_folder().resolve()
    again.widget.session.offer.anew_button.click()
    again.settle()
    assert not shown(again.widget)
    assert again.session.path == path.with_name(f"{path.stem}-2.sam2")
    assert again.session.prompted_frames(1) == [2]
    assert path.read_bytes() == first
    assert not apart.exists()
    assert again.session.path.name in again.widget.status.text()
    again.controller.choices.choose_axis("y")
    again.settle()
    assert not shown(again.widget)


def test_starting_anew_before_the_first_mark_keeps_the_file_beside_the_others(image_desk):
    d = image_desk()
    d.click(5, 20, 25)
    path = d.session.path
    d.controller.close()
    again = image_desk()
    again.settle()
    again.widget.session.offer.anew_button.click()
    again.click(2, 20, 25)
    assert again.session.path == path.with_name(f"{path.stem}-2.sam2")


def test_a_mark_before_the_look_for_earlier_sessions_ended_begins_no_second_file(image_desk, monkeypatch):
    d = image_desk()
    d.click(5, 20, 25)
    path = d.session.path
    d.controller.close()
    find = earlier_sessions.earlier_sessions
    monkeypatch.setattr(earlier_sessions, "earlier_sessions", lambda *a: (time.sleep(0.5), find(*a))[1])
    again = image_desk()
    again.click(2, 20, 25)
    assert shown(again.widget)
    assert [p.name for p in path.parent.glob("*.sam2")] == [path.name]


def test_work_that_was_never_decided_on_is_offered_the_next_time(image_desk):
    d = image_desk()
    d.click(5, 20, 25)
    d.controller.close()
    d = image_desk()
    d.click(2, 20, 25)
    d.controller.close()
    again = image_desk()
    again.settle()
    assert "1 more in Session" in shown(again.widget)
    again.widget.session.offer.continue_button.click()
    again.settle()
    assert again.session.prompted_frames(1) == [2]


def test_of_several_sessions_the_newest_is_offered_and_the_others_are_in_recent(image_desk):
    paths = []
    for frame in (3, 6, 9):
        d = image_desk()
        d.settle()
        if paths:
            d.widget.session.offer.anew_button.click()
        d.click(frame, 20, 25)
        paths.append(d.session.path)
        d.controller.close()
    os.utime(paths[1])
    again = image_desk()
    again.settle()
    assert "2 more in Session" in shown(again.widget)
    listed = [a.text().split()[0] for a in again.widget.session.recent_menu.actions()]
    assert sorted(listed) == sorted(p.name for p in paths)
    again.widget.session.offer.continue_button.click()
    again.settle()
    assert again.session.prompted_frames(1) == [6]


def test_another_image_of_the_same_shape_is_not_asked_about(desk, volume_data):
    d = desk(volume_data)
    d.click(5, 20, 25)
    d.controller.close()
    again = desk(volume_data + 1)
    again.settle()
    assert not shown(again.widget)
    again.controller.choices.choose_image(again.viewer.add_image(volume_data, name="the first"))
    again.settle()
    assert shown(again.widget)
    again.controller.choices.choose_image(again.image)
    assert not shown(again.widget)


def test_time_points_are_asked_about_one_by_one(desk):
    film = np.random.default_rng(0).integers(0, 1000, (3, 6, 40, 50)).astype(np.int16)

    def at(d, t):
        d.viewer.dims.set_current_step(0, t)
        d.controller.choices.choose_axis("z")
        d.settle()

    d = desk(film)
    for t in (0, 1):
        at(d, t)
        d.click(t, 2 + t, 20, 25)
    d.controller.close()
    again = desk(film)
    for t in (0, 1):
        at(again, t)
        assert shown(again.widget)
        again.widget.session.offer.continue_button.click()
        again.settle()
        assert again.session.prompted_frames(1) == [2 + t]
    at(again, 2)
    assert not shown(again.widget)


def test_where_a_session_is_kept_is_said_once(desk, volume_data):
    d = desk(volume_data)
    d.click(5, 20, 25)
    assert f"Every step is kept in {d.session.path}" in d.widget.status.text()
    d.controller.say("Something else.")
    d.click(6, 20, 25)
    assert "Every step" not in d.widget.status.text()


def test_opening_brings_back_image_window_axis_marks_and_labels(file_desk, make_napari_viewer, qtbot):
    from napari_sam2.plugin.dock_widget import SegmentWidget

    d = file_desk()
    d.controller.choices.choose_axis("y")
    d.image.contrast_limits = (100, 700)
    d.controller.tools.take("box")
    d.layer_group.boxes.add_rectangles(np.array([(2, 7, 5), (2, 7, 20), (8, 7, 20), (8, 7, 5)], float))
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
    assert np.array_equal(choices.layer_group.labels.data, labels)
    assert [o.name for o in choices.worker.session.objects.values()] == ["kidney", "object 2"]
    assert choices.layer_group.points.data.tolist() == [[3, 9, 40]]
    assert choices.layer_group.boxes.nshapes == 1
    assert choices.worker.session.path == path
    # It is the same log: undo takes back the last mark.
    widget.controller.step(back=True)
    qtbot.waitUntil(lambda: not widget.controller.busy, timeout=10000)
    assert len(choices.layer_group.points.data) == 0
    assert list(choices.worker.session.objects) == [1]
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
    assert again.layer_group.points.data.tolist() == [[5, 20, 25]]
    assert again.session.prompted_frames(1) == [5]
    assert not again.labels[2].any()
    assert not peek(other).header.is_open
    assert again.labels[5, 20, 25] == 1


def test_a_crashed_session_of_another_image_is_offered_for_recovery(desk, volume_data):
    d = desk(volume_data)
    d.click(5, 20, 25)
    path = d.session.path
    crash(d.session)
    again = desk(volume_data[:6])
    again.viewer.add_image(volume_data, name="picture")
    again.controller.choices.choose_image(again.image)
    again.settle()
    panel = again.widget.session
    assert not shown(again.widget)
    assert panel.offer_button.text() == f"Recover {path.name}"
    assert [a.text().split()[0] for a in panel.recover_menu.actions()] == [path.name]
    panel.offer_button.click()
    again.settle()
    assert again.labels[5, 20, 25] == 1
    assert not panel.recover_menu.actions()
    again.controller.close()
    assert not peek(path).header.is_open


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
    fail(monkeypatch, first)
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
    fail(monkeypatch, d.session.path, after=3)
    d.controller.propagate("both")
    d.settle()
    assert warned == ["The disk is full."]
    assert d.labels.any(axis=(1, 2)).all()
    assert np.array_equal(d.labels, d.session.labels())


def refuse(*_):
    raise SessionFileError("The disk is full.")


def fail(monkeypatch, path, after=0):
    """Let a session file take so many more steps, then refuse each."""
    append, taken = SessionFile.append, []

    def append_or_refuse(file, *arguments):
        if file.path == path:
            if len(taken) == after:
                refuse()
            taken.append(arguments)
        append(file, *arguments)

    monkeypatch.setattr(SessionFile, "append", append_or_refuse)


def test_what_was_drawn_a_moment_before_closing_is_kept(desk, volume_data):
    d = desk(volume_data)
    d.click(5, 20, 25)
    d.controller.choices.show_frame(7)
    d.controller.tools.take("brush")
    path = d.session.path
    d.predictor.delay = 0.5
    d.layer_group.points.add([6, 20, 25])
    d.qtbot.wait(50)
    d.layer_group.labels.paint((7, 30, 30), 1)
    d.layer_group.points.add([8, 20, 25])
    d.controller.close()
    again = ns.VideoSession.open(path, predictor=d.predictor, volume=ns.ImageVolume(volume_data))
    assert again.prompted_frames(1) == [5, 6, 8]
    assert again.mask(1, 7)[30, 30]
    again.close()


def test_closing_the_viewer_closes_the_file(make_napari_viewer, predictor, qtbot, volume_data):
    from napari_sam2.plugin.dock_widget import SegmentWidget

    viewer = make_napari_viewer()
    viewer.add_image(volume_data, name="picture")
    widget = SegmentWidget(viewer, load=lambda *_: predictor)
    viewer.window.add_dock_widget(widget)
    controller = widget.controller
    controller.tools.take("point")
    controller.choices.layer_group.points.add([5, 20, 25])
    qtbot.waitUntil(lambda: not controller.busy, timeout=10000)
    path = controller.choices.worker.session.path
    with pytest.raises(SessionFileError, match="open in another session"):
        peek(path)
    viewer.close()
    assert not peek(path).header.is_open


def test_new_places_never_exist(tmp_path, volume_data):
    folder = tmp_path / "a.b"
    folder.mkdir()
    image = folder / "ct.abdomen.tif"
    image.write_bytes(b"")
    volume = ns.ImageVolume(volume_data, source=VolumeSource((image,)))
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
