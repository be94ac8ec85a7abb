"""Models and devices in a real window: choosing, downloading from a server on loopback, files, unload, self-check."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent, QGuiApplication

from napari_sam2.engine.catalog import registry, user_models
from napari_sam2.engine.catalog.model_files import BUNDLED_DIR
from napari_sam2.errors import ModelNotDownloadedError
from support.hub import FakeHub

ENTRY = registry.ModelEntry(
    "toy",
    title="Toy",
    filename="toy.safetensors",
    input_size=64,
    parameters=1_000_000,
    licence="MIT",
    good_for="playing",
    source_repo="us/toy",
)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub on loopback that serves a model called toy, and nothing of this machine's own."""
    served = FakeHub("us/toy", "toy.safetensors", (BUNDLED_DIR / "starter.safetensors").read_bytes())
    served.stand_in(monkeypatch, tmp_path)
    monkeypatch.setitem(registry.MODELS, "toy", ENTRY)
    yield served
    served.close()


@pytest.fixture(autouse=True)
def _own_places(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_SAM2_SETTINGS", str(tmp_path / "settings.json"))
    monkeypatch.delenv("NAPARI_SAM2_MODELS", raising=False)
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *_, **__: str(tmp_path / "data"))


@pytest.fixture
def found(make_driver, volume_data, qtbot):
    """A driver whose list of models is complete."""
    made = make_driver(volume_data)
    qtbot.waitUntil(lambda: not made.controller.models.busy, timeout=10000)
    return made


def panel(driver):
    return driver.widget.source.model


def titles(driver):
    box = panel(driver).model_box
    return [box.itemText(i) for i in range(box.count())]


def wait(driver, condition=None):
    driver.qtbot.waitUntil(condition or (lambda: not driver.controller.models.busy), timeout=20000)
    driver.settle()


def test_every_model_says_what_it_is_before_anything_is_downloaded(hub, found):
    box = panel(found).model_box
    names = [box.itemData(i) for i in range(box.count())]
    assert set(registry.MODELS) <= set(names)
    tip = box.itemData(names.index("medsam2"), Qt.ItemDataRole.ToolTipRole)
    for part in ("CC-BY-SA-4.0", "512 px", "156 MB", "Good for:", "research and education"):
        assert part in tip
    assert "Toy – to download" in titles(found)
    assert panel(found).action_button.isHidden(), "the bundled model needs nothing"


def test_an_absent_model_is_downloaded_and_answers_the_marks_that_waited(hub, found):
    found.controller.models.choose("toy")
    assert panel(found).action_button.text() == "Download, 4 MB"
    about = panel(found).about_label.text()
    assert all(part in about for part in ("4 MB", "MIT", "sees 64 px", "not on this computer", "Good for: playing."))
    found.click(5, 20, 25)
    assert found.predictor.asked == [], "nothing can answer yet"
    assert "not on this computer" in found.widget.status.text()
    assert not found.widget.run.both_button.isEnabled()
    assert "download it" in found.widget.run.both_button.toolTip()
    panel(found).action_button.click()
    assert panel(found).action_button.text() == "Cancel"
    wait(found)
    assert panel(found).action_button.isHidden()
    assert len(found.predictor.asked) == 1, "the mark that waited"
    assert found.labels[5].any()
    assert "Toy" in titles(found)


def test_a_download_shows_bytes_and_can_be_stopped_and_taken_up(hub, found, tmp_path, monkeypatch):
    hub.stall_after, hub.get_faults = 1_000_000, 100
    shown = []
    bar = panel(found).progress_bar
    show = panel(found).set_progress
    monkeypatch.setattr(panel(found), "set_progress", lambda *words: (shown.append(words), show(*words)))
    found.controller.models.choose("toy")
    panel(found).action_button.click()
    wait(found, lambda: any(total for _, total, _ in shown))
    assert bar.isVisibleTo(found.widget)
    assert any(" MB" in text for _, _, text in shown)
    panel(found).action_button.click()
    wait(found)
    assert panel(found).action_button.text().startswith("Download")
    assert "kept for the next time" in found.widget.status.text()
    hub.stall_after = None
    assert list((tmp_path / "hf").rglob("*.incomplete"))
    panel(found).action_button.click()
    wait(found)
    assert panel(found).action_button.isHidden()


def test_a_failed_download_says_why_and_can_be_tried_again(hub, found, warned):
    hub.head_status = 404
    found.controller.models.choose("toy")
    panel(found).action_button.click()
    wait(found)
    assert len(warned) == 1
    assert "404" in warned[0]
    assert panel(found).action_button.text().startswith("Download")


@pytest.mark.parametrize("accepts", [True, False])
def test_terms_are_asked_for_first(hub, found, monkeypatch, accepts):
    monkeypatch.setitem(registry.MODELS, "toy", replace(ENTRY, notice="For looking at only."))
    found.controller.models.look()
    wait(found)
    asked = []
    monkeypatch.setattr(panel(found), "ask_consent", lambda *words: (asked.append(words), accepts)[1])
    found.controller.models.choose("toy")
    panel(found).action_button.click()
    wait(found)
    assert "For looking at only." in asked[0][1]
    assert "MIT" in asked[0][1]
    assert panel(found).action_button.isHidden() == accepts


def test_another_model_keeps_marks_and_masks(make_driver, volume_data):
    found = make_driver(volume_data)
    found.drag(5, 10, 10, 20, 20)
    found.widget.run.both_button.click()
    found.settle()
    before, session = found.labels.copy(), found.session
    other = type(found.predictor)()
    other.name = "toy"
    found.controller.selection.model_cache._load = lambda name, device: other
    found.controller.models.choose_device("cpu")
    found.settle()
    assert found.session is session
    assert np.array_equal(found.labels, before)
    assert len(found.layer_group.boxes.data) == 1
    found.widget.run.both_button.click()
    found.settle()
    assert [frame for frame, _ in other.asked] == [5], "the marks are answered anew by the model chosen now"


def test_a_dropped_file_is_taken_kept_and_forgotten(found, tmp_path):
    loaded = []
    found.controller.selection.model_cache._load = lambda name, device: (loaded.append(name), found.predictor)[1]
    path = tmp_path / "liver.safetensors"
    path.write_bytes((BUNDLED_DIR / "starter.safetensors").read_bytes())
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    arguments = (Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    found.widget.dropEvent(QDropEvent(QPointF(1, 1), *arguments))
    found.click(5, 20, 25)
    assert loaded == [str(path)]
    assert panel(found).action_button.text() == "Keep in the list"
    panel(found).action_button.click()
    wait(found)
    assert user_models.load_settings().models["liver"].path == str(path)
    found.controller.models.choose("liver")
    assert panel(found).action_button.text() == "Forget"
    panel(found).action_button.click()
    wait(found)
    assert user_models.load_settings().models == {}
    assert path.exists()
    assert panel(found).model_box.currentData() == "starter"


def test_a_file_that_is_no_checkpoint_is_refused(found, tmp_path, warned):
    found.controller.models.choose_file(tmp_path / "picture.png")
    assert "picture.png is no checkpoint" in warned[0]
    assert panel(found).model_box.currentData() == "starter"


def test_unload_gives_the_model_back_and_the_next_mark_loads_it(make_driver, volume_data):
    found = make_driver(volume_data)
    loads, unloads = [], []
    found.controller.selection.model_cache._load = lambda *choice: (loads.append(choice), found.predictor)[1]
    found.predictor.unload = lambda: unloads.append(1)
    assert not found.widget.advanced.unload_button.isEnabled()
    found.click(5, 20, 25)
    assert found.widget.advanced.unload_button.isEnabled()
    found.widget.advanced.unload_button.click()
    found.settle()
    assert unloads == [1]
    assert "unloaded" in found.widget.status.text()
    assert found.labels[5].any()
    found.click(6, 20, 25)
    assert len(loads) == 2
    assert found.labels[6].any()


def test_a_model_that_is_missing_after_all_is_explained(make_driver, volume_data, warned):
    found = make_driver(volume_data)

    def load(name, device):
        raise ModelNotDownloadedError("The model 'x' is not on this computer.")

    found.controller.selection.model_cache._load = load
    found.click(5, 20, 25)
    assert warned == ["The model 'x' is not on this computer."]
    assert len(found.layer_group.points.data) == 1, "the mark stays"


def test_notes_of_the_model_reach_the_user_once(make_driver, volume_data, warned):
    found = make_driver(volume_data)
    found.predictor.notes = ["Memory ran out: frames are now computed one by one."]
    found.click(5, 20, 25)
    found.click(6, 20, 25)
    assert warned == found.predictor.notes


def test_notes_of_a_run_reach_the_user_at_its_end(make_driver, volume_data, monkeypatch, warned):
    found = make_driver(volume_data)
    found.predictor.notes = []
    found.drag(5, 10, 10, 20, 20)
    (stream,) = found.predictor.streams
    advance = stream.advance

    def short_of_memory(tracks, **how):
        if not found.predictor.notes:
            found.predictor.notes.append("Memory ran out: objects are now computed one by one.")
        return advance(tracks, **how)

    monkeypatch.setattr(stream, "advance", short_of_memory)
    found.widget.run.both_button.click()
    found.settle()
    assert warned == found.predictor.notes
    assert found.labels.any(axis=(1, 2)).all(), "no frame is lost"


def test_devices_are_listed_when_somebody_looks(found):
    found.widget.advanced.opened.emit()
    wait(found)
    box = panel(found).device_box
    names = [box.itemData(i) for i in range(box.count())]
    assert names[0] == "auto"
    assert "cpu" in names
    assert box.itemText(0).startswith("auto: ")


def test_self_check_shows_a_text_to_copy(found, monkeypatch):
    import napari_sam2.engine.diagnostics.self_check as doctor
    from napari_sam2.widgets.views.check_dialog import CheckDialog

    seen = threading.Event()

    def examine(device, loaded):
        seen.set()
        return doctor.Report([doctor.Finding("trial", f"on {device}")])

    monkeypatch.setattr(doctor, "examine", examine)
    found.widget.advanced.check_button.click()
    wait(found)
    dialogs = found.widget.findChildren(CheckDialog)
    assert len(dialogs) == 1
    dialogs[0].copy_button.click()
    assert QGuiApplication.clipboard().text() == "trial: on auto\nNothing is wrong."
    dialogs[0].close()
