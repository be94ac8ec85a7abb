"""A predictor that needs no network: boxes become masks, clicks become discs, and tracks carry them on."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from napari_sam2.engine.protocols import FrameScores, Prediction, Window

RADIUS = 4


class FakeTrack:
    def __init__(self, mask, frame, step):
        self.mask, self.frame, self.step = mask, frame, step
        self.window = Window(0, 0, *mask.shape)


class FakeStream:
    def __init__(self, frames, owner):
        self.frames, self.owner = frames, owner

    def predict(self, frame, prompts, *, base=None, window=None, context=(), nearest=None):
        self.owner.threads.add(threading.current_thread())
        self.owner.asked.append((frame, prompts))
        picture = self.frames[frame]
        mask = np.zeros(picture.shape[:2], bool) if base is None else base.copy()
        if prompts.mask is not None:
            mask = prompts.mask.mask.decode()
        if prompts.box is not None:
            b = prompts.box
            mask[int(b.y0) : int(b.y1), int(b.x0) : int(b.x1)] = True
        rows, columns = np.indices(mask.shape)
        for p in prompts.points:
            mask[np.hypot(rows - p.y, columns - p.x) <= RADIUS] = p.positive
        time.sleep(self.owner.delay)
        return self._prediction(mask)

    def track(self, owner, context, step):
        return FakeTrack(owner.state, owner.frame, step)

    def advance(self, tracks):
        self.owner.threads.add(threading.current_thread())
        for t in tracks:
            t.frame += t.step
        time.sleep(self.owner.delay)
        if self.owner.gate is not None:
            self.owner.gate.wait(10)
        return [self._prediction(t.mask) for t in tracks]

    def _prediction(self, mask):
        logits = np.where(mask, 8, -8).astype(np.float32)
        height, width = mask.shape
        return Prediction(logits, FrameScores(0.9, 5.0), Window(-2, 1, height - 1, width - 2), mask)


class FakePredictor:
    """Counts what it is asked; ``delay`` seconds a call, ``gate`` holds tracks back until it is set."""

    name = "fake"
    device = "cpu"
    notes = ()
    fingerprint = None

    def __init__(self):
        self.delay = 0.0
        self.gate = None
        self.asked = []
        self.threads = set()

    def open(self, frames, *, zoom="auto", exact=False):
        return FakeStream(frames, self)

    def unload(self):
        pass


@pytest.fixture
def predictor():
    return FakePredictor()


@pytest.fixture
def volume_data():
    rng = np.random.default_rng(0)
    return rng.integers(0, 1000, (12, 40, 50)).astype(np.int16)


@pytest.fixture
def desk(make_napari_viewer, predictor, qtbot):
    """``make(layer_arguments…) → Desk``: a real viewer with one image and the docked widget."""
    from napari_sam2.plugin.dock_widget import SegmentWidget

    made = []

    def make(data, viewer_arguments=None, **layer_arguments):
        viewer = make_napari_viewer(**(viewer_arguments or {}))
        image = viewer.add_image(data, name="picture", **layer_arguments)
        widget = SegmentWidget(viewer, load=lambda name, device: predictor)
        viewer.window.add_dock_widget(widget, name="Segment with SAM 2")
        found = Desk(viewer, image, widget, predictor, qtbot)
        made.append(found)
        return found

    yield make
    for found in made:
        if predictor.gate is not None:
            predictor.gate.set()
        found.controller.close()
        found.settle()


class Desk:
    """A viewer, its widget, and shorthands for what tests do with them."""

    def __init__(self, viewer, image, widget, predictor, qtbot):
        self.viewer, self.image, self.widget, self.predictor, self.qtbot = viewer, image, widget, predictor, qtbot
        self.controller = widget.controller

    @property
    def workspace(self):
        return self.controller.choices.workspace

    @property
    def labels(self):
        return self.workspace.labels.data

    @property
    def session(self):
        return self.controller.choices.handle.session

    def idle(self):
        return not self.controller.busy

    def settle(self):
        """Wait until nothing runs, waits, or is scheduled."""
        self.qtbot.waitUntil(self.idle, timeout=10000)

    def click(self, *where):
        """Place a point with the tool, at data coordinates."""
        if self.controller.tools.in_hand() != "point":
            self.controller.tools.take("point")
        self.workspace.points.add(np.array(where, float))
        self.settle()

    def drag(self, frame, y0, x0, y1, x1):
        """Draw a rectangle with the tool, on a frame along the first axis."""
        if self.controller.tools.in_hand() != "box":
            self.controller.tools.take("box")
        corners = [(frame, y0, x0), (frame, y0, x1), (frame, y1, x1), (frame, y1, x0)]
        self.workspace.boxes.add_rectangles(np.array(corners, float))
        self.settle()


@pytest.fixture
def warned(monkeypatch):
    """The warnings that the dock widget shows."""
    shown = []
    monkeypatch.setattr("napari_sam2.widgets.controllers.segment.show_warning", shown.append)
    return shown
