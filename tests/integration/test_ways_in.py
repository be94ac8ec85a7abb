"""The ways by which a user opens the widget, with the image opened before and after it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from support.predictors import FakePredictor

TESTS = Path(__file__).parents[1]
from support.ways_in import PLUGIN, WIDGET, check_widget

EXPECTED = {
    "chosen": "picture",
    "pressed": ["point"],
    "put down by the same key": True,
    "after choosing the image again": "picture",
    "labelled slices": list(range(12)),
    "layers": ["SAM 2 boxes", "SAM 2 labels", "SAM 2 points", "SAM 2 window", "picture"],
    "sessions open": 1,
}


def run_script(*arguments, script="ways_in.py"):
    paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, str(TESTS / "support" / script), *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("how", ["window", "quit"])
def test_the_window_closes_in_the_middle_of_a_frame_with_the_file_in_good_order(how):
    found = run_script(how, script="closing_window.py")
    assert found["closed"]
    assert not found["journal"]
    assert found["seconds"] < 2


@pytest.mark.parametrize("image_first", [True, False], ids=["image first", "widget first"])
def test_the_function_of_napari_opens_a_widget_that_works(make_napari_viewer, qtbot, monkeypatch, image_first):
    monkeypatch.setattr("napari_sam2.engine.load_predictor", lambda name, device: FakePredictor())
    data = np.random.default_rng(0).integers(0, 1000, (12, 40, 50)).astype(np.int16)
    viewer = make_napari_viewer()
    if image_first:
        viewer.add_image(data, name="picture")
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)
    if not image_first:
        viewer.add_image(data, name="picture")
    found = check_widget(viewer, widget, lambda ready: qtbot.waitUntil(ready, timeout=20000))
    widget.controller.close()
    assert found == EXPECTED


def test_the_menus_open_a_widget_that_works():
    assert run_script() == [EXPECTED] * 6


def test_the_command_line_opens_a_widget_that_works(tmp_path):
    data = np.random.default_rng(0).integers(0, 1000, (12, 40, 50)).astype(np.int16)
    tifffile.imwrite(tmp_path / "picture.tif", data, photometric="minisblack")
    found = run_script(str(tmp_path / "picture.tif"), "--plugin", PLUGIN, "-w", PLUGIN, WIDGET)
    name = "picture.tif"
    named = {"chosen": name, "after choosing the image again": name, "layers": [*EXPECTED["layers"][:-1], name]}
    assert found == [{**EXPECTED, **named}]
    assert [p.name for p in tmp_path.glob("*.sam2")] == ["picture.sam2"]
