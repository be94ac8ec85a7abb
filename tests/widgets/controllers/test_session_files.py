"""The session file of the dock widget: kept from the first mark, opened again, recovered, closed in good order."""

from __future__ import annotations

import json
import os
import time

import nibabel
import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.errors import SessionFileError
from napari_sam2.interaction import earlier_sessions
from napari_sam2.interaction.earlier_sessions import undecided_folder
from napari_sam2.layers.volume_layers import read_layers
from napari_sam2.session.storage.locations import Recent, peek, user_folder
from napari_sam2.session.storage.session_file import SessionFile


@pytest.fixture
def image_file(tmp_path, volume_data):
    """A NIfTI file of the volume, alone in its folder."""
    path = tmp_path / "study" / "ct.nii.gz"
    path.parent.mkdir()
    nibabel.save(nibabel.Nifti1Image(volume_data.transpose(2, 1, 0), np.diag([-0.7, -0.7, 3, 1])), path)
    return path


@pytest.fixture
def make_file_driver(make_driver, image_file):
    """``make() → WidgetDriver`` with the image opened from its file by our reader."""

    def make():
        data, options, _ = read_layers(str(image_file))[0]
        del options["name"]
        return make_driver(data, **options)

    return make


def test_a_session_is_kept_beside_its_image_from_the_first_mark(make_file_driver, image_file):
    driver = make_file_driver()
    path = image_file.with_name("ct.sam2")
    driver.settle()
    assert not path.exists()
    driver.click(5, 20, 25)
    assert driver.session.path == path
    assert driver.widget.session.file_label.text() == "ct.sam2"
    assert Recent().paths() == [path]
    driver.controller.close()
    known = peek(path)
    assert not known.header.is_open
    with_mask = ns.VideoSession.open(path, predictor=driver.predictor)
    assert with_mask.labels()[5, 20, 25] == 1
    with_mask.close()


def test_an_image_from_no_file_is_kept_in_the_users_folder(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    assert driver.session.path == user_folder() / "sessions" / "picture.sam2"
    driver.controller.close()
    again = make_driver(volume_data + 1)
    again.click(5, 20, 25)
    assert again.session.path.name == "picture-2.sam2"


def shown(widget):
    """What the widget asks about earlier sessions, empty where it asks nothing."""
    return widget.session.offer.label.text() if widget.session.offer.isVisibleTo(widget) else ""


def crash(session):
    """Leave a session as a killed process does: the file as it is, unlocked, not marked as closed."""
    session.detach()


@pytest.fixture(params=["beside the image", "in the user's folder"])
def make_image_driver(request, make_driver, make_file_driver, volume_data):
    """``make() → WidgetDriver`` with the same image each time, from a file and from none."""
    return make_file_driver if request.param == "beside the image" else lambda: make_driver(volume_data)


@pytest.mark.parametrize("end", ["closed", "crashed"])
def test_an_earlier_session_of_the_image_is_offered_until_one_is_chosen(make_image_driver, end):
    driver = make_image_driver()
    driver.drag(5, 5, 5, 20, 20)
    path = driver.session.path
    if end == "crashed":
        crash(driver.session)
    driver.controller.close()
    first = path.read_bytes()
    again = make_image_driver()
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


def test_starting_anew_takes_what_was_drawn_into_a_new_file(make_image_driver):
    driver = make_image_driver()
    driver.drag(5, 5, 5, 20, 20)
    path = driver.session.path
    driver.controller.close()
    first = path.read_bytes()
    again = make_image_driver()
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
    again.controller.selection.choose_axis("y")
    again.settle()
    assert not shown(again.widget)


def test_starting_anew_before_the_first_mark_keeps_the_file_beside_the_others(make_image_driver):
    driver = make_image_driver()
    driver.click(5, 20, 25)
    path = driver.session.path
    driver.controller.close()
    again = make_image_driver()
    again.settle()
    again.widget.session.offer.anew_button.click()
    again.click(2, 20, 25)
    assert again.session.path == path.with_name(f"{path.stem}-2.sam2")


def test_a_mark_before_the_look_for_earlier_sessions_ended_begins_no_second_file(make_image_driver, monkeypatch):
    driver = make_image_driver()
    driver.click(5, 20, 25)
    path = driver.session.path
    driver.controller.close()
    find = earlier_sessions.earlier_sessions
    monkeypatch.setattr(earlier_sessions, "earlier_sessions", lambda *a: (time.sleep(0.5), find(*a))[1])
    again = make_image_driver()
    again.click(2, 20, 25)
    assert shown(again.widget)
    assert [p.name for p in path.parent.glob("*.sam2")] == [path.name]


def test_work_that_was_never_decided_on_is_offered_the_next_time(make_image_driver):
    driver = make_image_driver()
    driver.click(5, 20, 25)
    driver.controller.close()
    driver = make_image_driver()
    driver.click(2, 20, 25)
    driver.controller.close()
    again = make_image_driver()
    again.settle()
    assert "1 more in Session" in shown(again.widget)
    again.widget.session.offer.continue_button.click()
    again.settle()
    assert again.session.prompted_frames(1) == [2]


def test_of_several_sessions_the_newest_is_offered_and_the_others_are_in_recent(make_image_driver):
    paths = []
    for frame in (3, 6, 9):
        driver = make_image_driver()
        driver.settle()
        if paths:
            driver.widget.session.offer.anew_button.click()
        driver.click(frame, 20, 25)
        paths.append(driver.session.path)
        driver.controller.close()
    os.utime(paths[1])
    again = make_image_driver()
    again.settle()
    assert "2 more in Session" in shown(again.widget)
    listed = [a.text().split()[0] for a in again.widget.session.recent_menu.actions()]
    assert sorted(listed) == sorted(p.name for p in paths)
    again.widget.session.offer.continue_button.click()
    again.settle()
    assert again.session.prompted_frames(1) == [6]


def test_another_image_of_the_same_shape_is_not_asked_about(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    driver.controller.close()
    again = make_driver(volume_data + 1)
    again.settle()
    assert not shown(again.widget)
    again.controller.selection.choose_image(again.viewer.add_image(volume_data, name="the first"))
    again.settle()
    assert shown(again.widget)
    again.controller.selection.choose_image(again.image)
    assert not shown(again.widget)


def test_time_points_are_asked_about_one_by_one(make_driver):
    film = np.random.default_rng(0).integers(0, 1000, (3, 6, 40, 50)).astype(np.int16)

    def at(driver, t):
        driver.viewer.dims.set_current_step(0, t)
        driver.controller.selection.choose_axis("z")
        driver.settle()

    driver = make_driver(film)
    for t in (0, 1):
        at(driver, t)
        driver.click(t, 2 + t, 20, 25)
    driver.controller.close()
    again = make_driver(film)
    for t in (0, 1):
        at(again, t)
        assert shown(again.widget)
        again.widget.session.offer.continue_button.click()
        again.settle()
        assert again.session.prompted_frames(1) == [2 + t]
    at(again, 2)
    assert not shown(again.widget)


def test_where_a_session_is_kept_is_said_once(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    assert f"Every step is kept in {driver.session.path}" in driver.widget.status.text()
    driver.controller.show_message("Something else.")
    driver.click(6, 20, 25)
    assert "Every step" not in driver.widget.status.text()


def test_opening_brings_back_image_window_axis_marks_and_labels(make_file_driver, make_napari_viewer, qtbot):
    from napari_sam2.plugin.dock_widget import SegmentWidget

    driver = make_file_driver()
    driver.controller.selection.choose_axis("y")
    driver.image.contrast_limits = (100, 700)
    driver.controller.tools.activate("box")
    driver.layer_group.boxes.add_rectangles(np.array([(2, 7, 5), (2, 7, 20), (8, 7, 20), (8, 7, 5)], float))
    driver.settle()
    driver.controller.objects.rename(1, "kidney")
    driver.controller.propagate("both")
    driver.settle()
    driver.controller.objects.add()
    driver.click(3, 9, 40)
    labels, path = driver.labels.copy(), driver.session.path
    driver.controller.close()
    viewer = make_napari_viewer()
    widget = SegmentWidget(viewer, load=lambda *_: driver.predictor)
    viewer.window.add_dock_widget(widget)
    widget.session.open_chosen.emit(str(path))
    qtbot.waitUntil(lambda: not widget.controller.busy, timeout=10000)
    choices = widget.controller.selection
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


def test_opening_takes_the_image_that_is_in_the_viewer(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    path = driver.session.path
    driver.controller.close()
    again = make_driver(volume_data)
    again.viewer.add_image(volume_data + 1, name="another")
    again.click(2, 5, 5)
    other = again.session.path
    again.controller.files.open(str(path))
    again.settle()
    assert again.controller.selection.image is again.image
    assert again.layer_group.points.data.tolist() == [[5, 20, 25]]
    assert again.session.prompted_frames(1) == [5]
    assert not again.labels[2].any()
    assert not peek(other).header.is_open
    assert again.labels[5, 20, 25] == 1


def test_a_crashed_session_of_another_image_is_offered_for_recovery(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    path = driver.session.path
    crash(driver.session)
    again = make_driver(volume_data[:6])
    again.viewer.add_image(volume_data, name="picture")
    again.controller.selection.choose_image(again.image)
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


def test_autosave_can_be_switched_off_and_saving_by_hand_binds(make_driver, volume_data, tmp_path):
    driver = make_driver(volume_data)
    driver.widget.advanced.autosave_box.setChecked(False)
    driver.click(5, 20, 25)
    assert driver.session.path is None
    assert "autosave is off" in driver.widget.session.file_label.text()
    target = tmp_path / "mine.sam2"
    driver.widget.session.save_chosen.emit(str(target))
    driver.settle()
    assert driver.session.path == target
    driver.click(6, 20, 25)
    assert [a.text().split()[0] for a in driver.widget.session.recent_menu.actions()] == ["mine.sam2"]
    assert json.loads((user_folder() / "recent.json").read_text()) == [str(target)]


def test_a_folder_that_refuses_is_one_warning_and_the_work_goes_on(
    make_driver, volume_data, monkeypatch, tmp_path, warned
):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("NAPARI_SAM2_DATA", str(tmp_path / "file" / "below"))
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    driver.click(6, 20, 25)
    assert len(warned) == 1
    assert "in memory only" in warned[0]
    assert driver.labels[5, 20, 25] == driver.labels[6, 20, 25] == 1


def test_a_file_that_fails_later_is_one_warning_and_the_next_step_gets_a_new_file(
    make_driver, volume_data, monkeypatch, warned
):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    first = driver.session.path
    fail(monkeypatch, first)
    driver.click(6, 20, 25)
    assert warned == ["The disk is full."]
    assert driver.labels[6, 20, 25] == 1
    driver.click(7, 20, 25)
    assert warned == ["The disk is full."]
    assert driver.session.path not in (None, first)
    path, labels = driver.session.path, driver.labels.copy()
    driver.controller.close()
    again = ns.VideoSession.open(path, predictor=driver.predictor, volume=ns.ImageVolume(volume_data))
    assert np.array_equal(again.labels(), labels)
    again.close()


def test_a_file_that_fails_in_the_middle_of_a_run_does_not_end_it(make_driver, volume_data, monkeypatch, warned):
    driver = make_driver(volume_data)
    driver.drag(0, 5, 5, 20, 20)
    fail(monkeypatch, driver.session.path, after=3)
    driver.controller.propagate("both")
    driver.settle()
    assert warned == ["The disk is full."]
    assert driver.labels.any(axis=(1, 2)).all()
    assert np.array_equal(driver.labels, driver.session.labels())


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


def test_what_was_drawn_a_moment_before_closing_is_kept(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    driver.controller.selection.show_frame(7)
    driver.controller.tools.activate("brush")
    path = driver.session.path
    driver.predictor.delay = 0.5
    driver.layer_group.points.add([6, 20, 25])
    driver.qtbot.wait(50)
    driver.layer_group.labels.paint((7, 30, 30), 1)
    driver.layer_group.points.add([8, 20, 25])
    driver.controller.close()
    again = ns.VideoSession.open(path, predictor=driver.predictor, volume=ns.ImageVolume(volume_data))
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
    controller.tools.activate("point")
    controller.selection.layer_group.points.add([5, 20, 25])
    qtbot.waitUntil(lambda: not controller.busy, timeout=10000)
    path = controller.selection.worker.session.path
    with pytest.raises(SessionFileError, match="open in another session"):
        peek(path)
    viewer.close()
    assert not peek(path).header.is_open
