"""Objects are found without a prompt: cells by the bundled model, each once."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_sam2.analysis.metrics import iou
from napari_sam2.engine import load_predictor
from napari_sam2.engine.protocols import Proposes
from napari_sam2.engine.sam2.tracking import proposals
from napari_sam2.engine.sam2.tracking.proposals import MIN_STABILITY, checked_spacing, grid_of_clicks
from napari_sam2.errors import NapariSam2Error
from support.random_networks import random_predictor

SHAPE = (72, 96)
DISCS = ((20, 24, 9), (50, 68, 12))


@pytest.fixture(scope="module")
def cells():
    rng = np.random.default_rng(0)
    yy, xx = np.mgrid[: SHAPE[0], : SHAPE[1]]
    truth = [np.hypot(yy - y, xx - x) < radius for y, x, radius in DISCS]
    image = np.where(np.logical_or.reduce(truth), 0.8, 0.2) + rng.normal(0, 0.03, SHAPE)
    return image.clip(0, 1).astype(np.float32)[..., None], truth


def test_each_cell_is_proposed_once(cells):
    image, truth = cells
    stream = load_predictor("starter", device="cpu").open([image])
    assert isinstance(stream, Proposes)
    seen = []
    found = stream.propose(0, spacing_px=16, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (24, 24)
    for cell in truth:
        assert sum(iou(p.mask, cell) > 0.7 for p in found) == 1
    assert [p.iou for p in found] == sorted((p.iou for p in found), reverse=True)
    for p in found:
        assert p.mask.shape == SHAPE
        assert 0 <= p.point[0] < SHAPE[0]
        assert 0 <= p.point[1] < SHAPE[1]


def test_nuclei_of_ten_pixels_are_found():
    rng = np.random.default_rng(1)
    yy, xx = np.mgrid[:60, :60]
    places = [(y + rng.uniform(-2, 2), x + rng.uniform(-2, 2)) for y in (10, 30, 50) for x in (10, 30, 50)]
    truth = [np.hypot(yy - y, xx - x) < 5.5 for y, x in places]
    picture = gaussian_filter(np.where(np.logical_or.reduce(truth), 0.8, 0.1), 1.2) + rng.normal(0, 0.02, (60, 60))
    stream = load_predictor("starter", device="cpu").open([picture.clip(0, 1).astype(np.float32)[..., None]])
    found = stream.propose(0, spacing_px=20)
    assert sum(iou(p.mask, nucleus) > 0.5 for p in found for nucleus in truth) == len(found) >= 7
    # By the ratio of areas alone, hardly any of them is stable.
    assert len(stream.propose(0, spacing_px=20, min_stability=MIN_STABILITY)) <= 3


class _Discs:
    """A decoder that answers a click inside of a disc with the disc, and elsewhere with nothing that is sure."""

    def __init__(self, size):
        self.size, self.batches = size, []

    def __call__(self, decode, conditioned, s8, s4, points, labels, mask, multimask, **options):
        decoding = decode(conditioned, s8, s4, points, labels, mask, multimask, **options)
        self.batches.append(len(points))
        n = decoding.low_res_logits.shape[-1]
        cells = (torch.arange(n) + 0.5) / n
        logits, sure = torch.full_like(decoding.low_res_logits, -9.0), torch.full_like(decoding.iou, 0.1)
        for k, (x, y) in enumerate(points[:, 0].tolist()):
            for cy, cx, radius in DISCS:
                if np.hypot((y + 0.5) / 64 * SHAPE[0] - cy, (x + 0.5) / 64 * SHAPE[1] - cx) < radius:
                    far = torch.hypot((cells * SHAPE[0] - cy)[:, None], (cells * SHAPE[1] - cx)[None])
                    logits[k, 0] = torch.where(far < radius, 9.0, -9.0)
                    sure[k] = 0.9 + 0.001 * k
        return replace(decoding, low_res_logits=logits, iou=sure)


@pytest.fixture
def discs(monkeypatch):
    predictor = random_predictor(64)
    decoder, decode = _Discs(64), predictor.model.decode
    monkeypatch.setattr(predictor.model, "decode", lambda *a, **k: decoder(decode, *a, **k))
    stream = predictor.open([np.zeros((*SHAPE, 1), np.float32)])
    return stream, decoder


def test_whole_frame_models_answer_all_clicks_on_one_embedding(discs):
    stream, decoder = discs
    found = stream.propose(0, spacing_px=4)
    assert stream.embeddings.encoder_passes == 1
    assert sum(decoder.batches) == 18 * 24
    assert max(decoder.batches) <= 16
    assert len(found) == 2
    for proposal, (y, x, radius) in zip(sorted(found, key=lambda p: p.point), DISCS, strict=True):
        assert proposal.encoded.area == pytest.approx(np.pi * radius**2, rel=0.5), "the decoder's pixels are coarse"
        assert np.hypot(proposal.point[0] + 0.5 - y, proposal.point[1] + 0.5 - x) < radius


def test_a_finer_grid_follows_where_objects_are_smaller_than_the_spacing(discs, monkeypatch):
    stream, decoder = discs
    # Of clicks in the rows 18 and 54 and the columns 30 and 66, one hits the first disc and none the second.
    monkeypatch.setattr(sys.modules[__name__], "DISCS", ((18, 30, 9), (36, 48, 10)))
    monkeypatch.setattr(proposals, "_CLICKS_ALONG", 2)
    assert len(stream.propose(0, spacing_px=36)) == 1
    assert sum(decoder.batches) == 4
    decoder.batches.clear()
    seen = []
    assert len(stream.propose(0, progress=lambda done, total: seen.append((done, total)))) == 2
    # Then every 18 pixels, and every 9, but for the clicks on what was found.
    assert 4 + 20 + 80 > sum(decoder.batches) > 4 + 20
    assert seen[0] == (4, 4)
    assert seen[-1] == (sum(decoder.batches),) * 2


@pytest.mark.parametrize(("limit", "left"), [({"min_iou": 0.95}, 0), ({"min_stability": 1.01}, 0), ({}, 2)])
def test_what_is_not_sure_or_not_stable_is_left_out(discs, limit, left):
    assert len(discs[0].propose(0, spacing_px=8, **limit)) == left


def test_nothing_is_looked_for_where_it_is_forbidden_and_cancel_keeps_what_was_found(discs):
    stream, decoder = discs
    forbidden = np.zeros(SHAPE, bool)
    forbidden[:36] = True
    (found,) = stream.propose(0, spacing_px=8, forbidden=forbidden)
    assert found.point[0] > 36
    decoder.batches.clear()
    stream.propose(0, spacing_px=4, cancelled=lambda: True)
    assert sum(decoder.batches) <= 32, "the clicks of one round"


def test_clicks_lie_in_the_middles_of_cells():
    assert grid_of_clicks((4, 6), 2, None) == [(y, x) for y in (1.0, 3.0) for x in (1.0, 3.0, 5.0)]
    assert len(grid_of_clicks((160, 320), checked_spacing((160, 320), None), None)) == 16 * 32
    assert grid_of_clicks((3, 3), 50, None) == [(1.5, 1.5)]
    for wrong in (0, -1, float("nan")):
        with pytest.raises(NapariSam2Error, match="spacing_px"):
            checked_spacing((10, 10), wrong)
