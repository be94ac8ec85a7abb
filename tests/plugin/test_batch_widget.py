"""*Run over many images* in a real window: check, run, stop, and open a case with its image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from magicgui.widgets import FileEdit

import napari_sam2 as ns
from napari_sam2.batch.records import read_record
from napari_sam2.core.volume import ImageVolume

# Workers are processes of their own.
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.timeout(600)]


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    z, y, x = np.indices((6, 40, 48))
    for i in range(3):
        inside = (z - 3) ** 2 * 9 + (y - 20) ** 2 + (x - 24) ** 2 < (10 + i) ** 2
        noise = np.random.default_rng(i).uniform(0, 20, inside.shape)
        volume = ImageVolume((inside * 100 + noise).astype(np.int16), axes="zyx", spacing=(3, 1, 1), units="mm")
        ns.write_labels(folder / f"case{i}.nii.gz", volume.array, volume)
    (folder / "jobs.csv").write_text(
        "image,boxes,operations\n" + "".join(f'case{i}.nii.gz,"1:3,8,12,33,37",largest\n' for i in range(3))
    )
    return folder


@pytest.fixture
def form(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    _, widget = viewer.window.add_plugin_dock_widget("napari-sam2", "Run over many images")
    form = getattr(widget, "_magic_widget", widget)
    yield form
    form.controller.close()
    qtbot.waitUntil(lambda: not form.controller.busy, timeout=60_000)


def listed(form):
    table = form.results.table
    return [[table.item(i, j).text() for j in range(4)] for i in range(table.rowCount())]


def test_the_form_asks_for_what_is_missing(form) -> None:
    form.call_button.native.click()
    assert "Choose the jobs first" in form.results.status.text()
    assert not form.controller.busy


def test_the_file_picker_follows_where_the_jobs_are(form) -> None:
    assert isinstance(form.jobs, FileEdit)
    form.source.value = "a folder"
    assert form.jobs.mode.value == "d"
    form.source.value = "a table (CSV)"
    assert form.jobs.mode.value == "r"


def test_check_only_lists_problems_first_and_writes_nothing(form, study, qtbot) -> None:
    with (study / "jobs.csv").open("a") as file:
        file.write('gone.nii.gz,"1:3,8,12,33,37",\ncase0.nii.gz,"1:3,8,12,33,37",smoothe\n')
    text = (study / "jobs.csv").read_text().replace("image,", "name,image,", 1).splitlines()
    lines = [text[0]] + [f"c{i},{line}" for i, line in enumerate(text[1:])]
    (study / "jobs.csv").write_text("\n".join(lines))
    form.jobs.value, form.out.value = study / "jobs.csv", study / "out"
    form.results.check_button.click()
    qtbot.waitUntil(lambda: not form.controller.busy, timeout=60_000)
    found = listed(form)
    assert [line[1] for line in found] == ["failed", "failed", "to do", "to do", "to do"]
    assert "does not exist" in found[0][3]
    assert "no operation 'smoothe'" in found[1][3]
    assert form.results.status.text() == "2 of 5 jobs have a problem."
    assert not (study / "out").exists()


def test_a_batch_is_run_and_a_case_opens_with_its_image_and_session(form, study, qtbot, monkeypatch) -> None:
    (study / "broken.nii.gz").write_bytes(b"no image")
    with (study / "jobs.csv").open("a") as file:
        file.write('broken.nii.gz,"1:3,8,12,33,37",\n')
    out = study / "out"
    form.jobs.value, form.out.value, form.device.value = study / "jobs.csv", out, "cpu"
    form.call_button.native.click()
    assert form.controller.busy
    qtbot.waitUntil(lambda: not form.call_button.enabled, timeout=1000)
    qtbot.waitUntil(lambda: not form.controller.busy, timeout=400_000)
    qtbot.waitUntil(lambda: form.call_button.enabled, timeout=1000)
    found = listed(form)
    assert found[0][:2] == ["broken", "failed"]
    records = [read_record(out / f"case{i}") for i in range(3)]
    shares = [r.doubtful / r.frames for r in records]
    assert sorted(shares, reverse=True) == [shares[int(line[0][-1])] for line in found[1:]]
    opened = []
    monkeypatch.setattr("napari_sam2.widgets.controllers.batch.QDesktopServices.openUrl", opened.append)
    form.results.summary_button.click()
    assert Path(opened[0].toLocalFile()) == out / "summary.html"
    viewer = form.viewer.value
    form.results.table.cellActivated.emit(1, 0)
    _, segment = viewer.window.add_plugin_dock_widget("napari-sam2", "Segment with SAM 2")
    name = found[1][0]
    qtbot.waitUntil(lambda: not segment.controller.busy and len(viewer.layers) > 1, timeout=60_000)
    volume = ns.read_volume(study / f"{name}.nii.gz")
    image, labels = (next(x for x in viewer.layers if type(x).__name__ == kind) for kind in ("Image", "Labels"))
    assert np.array_equal(np.asarray(image.data), np.asarray(volume.array))
    # One ball, so that the operation "largest" took nothing away.
    assert np.array_equal(labels.data > 0, ns.read_labels(out / name / f"{name}_labels.nii.gz", volume) > 0)
    segment.controller.close()
    qtbot.waitUntil(lambda: not segment.controller.busy, timeout=10_000)


def test_stop_ends_between_cases_and_a_second_run_goes_on(form, study, qtbot) -> None:
    lines = [f'c{i},case{i % 3}.nii.gz,"1:3,8,12,33,37"\n' for i in range(9)]
    (study / "jobs.csv").write_text("name,image,boxes\n" + "".join(lines))
    out = study / "out"
    form.jobs.value, form.out.value, form.device.value = study / "jobs.csv", out, "cpu"
    form.call_button.native.click()
    qtbot.waitUntil(lambda: any(out.glob("*/case.json")), timeout=200_000)
    form.results.stop_button.click()
    assert form.results.stop_button.text() == "Stop now"
    qtbot.waitUntil(lambda: not form.controller.busy, timeout=300_000)
    states = {p.parent.name: read_record(p.parent).status for p in out.glob("*/case.json")}
    # What was begun was finished, and no other was begun.
    assert set(states.values()) == {"done"}
    assert 1 <= len(states) < 9
    assert "to do" in form.results.status.text()
    assert f"{9 - len(states)} to do" in (out / "summary.html").read_text()
    qtbot.waitUntil(lambda: form.call_button.enabled, timeout=1000)
    before = {name: (out / name / "case.json").stat().st_mtime_ns for name in states}
    form.call_button.native.click()
    qtbot.waitUntil(lambda: not form.controller.busy, timeout=300_000)
    assert [line[1] in ("done", "doubtful") for line in listed(form)] == [True] * 9
    assert before == {name: (out / name / "case.json").stat().st_mtime_ns for name in states}
