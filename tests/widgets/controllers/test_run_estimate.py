"""What the dock says of the next run, and what it computes ahead, with the bundled model in a real window."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from napari_sam2.engine import load_predictor


@pytest.fixture(scope="module")
def starter():
    return load_predictor("starter", "cpu")


@pytest.fixture
def calm(make_driver, volume_data, starter, qtbot):
    """A driver with the bundled model, and a function that waits until nothing is computed for the future either."""
    made = make_driver(volume_data)
    made.controller.selection.model_cache._load = lambda name, device: starter

    def wait():
        made.settle()
        qtbot.waitUntil(lambda: not made.controller.run_estimator.busy and made.idle(), timeout=60000)

    return made, wait


def test_the_forecast_stands_before_the_run_and_follows_the_range(calm):
    found, wait = calm
    label = found.widget.run.forecast_label
    assert label.isHidden()
    found.drag(5, 10, 10, 30, 30)
    wait()
    assert label.text().startswith("Takes about ")
    assert "network" in label.toolTip()
    whole = found.controller.run_estimator._estimate.forecast
    found.widget.run.first_box.setValue(4)
    found.widget.run.last_box.setValue(6)
    wait()
    part = found.controller.run_estimator._estimate.forecast
    assert part.seconds < whole.seconds / 2
    found.widget.run.both_button.click()
    wait()
    assert label.text() == "All slices are up to date."


def test_there_is_no_forecast_of_a_model_that_is_not_loaded(calm):
    found, wait = calm
    found.drag(5, 10, 10, 30, 30)
    wait()
    found.controller.models.choose("medsam2")
    wait()
    assert found.widget.run.forecast_label.isHidden()
    found.controller.models.choose("starter")
    wait()
    assert found.widget.run.forecast_label.text().startswith("Takes about ")


def test_a_run_is_done_by_the_plan_that_fits(calm, starter, monkeypatch):
    import napari_sam2.engine.diagnostics.resource_estimate as forecast

    found, wait = calm
    found.drag(5, 10, 10, 30, 30)
    wait()
    # Enough for the network's work on one frame, not for embeddings beside it.
    monkeypatch.setattr(forecast, "free_memory", lambda device: 1_000_000)
    found.widget.run.last_box.setValue(8)
    wait()
    assert not found.controller.run_estimator._estimate.forecast.fits
    assert "does not fit" in found.widget.run.forecast_label.text()
    budget, at_once = starter.store.budget, starter.batch_sizer.frames_at_once
    try:
        found.widget.run.both_button.click()
        wait()
        assert starter.batch_sizer.frames_at_once == 1
        assert found.labels[5:9].any(axis=(1, 2)).sum() >= 1
    finally:
        starter.store.set_budget(budget)
        starter.batch_sizer.frames_at_once = at_once


def test_measuring_is_said_and_gives_way_to_a_run(calm, qtbot, monkeypatch):
    import napari_sam2.engine.diagnostics.resource_estimate as forecast

    found, wait = calm
    measure, begun, gave_way = forecast.calibrate, threading.Event(), []

    def slow(predictor, shape, cancelled):
        begun.set()
        for _ in range(600):
            if cancelled():
                gave_way.append(True)
                break
            time.sleep(0.05)
        return measure(predictor, shape, cancelled)

    monkeypatch.setattr(forecast, "calibrate", slow)
    found.drag(5, 10, 10, 30, 30)
    qtbot.waitUntil(begun.is_set, timeout=20000)
    label = found.widget.run.forecast_label
    assert label.text().startswith("Measuring")
    monkeypatch.setattr(forecast, "calibrate", measure)
    show, shown = found.widget.run.set_forecast, []
    monkeypatch.setattr(found.widget.run, "set_forecast", lambda *texts: (shown.append(texts[0]), show(*texts)))
    found.widget.run.both_button.click()
    wait()
    assert gave_way
    assert not any(text.startswith("Measuring") for text in shown), "nothing is left to run"
    assert label.text() == "All slices are up to date."


def test_other_predictors_get_no_forecast_and_no_harm(make_driver, volume_data, qtbot):
    found = make_driver(volume_data)
    found.click(5, 20, 25)
    qtbot.waitUntil(lambda: not found.controller.run_estimator.busy, timeout=10000)
    assert found.widget.run.forecast_label.isHidden()


class Ahead:
    """Stands in for a session's encode_ahead."""

    def __init__(self):
        self.asked, self.release, self.stopped = [], threading.Event(), 0

    def __call__(self, frames, *, cancelled, progress):
        self.asked.append(list(frames))
        for done, _ in enumerate(frames):
            progress(done + 1, len(frames))
            self.release.wait(0.02)
            if cancelled():
                self.stopped += 1
                return done
        return len(frames)


def test_slices_are_encoded_from_the_shown_one_outwards_while_nothing_runs(calm, monkeypatch):
    found, wait = calm
    ahead = Ahead()
    monkeypatch.setattr("napari_sam2.session.VideoSession.encode_ahead", lambda self, *a, **k: ahead(*a, **k))
    found.viewer.dims.set_point(0, 5)
    found.drag(5, 10, 10, 30, 30)
    wait()
    assert ahead.asked[-1][:3] in ([5, 4, 6], [5, 6, 4])
    assert sorted(ahead.asked[-1]) == list(range(12))
    found.widget.advanced.ahead_box.setChecked(False)
    count = len(ahead.asked)
    found.click(6, 20, 25)
    wait()
    assert len(ahead.asked) == count


def test_the_whole_range_is_prepared_on_request_and_can_be_stopped(calm, monkeypatch, qtbot):
    found, wait = calm
    ahead = Ahead()
    monkeypatch.setattr("napari_sam2.session.VideoSession.encode_ahead", lambda self, *a, **k: ahead(*a, **k))
    found.widget.advanced.ahead_box.setChecked(False)
    found.drag(5, 10, 10, 30, 30)
    wait()
    found.widget.advanced.prepare_button.click()
    wait()
    assert ahead.asked == [list(range(12))]
    assert "12 of 12 slices are prepared" in found.widget.status.text()
    found.widget.advanced.prepare_button.click()
    qtbot.waitUntil(lambda: len(ahead.asked) == 2, timeout=5000)
    assert found.widget.advanced.prepare_button.text() == "Stop"
    found.widget.advanced.prepare_button.click()
    wait()
    assert ahead.stopped == 1
    assert found.widget.advanced.prepare_button.text() == "Prepare slices"


def test_a_model_with_windows_says_that_nothing_can_be_prepared(calm):
    found, wait = calm
    found.drag(5, 10, 10, 30, 30)
    wait()
    found.widget.advanced.prepare_button.click()
    wait()
    assert "nothing can be prepared" in found.widget.status.text()


def test_two_sessions_may_use_one_model_at_once(volume_data, starter):
    """As when the slider of a 4-D image is moved during a run: the masks are those of each session alone."""
    from napari_sam2 import ImageVolume, VideoSession

    def masks(seed, results):
        data = np.roll(volume_data, seed, axis=0)
        session = VideoSession(starter, ImageVolume(data, axes="zyx", spacing=(3, 1, 1)))
        session.add_box(1, 5, (10, 10, 30, 30))
        for _ in session.propagate():
            pass
        results[seed] = session.labels()

    alone, together = {}, {}
    for seed in (0, 1):
        masks(seed, alone)
    starter.store.clear()
    threads = [threading.Thread(target=masks, args=(seed, together)) for seed in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in (0, 1):
        assert np.array_equal(alone[seed], together[seed])
