"""The work on each image of a viewer."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_sam2.interaction.autosave import Autosave
from napari_sam2.interaction.loaded_model import ModelCache
from napari_sam2.session.storage.locations import Recent
from napari_sam2.widgets.controllers.image_work import ImageWork

ALONG_Z, ALONG_Y = ("z", (), None), ("y", (), None)


def no_channel(image):
    return None


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def image(viewer, volume_data):
    return viewer.add_image(volume_data, name="scan")


@pytest.fixture
def work(qapp, viewer, image, predictor):
    made = ImageWork(viewer, ModelCache(lambda name, device: predictor), Autosave(Recent()))
    made.adopt(image)
    return made


@pytest.fixture
def dropped(work):
    found = []
    work.dropped.connect(found.extend)
    return found


def test_an_image_has_one_session_for_each_axis(work, image):
    worker = work.worker(image, ALONG_Z, no_channel)
    assert work.worker(image, ALONG_Z, no_channel) is worker
    assert worker.grid.frame_axis == "z"
    other = work.worker(image, ALONG_Y, no_channel)
    assert other.grid.frame_axis == "y"
    assert work.siblings(image, worker) == [worker]


def test_of_several_time_points_the_current_one_is_the_last(work, viewer):
    film = viewer.add_image(np.zeros((3, 4, 20, 20), np.uint8))
    work.adopt(film)
    first, second = (work.worker(film, ("z", (("t", t),), None), no_channel) for t in (0, 1))
    work.worker(film, ("y", (("t", 0),), None), no_channel)
    assert work.siblings(film, first) == [second, first]


def test_a_session_from_its_file_takes_the_place_of_the_one_before(work, image, dropped):
    before = work.worker(image, ALONG_Z, no_channel)
    opened = work.worker(image, ALONG_Y, no_channel)
    work.put(image, ALONG_Z, opened)
    assert dropped == [before]
    assert work.worker(image, ALONG_Z, no_channel) is opened
    assert not work.earlier(image).asks(opened.volume, opened.grid)


def test_other_values_begin_anew_and_another_place_does_not(work, image, dropped):
    worker = work.worker(image, ALONG_Z, no_channel)
    image.scale = (3, 1, 1)
    work.measure_anew(image)
    assert worker.volume.spacing == (3, 1, 1)
    assert dropped == []
    work.begin_anew(image)
    assert dropped == [worker]
    assert work.worker(image, ALONG_Z, no_channel) is not worker


def test_an_image_that_goes_takes_its_marks_along_and_leaves_its_labels(work, viewer, image, dropped):
    worker = work.worker(image, ALONG_Z, no_channel)
    group = work.layer_group(image)
    group.ensure_prompt_layers()
    labels = group.ensure_labels()
    work.drop(image)
    assert list(viewer.layers) == [image, labels]
    assert dropped == [worker]
    assert work.layer_group(image) is None
    work.drop_all()


def test_marks_are_shown_again_when_an_image_is_worked_on_again(work, image):
    group = work.layer_group(image)
    points, _ = group.ensure_prompt_layers()
    group.put_aside()
    work.adopt(image)
    assert work.layer_group(image) is group
    assert points.visible


def test_the_files_of_all_sessions_are_open(work, image):
    assert work.open_files() == {}
    worker = work.worker(image, ALONG_Z, no_channel)
    session = worker.open()
    session.add_points(1, 3, [(5, 5)])
    work._autosave(session)
    assert work.open_files() == {session.path: session}
    worker.close()
