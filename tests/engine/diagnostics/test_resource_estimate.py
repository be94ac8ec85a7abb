"""The forecast: arithmetic and plans with given figures, and one real calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine import load_predictor
from napari_sam2.engine.diagnostics import resource_estimate as module
from napari_sam2.engine.diagnostics.resource_estimate import Calibration, calibrate, forecast
from napari_sam2.engine.sam2 import Sam2Model, released_config
from napari_sam2.engine.sam2.tracking.embedding_store import Budget
from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor
from napari_sam2.errors import NapariSam2Error
from napari_sam2.session import VideoSession

MB = 10**6
MEASURED = Calibration(
    encode_s=0.5,
    step_s=0.3,
    object_s=0.1,
    encode_bytes=100 * MB,
    step_bytes=80 * MB,
    object_bytes=50 * MB,
    embedding_bytes=4 * MB,
    track_bytes=2 * MB,
)


@pytest.fixture(scope="module")
def tiny() -> Sam2VideoPredictor:
    """Without zoom; its weights are not looked at."""
    model = Sam2Model(released_config("sam2.1-tiny").with_image_size(512)).eval()
    return Sam2VideoPredictor(model, "sam2.1-tiny", Budget(0, 1000 * MB, 1000 * MB))


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Any:
    def have(count: int | None) -> None:
        monkeypatch.setattr(module, "free_memory", lambda device: count)

    have(100_000 * MB)
    return have


def test_seconds(tiny: Sam2VideoPredictor, free: Any) -> None:
    one = forecast(tiny, frames=100, objects=1, calibration=MEASURED)
    assert one.encoding_s == pytest.approx(50)
    assert one.tracking_s == pytest.approx(100 * (0.3 + 0.1) / 2)
    assert one.seconds == one.encoding_s + one.tracking_s
    three = forecast(tiny, frames=100, objects=3, cached=40, calibration=MEASURED)
    assert three.encoding_s == pytest.approx(30)
    assert three.tracking_s == pytest.approx(100 * (0.3 + 5 * 0.1) / 2)
    assert forecast(tiny, frames=10, cached=99, calibration=MEASURED).encoding_s == 0


def test_zooming_model_encodes_each_object(free: Any) -> None:
    starter = load_predictor("starter", device="cpu")
    assert forecast(starter, frames=100, objects=3, calibration=MEASURED).encoding_s == pytest.approx(150)


def test_memory_by_part(tiny: Sam2VideoPredictor, free: Any) -> None:
    told = forecast(tiny, frames=300, objects=2, calibration=MEASURED)
    assert told.memory == {
        "network": 4 * 38_962_498,
        "embeddings": 1000 * MB,
        "tracks": 4 * 2 * MB,
        "working space": 2 * 100 * MB + (80 + 3 * 50) * MB,
    }
    assert told.elsewhere == {"disk": 200 * MB}
    assert told.fits
    assert not told.notes
    assert told.text == (
        "about 4 min, 1.6 GB (network 156 MB, embeddings 1.0 GB, tracks 8 MB, working space 430 MB; 100.0 GB free)."
    )


def test_plans_give_up_speed_bit_by_bit(tiny: Sam2VideoPredictor, free: Any) -> None:
    def plan(megabytes: int) -> Any:
        free(megabytes * MB)
        return forecast(tiny, frames=300, objects=2, calibration=MEASURED)

    small = plan(1500)
    assert small.fits
    assert 0 < small.plan.budget.ram < 1000 * MB
    assert (small.plan.objects_at_once, small.plan.frames_at_once) == (16, 8)
    assert small.notes == ("Most embeddings go to the disk.",)
    assert sum(small.elsewhere.values()) == 1200 * MB - small.memory["embeddings"]
    smaller = plan(450)
    assert smaller.fits
    assert (smaller.plan.budget.ram, smaller.plan.objects_at_once, smaller.plan.frames_at_once) == (0, 1, 8)
    smallest = plan(225)
    assert smallest.fits
    assert smallest.plan.frames_at_once == 1
    none = plan(100)
    assert not none.fits
    assert none.notes[-1] == "It does not fit into the memory of cpu: take a smaller model, such as 'starter'."
    for told in (small, smaller, smallest):
        used = sum(told.memory.values()) - told.memory["network"]
        assert told.free is not None
        assert used <= told.free


def test_a_plan_is_followed(free: Any) -> None:
    starter = load_predictor("starter", device="cpu")
    free(20 * MB)
    told = forecast(starter, frames=100, objects=2, calibration=MEASURED)
    told.plan.apply(starter)
    assert starter.store.budget == told.plan.budget
    assert starter.batch_sizer.objects_at_once == 1
    assert not told.fits
    assert "close other programs" in told.text


def test_unknown_memory_is_no_obstacle(tiny: Sam2VideoPredictor, free: Any) -> None:
    free(None)
    told = forecast(tiny, frames=300, objects=2, calibration=MEASURED)
    assert told.fits
    assert told.free is None
    assert "free" not in told.text


def test_a_calibration_can_be_cancelled() -> None:
    starter = load_predictor("starter", device="cpu")
    asked: list[bool] = []

    def cancelled() -> bool:
        asked.append(True)
        return len(asked) == 2

    with pytest.raises(NapariSam2Error, match="cancelled"):
        calibrate(starter, (64, 64), cancelled)
    assert len(asked) == 2


def test_calibration_of_the_starter() -> None:
    starter = load_predictor("starter", device="cpu")
    measured = calibrate(starter, (128, 160))
    assert len(starter.store) == 0, "the user's embeddings are left alone"
    assert measured.encode_s > 0
    assert measured.step_s > 0
    assert measured.object_s > 0
    # What is kept is counted, not measured: it has to be exact.
    volume = ImageVolume(np.zeros((30, 128, 160), np.float32), axes="zyx", window=(0, 1))
    session = VideoSession(starter, volume)
    session.add_box(1, 0, (40, 40, 90, 90))
    session.predict_frame(0)
    assert measured.embedding_bytes == starter.store.used()["ram"] // len(starter.store)
    config = starter.model.config
    maps = 7 * config.mem_dim * config.feature_size**2
    assert measured.track_bytes == 4 * (maps + 16 * config.d_model + config.low_res_size**2)
