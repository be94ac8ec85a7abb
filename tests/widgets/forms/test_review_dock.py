"""Review cases in a real window: open, judge, step, and what stays in the files."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
from napari.layers import Image
from qtpy.QtCore import Qt

import napari_sam2 as ns
from napari_sam2.plugin.dock_widget import SegmentWidget
from napari_sam2.review import ReviewList
from napari_sam2.widgets.forms.review_dock import ReviewDock
from support.predictors import FakePredictor


@pytest.fixture
def folder(tmp_path):
    """Three images: two with a session of two objects, one without a session."""
    for i, name in enumerate("abc"):
        image = sitk.GetImageFromArray(np.random.default_rng(i).integers(0, 100, (8, 30, 40)).astype(np.int16))
        image.SetSpacing((1, 1, 2))
        sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
    for name in "ab":
        session = ns.VideoSession(FakePredictor(), ns.read_volume(tmp_path / f"{name}.nii.gz"))
        session.add_box(1, 3, (5, 5, 12, 12))
        session.add_box(2, 3, (15, 20, 25, 30))
        session.predict_frame(3)
        session.rename_object(1, f"liver {name}")
        session.save(tmp_path / f"{name}.sam2")
        session.close()
    (tmp_path / "list.csv").write_text("image\na.nii.gz\ngone.nii.gz\nb.nii.gz\nc.nii.gz\n")
    return tmp_path


class Desk:
    """The dock, and the dock widget that it shows on demand."""

    def __init__(self, viewer, qtbot):
        self.viewer, self.qtbot, self.segment = viewer, qtbot, None
        self.dock = ReviewDock(viewer, self.show)
        viewer.window.add_dock_widget(self.dock, name="Review cases")
        self.view = self.dock.view

    def show(self):
        if self.segment is None:
            self.segment = SegmentWidget(self.viewer, load=lambda name, device: FakePredictor())
            self.viewer.window.add_dock_widget(self.segment, name="Segment with SAM 2")
        return self.segment

    def open(self, path):
        fields = self.dock._fields
        fields.cases.value, fields.reviewer.value = path, "AB"
        fields.call_button.native.click()

    def settle(self):
        self.qtbot.waitUntil(lambda: self.segment is None or not self.segment.controller.busy, timeout=20000)
        self.qtbot.waitUntil(lambda: not self.dock.task.running, timeout=20000)

    def listed(self):
        table = self.view.cases
        return [[table.item(i, j).text() for j in range(3)] for i in range(table.rowCount())]

    @property
    def session(self):
        return self.segment.controller.selection.worker.session


@pytest.fixture
def desk(make_napari_viewer, qtbot):
    made = Desk(make_napari_viewer(), qtbot)
    yield made
    made.dock.close_down()
    if made.segment is not None:
        made.settle()
        made.segment.controller.close()


def test_cases_are_opened_one_after_the_other_and_judged(desk, folder):
    desk.open(folder / "list.csv")
    assert "4 cases, 0 reviewed, 1 cannot be opened" in desk.dock.status.text()
    assert [row[0] for row in desk.listed()] == ["a", "gone", "b", "c"]
    assert "does not exist" in desk.listed()[1][2]
    assert not desk.view.comment.isEnabled()
    desk.view.next.click()
    desk.settle()
    assert desk.session.path == folder / "a.sam2"
    assert [layer.name for layer in desk.viewer.layers][:2] == ["a", "SAM 2 labels"]
    assert desk.view.objects.item(0, 0).text() == "liver a"
    # The object, as a step of the session.
    states = desk.view.objects.cellWidget(0, 2)
    states.setCurrentIndex(states.findText("accepted"))
    states.activated.emit(states.currentIndex())
    desk.settle()
    desk.view.objects.item(0, 3).setText("clear")
    desk.settle()
    assert desk.session.reviews[1] == ("accepted", "clear")
    # The case, in the file of the progress.
    desk.view.state.setCurrentIndex(desk.view.state.findText("needs edit"))
    desk.view.state.activated.emit(desk.view.state.currentIndex())
    desk.qtbot.keyClicks(desk.view.comment, "margin")
    desk.qtbot.keyClick(desk.view.comment, Qt.Key.Key_Return)
    assert desk.listed()[0] == ["▸ a", "needs edit", "margin"]
    assert ReviewList(folder / "list.csv").verdict(ReviewList(folder / "list.csv").cases[0]) == (
        ns.review.Verdict("needs edit", "margin", "AB")
    )
    desk.view.next.click()  # Over the one that is gone.
    desk.settle()
    assert desk.session.path == folder / "b.sam2"
    assert [layer.name for layer in desk.viewer.layers][:2] == ["b", "SAM 2 labels"]
    assert "a" not in desk.viewer.layers
    assert (desk.view.state.currentText(), desk.view.comment.text()) == ("not reviewed", "")
    assert desk.view.objects.item(0, 0).text() == "liver b"
    # What was said of the first case is in its file, which is closed.
    again = ns.VideoSession.open(folder / "a.sam2", FakePredictor())
    assert again.reviews[1] == ("accepted", "clear")
    again.close()
    desk.view.previous.click()
    desk.settle()
    assert desk.session.path == folder / "a.sam2"
    assert desk.view.comment.text() == "margin"


def test_a_case_without_a_session_gets_one_and_it_is_opened_again(desk, folder):
    desk.open(folder / "list.csv")
    desk.dock.open_case(3)
    desk.settle()
    assert desk.view.objects.rowCount() == 0
    assert not desk.view.next.isEnabled()
    controller = desk.segment.controller
    controller.tools.activate("point")
    controller.selection.layer_group.points.add(np.array([3.0, 10, 10]))
    desk.settle()
    assert desk.session.path == folder / "c.sam2"
    assert desk.view.objects.rowCount() == 1
    desk.view.previous.click()
    desk.settle()
    desk.view.next.click()
    desk.settle()
    assert desk.session.path == folder / "c.sam2"
    assert list(desk.session.objects) == [1]


def test_all_channels_of_a_case_go_with_it(desk, tmp_path):
    data = np.random.default_rng(0).integers(0, 60000, (2, 8, 30, 40)).astype(np.uint16)
    for name in "ab":
        tifffile.imwrite(tmp_path / f"{name}.ome.tif", data, metadata={"axes": "CZYX"}, ome=True)
    (tmp_path / "list.csv").write_text("image\na.ome.tif\nb.ome.tif\n")
    own = desk.viewer.add_image(data[0], name="of the user")
    desk.open(tmp_path / "list.csv")
    for index, name in enumerate("ab"):
        desk.dock.open_case(index)
        desk.settle()
        images = [layer for layer in desk.viewer.layers if isinstance(layer, Image)]
        assert images[0] is own
        assert len(images) == 3
        assert all(layer.name.startswith(name) for layer in images[1:])


def test_a_broken_session_is_told_and_the_list_goes_on(desk, folder):
    raw = bytearray((folder / "a.sam2").read_bytes())
    raw[200:4000] = bytes(3800)
    (folder / "a.sam2").write_bytes(raw)
    desk.open(folder / "list.csv")
    desk.view.next.click()
    desk.settle()
    assert "a.sam2" in desk.dock.status.text()
    assert "\n" not in desk.dock.status.text()
    desk.view.next.click()
    desk.settle()
    assert desk.session.path == folder / "b.sam2"


def test_an_image_that_was_moved_is_taken_from_the_table(desk, folder):
    (folder / "elsewhere").mkdir()
    (folder / "b.nii.gz").rename(folder / "elsewhere" / "renamed.nii.gz")
    (folder / "list.csv").write_text("image,session\nelsewhere/renamed.nii.gz,b.sam2\n")
    desk.open(folder / "list.csv")
    desk.view.next.click()
    desk.settle()
    assert desk.session.path == folder / "b.sam2"


def test_the_summary_tells_of_the_open_case_too(desk, folder):
    desk.open(folder / "list.csv")
    desk.view.next.click()
    desk.settle()
    desk.segment.controller.objects.rename(1, "renamed")
    desk.settle()
    desk.dock.save_summary(folder / "s.html")
    desk.settle()
    page = (folder / "s.html").read_text()
    assert "renamed" in page
    assert "liver b" in page
    assert page.count("data:image/png") == 2
    assert (folder / "s.csv").exists()
    assert "Wrote" in desk.dock.status.text()


def test_the_summary_does_not_replace_the_list(desk, folder):
    before = (folder / "list.csv").read_text()
    desk.open(folder / "list.csv")
    desk.dock.save_summary(folder / "list.html")
    desk.settle()
    assert "it is the list of cases" in desk.dock.status.text()
    assert (folder / "list.csv").read_text() == before


def test_what_is_in_memory_only_is_not_lost_by_a_step(desk, folder):
    desk.open(folder / "list.csv")
    desk.dock.open_case(3)
    controller = desk.segment.controller
    controller.files.set_autosave(False)
    controller.tools.activate("point")
    controller.selection.layer_group.points.add(np.array([3.0, 10, 10]))
    desk.settle()
    desk.view.previous.click()
    desk.settle()
    assert "What was drawn on c is in memory only" in desk.dock.status.text()
    assert list(desk.session.objects) == [1]
    controller.files.save(str(folder / "c.sam2"))
    desk.settle()
    desk.view.previous.click()
    desk.settle()
    assert desk.session.path == folder / "b.sam2"
    desk.dock.open_case(2)
    assert "b is open already" in desk.dock.status.text()


def test_another_image_that_is_worked_on_is_not_taken_for_the_case(desk, folder):
    desk.open(folder / "list.csv")
    desk.view.next.click()
    desk.settle()
    case = desk.session
    other = desk.viewer.add_image(np.zeros((8, 30, 40)), name="other")
    desk.segment.controller.selection.choose_image(other)
    desk.segment.controller.tools.activate("point")
    desk.segment.controller.selection.layer_group.points.add(np.array([3.0, 10, 10]))
    desk.settle()
    assert desk.view.objects.rowCount() == 0
    desk.dock.review_object(1, "rejected", "")
    desk.settle()
    assert not desk.session.reviews
    assert not case.reviews
    desk.view.next.click()
    desk.settle()
    # Those of the case are gone, those of the other image are not.
    assert {"other", "b"} <= {layer.name for layer in desk.viewer.layers}
    assert "a" not in desk.viewer.layers
    assert sum(layer.name.startswith("SAM 2 labels") for layer in desk.viewer.layers) == 2


def test_two_quick_steps_open_one_case_and_a_comment_goes_to_its_own(desk, folder):
    desk.open(folder / "list.csv")
    desk.view.next.click()
    desk.view.next.click()
    assert "wait for it" in desk.dock.status.text()
    desk.settle()
    assert desk.session.path == folder / "a.sam2"
    # Typed, and not ended by Enter or another focus.
    desk.view.comment.setText("typed")
    desk.view.comment.setModified(True)
    desk.dock.step(1)
    desk.settle()
    assert desk.listed()[0][2] == "typed"
    assert desk.view.comment.text() == ""
    assert desk.session.path == folder / "b.sam2"


def test_without_times_sessions_note_none(desk, folder):
    desk.dock._fields.effort.value = False
    desk.open(folder / "list.csv")
    desk.view.next.click()
    desk.settle()
    assert not desk.session.log_times


def test_the_next_doubtful_slice_and_a_click_on_an_object(desk, folder):
    desk.open(folder / "list.csv")
    desk.view.next.click()
    desk.settle()
    desk.view.objects.cellClicked.emit(1, 0)
    assert desk.segment.controller.tools.obj_id == 2
    desk.view.doubtful.click()
    assert "Nothing is doubtful" in desk.segment.status.text()


def test_what_is_no_list_is_told(desk, folder):
    desk.dock._fields.call_button.native.click()
    assert "Choose the cases first" in desk.dock.status.text()
    desk.open(folder / "none.csv")
    assert "does not exist" in desk.dock.status.text()
    assert not desk.view.next.isEnabled()
