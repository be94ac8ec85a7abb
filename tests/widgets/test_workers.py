"""Work off the main thread."""

from __future__ import annotations

from napari_sam2.widgets import workers


def test_napari_is_told_what_its_workers_do(make_driver, volume_data, monkeypatch):
    made = []
    create = workers.create_worker
    monkeypatch.setattr(
        workers, "create_worker", lambda call, *a, **how: (made.append(call), create(call, *a, **how))[1]
    )
    driver = make_driver(volume_data)
    driver.drag(0, 5, 5, 20, 20)
    assert {"SAM 2: looking for sessions", "SAM 2: Loading the model starter"} <= {repr(call) for call in made}
    driver.predictor.delay = 0.05
    driver.controller.propagate("both")
    driver.qtbot.waitUntil(lambda: driver.labels[2].any(), timeout=5000)
    began = []
    driver.controller.runs._run._worker.started.connect(lambda: began.append(repr(made[-1])))
    driver.qtbot.waitUntil(lambda: len(began) > 1, timeout=5000)
    assert all(text.startswith("SAM 2: propagating ") and text.endswith(" of 11") for text in began)
    assert len(set(began)) == len(began)
    driver.settle()
    assert not [call for call in made if "<" in repr(call)]
