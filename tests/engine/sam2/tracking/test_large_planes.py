"""Planes of 16,384² pixels, of which only the zoom window is read; and frames padded instead of squeezed."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch

from napari_sam2.core.masks import RunLengthMask, bounding_box
from napari_sam2.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, PromptSet
from napari_sam2.engine.options import TrackingOptions
from napari_sam2.engine.protocols import ConditioningFrame, CropWindow, FrameScores, Prediction
from napari_sam2.engine.sam2 import Sam2Model, released_config
from napari_sam2.engine.sam2.tracking import crop_window
from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor
from support.random_networks import random_predictor

SIDE = 16_384
CENTRE, RADIUS = (9000, 12_000), 20


class LazyPlanes:
    """Planes that are computed where they are looked at; reading a whole one is an error."""

    frame_shape = (SIDE, SIDE)

    def __init__(self):
        self.read = []

    def __len__(self):
        return 4

    def __getitem__(self, frame):
        raise AssertionError("a whole plane was read")

    def read_part(self, frame, y0, x0, y1, x1):
        assert 0 <= y0 < y1 <= SIDE
        assert 0 <= x0 < x1 <= SIDE
        self.read.append((y1 - y0) * (x1 - x0))
        yy, xx = np.mgrid[y0:y1, x0:x1]
        disc = np.hypot(yy - CENTRE[0] - frame, xx - CENTRE[1]) < RADIUS
        texture = ((yy * 31 + xx * 17 + frame) % 23).astype(np.float32) / 100
        return np.where(disc, np.float32(0.8), texture)[..., None]


def tiny_shaped(image_size):
    torch.manual_seed(0)
    model = Sam2Model(released_config("sam2.1-tiny").with_image_size(image_size)).eval().requires_grad_(False)
    model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(3.0)
    return Sam2VideoPredictor(model, "tiny")


@pytest.fixture(scope="module")
def tiny():
    return tiny_shaped(128)


def test_only_the_zoom_window_of_a_huge_plane_is_read_and_held(tiny):
    planes = LazyPlanes()
    tracemalloc.start()
    stream = tiny.open(planes, zoom=2.0)
    assert not planes.read
    y, x = CENTRE
    first = stream.predict(1, PromptSet(box=BoxPrompt(y - 20, x - 20, y + 20, x + 20)))
    assert (first.window.height, first.window.width) == (80, 80)
    tracks = [stream.track(ConditioningFrame(1, first.state), [], step) for step in (1, -1)]
    moved = stream.advance(tracks)
    encoded = [p.encoded() for p in (first, *moved)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert max(planes.read) < 1000**2
    assert peak < 30e6, "arrays of the whole plane take 268 MB and more"
    assert all(mask.shape == (SIDE, SIDE) for mask in encoded)
    assert sum(mask.area for mask in encoded) > 0
    for mask in encoded:
        rows = mask.runs // SIDE
        assert rows.size == 0 or (rows.min() > y - 1000 and rows.max() < y + 1000)


def test_the_window_of_a_plane_looks_the_same_read_in_part_or_whole(monkeypatch):
    rng = np.random.default_rng(0)
    plane = np.kron(rng.random((40, 50), dtype=np.float32), np.ones((8, 8), np.float32))[..., None]

    class Parts:
        frame_shape = plane.shape[:2]

        def __len__(self):
            return 1

        def __getitem__(self, frame):
            return plane

        def read_part(self, frame, y0, x0, y1, x1):
            return plane[y0:y1, x0:x1]

    predictor = random_predictor()
    seen = []
    encode = predictor.model.encode_image
    monkeypatch.setattr(predictor.model, "encode_image", lambda p: seen.append(p.clone()) or encode(p))
    windows = [CropWindow(100, 90, 150, 140), CropWindow(-30, 200, 170, 400), CropWindow(250, 300, 350, 400)]
    whole = predictor.open([plane], zoom=2.0)
    monkeypatch.setattr(crop_window, "LARGE_PIXELS", 1000)
    parts = predictor.open(Parts(), zoom=2.0)
    for window in windows:
        whole.embeddings.get([(0, window)])
        parts.embeddings.get([(0, window)])
        a, b = seen[-2:]
        assert len(seen) % 2 == 0, "other content of a cache, so both are computed"
        # Antialiasing shrinks the whole plane, or the part, to a whole number of pixels: the grain differs by a phase.
        assert (a - b).abs().mean() < (1e-4 if window.height < 96 else 0.08) * a.std()
    assert parts.count_encoded([0]) == 0
    monkeypatch.setattr(crop_window, "LARGE_PIXELS", 10**9)


def test_masks_in_windows_of_huge_planes_lie_where_they_were_drawn(monkeypatch):
    mask = np.zeros((300, 400), bool)
    mask[120:150, 200:260] = True
    window = CropWindow(100, 180, 180, 260)
    small = crop_window.crop_mask(mask, window, 64, torch.device("cpu"))
    monkeypatch.setattr(crop_window, "LARGE_PIXELS", 1000)
    large = crop_window.crop_mask(mask, window, 64, torch.device("cpu"))
    assert torch.allclose(small, large, atol=1e-4)
    assert small.max() > 0.9


@pytest.mark.parametrize("zoom", [2.0, 3.0])
def test_whole_frame_models_can_zoom_into_small_objects(zoom):
    rng = np.random.default_rng(2)
    frames = [rng.random((200, 300, 1), dtype=np.float32) for _ in range(3)]
    predictor = random_predictor(128)
    stream = predictor.open(frames, zoom=zoom)
    assert not stream.sees_whole_frames
    box = stream.predict(0, PromptSet(box=BoxPrompt(50, 100, 90, 130)))
    assert box.window.height == pytest.approx(40 * zoom)
    click = stream.predict(0, PromptSet(points=(PointPrompt(70, 115),)))
    assert click.window.height == click.window.width
    assert click.logits.shape == (200, 300)
    assert predictor.open(frames).predict(0, PromptSet(box=BoxPrompt(50, 100, 90, 130))).window.height == 200


# ---------------------------------------------------------------------- predictions of a part


@pytest.mark.parametrize("corner", [(0, 0), (3, 5), (6, 2), (0, 4)])
def test_runs_of_a_part_are_those_of_the_whole_mask(corner):
    rng = np.random.default_rng(sum(corner))
    for density in (-5.0, -0.5, 0.0, 0.5, 5.0):
        part = (rng.normal(density, 1, (4, 8))).astype(np.float32)
        prediction = Prediction(part, FrameScores(0.5, 1.0), CropWindow(0, 0, 1, 1), None, corner, (10, 13))
        whole = np.full((10, 13), -10, np.float32)
        whole[corner[0] : corner[0] + 4, corner[1] : corner[1] + 8] = part
        assert np.array_equal(prediction.logits, whole)
        assert np.array_equal(prediction.mask, whole > 0)
        assert prediction.encoded() == RunLengthMask.encode(whole > 0)


def test_runs_that_go_on_in_the_next_row_are_one():
    part = np.ones((3, 7), np.float32)
    prediction = Prediction(part, FrameScores(0.5, 1.0), CropWindow(0, 0, 1, 1), None, (2, 0), (6, 7))
    assert prediction.encoded().runs.tolist() == [[14, 35]]
    nothing = Prediction(-part, FrameScores(0.5, 1.0), CropWindow(0, 0, 1, 1), None, (2, 0), (6, 7))
    assert nothing.encoded() == RunLengthMask.encode(np.zeros((6, 7), bool))


# ---------------------------------------------------------------------- letterbox


@pytest.mark.parametrize(
    ("spacing", "rows", "columns"),
    [
        ((1.0, 1.0), slice(16, 48), slice(0, 64)),
        ((2.0, 1.0), slice(0, 64), slice(0, 64)),
        ((8.0, 1.0), slice(0, 64), slice(24, 40)),
    ],
)
def test_letterbox_keeps_the_physical_shape(monkeypatch, spacing, rows, columns):
    frames = [np.ones((40, 80, 1), np.float32)]
    predictor = random_predictor()
    seen = []
    encode = predictor.model.encode_image
    monkeypatch.setattr(predictor.model, "encode_image", lambda p: seen.append(p.clone()) or encode(p))
    stream = predictor.open(frames, options=TrackingOptions(letterbox=True, pixel_spacing=spacing))
    stream.predict(0, PromptSet(box=BoxPrompt(10, 20, 30, 40)))
    (pixels,) = seen
    bright = pixels[0, 0] > 0
    expected = torch.zeros_like(bright)
    expected[rows, columns] = True
    assert torch.equal(bright, expected)
    assert stream.sees_whole_frames
    assert stream.count_encoded([0]) == 1, "what is encoded ahead is what is asked for"


def test_places_survive_the_letterbox():
    frames = [np.random.default_rng(0).random((40, 80, 1), dtype=np.float32)] * 2
    drawn = np.zeros((40, 80), bool)
    drawn[8:28, 50:70] = True
    stream = random_predictor().open(frames, options=TrackingOptions(letterbox=True, pixel_spacing=(1.5, 1.0)))
    answer = stream.predict(0, PromptSet(mask=MaskPrompt(RunLengthMask.encode(drawn))))
    back = crop_window.paste_logits(answer.state.low_res_logits, answer.window, (40, 80)).numpy() > 0
    assert np.abs(np.subtract(bounding_box(back), bounding_box(drawn))).max() <= 4, "a low-resolution pixel is 5 wide"
    (moved,) = stream.advance([stream.track(ConditioningFrame(0, answer.state), [], 1)])
    assert moved.logits.shape == (40, 80)
