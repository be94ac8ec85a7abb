"""Which past frames are remembered by the rules beside Meta's, in both directions and within bounds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_sam2.core.prompts import BoxPrompt, PointPrompt, PromptSet
from napari_sam2.engine.options import TrackingOptions
from napari_sam2.engine.protocols import ConditioningFrame
from napari_sam2.engine.sam2.tracking.memory_bank import Evidence, Memory
from napari_sam2.engine.sam2.tracking.rivals import rival_score
from napari_sam2.engine.sam2.tracking.selective_memory import new_bank, selection_score
from support.random_networks import random_predictor

LAST = 6
GOOD = Evidence(0.9, 5.0, 100, 0.0)
ABSENT = Evidence(0.9, -5.0, 0, 0.0)


def memory(frame):
    return Memory(torch.full((1, 4, 2, 2), float(frame)), torch.full((1, 8), float(frame)))


def filled(rule, evidence, step=1, start=100):
    """A memory after the tracked frames ``start + step …`` with this evidence each."""
    bank = new_bank(rule, 6, 16, 4)
    bank.conditioning[start] = memory(start)
    for i, known in enumerate(evidence, 1):
        bank.remember(start + step * i, memory(start + step * i), step, known)
    return bank


def attended(bank, frame, step=1):
    """Frames of the maps with their places, and of the pointers with their distances."""
    chosen = bank.attended(frame, step, 16, LAST)
    maps = [(int(m[0, 0, 0, 0]), place) for m, place in chosen.maps]
    return maps, [(int(p[0, 0]), distance) for p, distance in chosen.pointers]


@pytest.mark.parametrize("rule", ["meta", "selected"])
@pytest.mark.parametrize("step", [1, -1])
def test_where_every_frame_is_good_selection_is_metas_rule(rule, step):
    maps, pointers = attended(filled(rule, [GOOD] * 30, step), 100 + 31 * step, step)
    assert maps == [(100, LAST)] + [(100 + step * (31 - back), back - 1) for back in range(6, 0, -1)]
    assert pointers == [(100, 31.0)] + [(100 + step * (31 - back), float(back)) for back in range(1, 16)]


@pytest.mark.parametrize("step", [1, -1])
def test_doubtful_frames_are_remembered_only_while_they_are_the_neighbour(step):
    bank = filled("selected", [GOOD, GOOD, ABSENT, Evidence(0.005, 9.0, 3), GOOD, ABSENT], step)
    maps, pointers = attended(bank, 100 + 7 * step, step)
    # Places are ranks, not distances: 6 is the neighbour, then 5, 2 and 1.
    assert maps == [(100, LAST)] + [(100 + step * k, place) for k, place in ((1, 3), (2, 2), (5, 1), (6, 0))]
    assert pointers == [(100, 7.0)] + [(100 + step * k, float(rank)) for rank, k in enumerate((6, 5, 2, 1), 1)]


def test_selected_memory_is_kept_through_a_long_absence_and_stays_bounded():
    bank = filled("selected", [GOOD] * 40 + [ABSENT] * 400)
    maps, pointers = attended(bank, 541)
    assert [f for f, _ in maps] == [100, 136, 137, 138, 139, 140, 540]
    assert len(pointers) == 16
    assert (len(bank.tracked), len(bank.pointers), len(bank.scores)) == (6, 15, 15)


def test_selection_score_is_certainty_times_quality():
    assert selection_score(0.8, -0.1) == 0
    assert selection_score(0.8, 100.0) == pytest.approx(0.8)
    assert selection_score(0.5, 1.0) == pytest.approx(0.5 * (2 / (1 + np.exp(-1)) - 1))


@pytest.mark.parametrize("step", [1, -1])
def test_distractor_memory_takes_the_neighbour_and_every_fifth_frame(step):
    bank = filled("distractor", [GOOD] * 33, step)
    maps, _ = attended(bank, 100 + 34 * step, step)
    recent = (11, 16, 21, 26, 31, 33)
    assert maps == [(100, LAST)] + [(100 + step * k, 5 - i) for i, k in enumerate(recent)]
    assert len(bank.tracked) <= 7


@pytest.mark.parametrize("step", [1, -1])
def test_frames_with_a_rival_become_anchors_without_a_place_in_time(step):
    rival = Evidence(0.9, 5.0, 110, 0.4)
    bank = filled("distractor", [GOOD] * 3 + [rival] * 20 + [GOOD] * 30, step)
    # More than five frames apart: 4, 10, 16 and 22, of which the last three stay.
    assert sorted(abs(f - 100) for f in bank.distractors) == [10, 16, 22]
    maps, pointers = attended(bank, 100 + 54 * step, step)
    anchors = [(100, LAST)] + [(100 + step * k, LAST) for k in (22, 16, 10)]
    assert maps[:4] == anchors
    assert len(maps) == 7, "anchors take the room of recent frames"
    assert {(100 + step * 22, 32.0), (100 + step * 16, 38.0)} <= set(pointers)


@pytest.mark.parametrize(
    "evidence",
    [
        Evidence(0.79, 5.0, 100, 0.4),  # not sure of its mask
        Evidence(0.9, 5.0, 130, 0.4),  # larger than it was
        Evidence(0.9, 5.0, 70, 0.4),
        Evidence(0.9, 5.0, 100, 0.29),  # nothing that looks like it
        Evidence(0.9, 5.0, 100, None),
    ],
)
def test_a_frame_that_lacks_one_condition_is_no_anchor(evidence):
    assert not filled("distractor", [GOOD] * 5 + [evidence]).distractors


def test_the_users_frames_come_before_the_anchors_found():
    bank = filled("distractor", [GOOD] * 3 + [Evidence(0.9, 5.0, 100, 0.5)])
    for frame in (90, 95, 98):
        bank.conditioning[frame] = memory(frame)
    maps, _ = attended(bank, 105)
    assert [f for f, place in maps if place == LAST] == [90, 95, 98, 100]


def test_empty_frames_never_enter_the_distractor_memory():
    bank = filled("distractor", [GOOD] * 12 + [ABSENT] * 300)
    maps, pointers = attended(bank, 413)
    assert [f for f, _ in maps] == [100, 101, 106, 111]
    assert [f for f, _ in pointers] == [100]


def square(y0, x0, y1, x1):
    mask = np.zeros((32, 32), bool)
    mask[y0:y1, x0:x1] = True
    return mask


def test_a_rival_is_what_another_answer_sees_elsewhere():
    chosen = square(4, 4, 12, 12)
    assert rival_score(chosen, [square(5, 5, 11, 11), chosen]) == 0, "inside of the mask"
    assert rival_score(chosen, [square(4, 4, 12, 28)]) == pytest.approx(1 - 8 / 24)
    crumbs = square(4, 13, 5, 14) | square(4, 20, 12, 28)
    assert rival_score(chosen, [crumbs]) == pytest.approx(1 - 8 / 24), "the largest part counts"
    assert rival_score(square(0, 0, 0, 0), [chosen]) == 0


@pytest.mark.parametrize("memory_rule", ["selected", "distractor"])
def test_streams_follow_the_rule_both_ways_and_tell_rivals(memory_rule):
    rng = np.random.default_rng(1)
    frames = [rng.random((64, 64, 1), dtype=np.float32) for _ in range(16)]
    predictor = random_predictor()
    stream = predictor.open(frames, options=TrackingOptions(memory=memory_rule))
    first = stream.predict(8, PromptSet(box=BoxPrompt(10, 10, 40, 40)))
    assert first.scores.rival is None
    tracks = [stream.track(ConditioningFrame(8, first.state), [], step) for step in (1, -1)]
    for _ in range(7):
        found = stream.advance(tracks)
    assert [t.frame for t in tracks] == [15, 1]
    assert all((p.scores.rival is not None) == (memory_rule == "distractor") for p in found)
    for track in tracks:
        assert len(track.bank.tracked) <= 9
        assert len(track.bank.pointers) <= 16
    plain = predictor.open(frames)
    other = [plain.track(ConditioningFrame(8, first.state), [], 1)]
    for _ in range(7):
        (meta,) = plain.advance(other)
    assert meta.scores.rival is None
    if memory_rule == "distractor":
        assert not np.array_equal(meta.logits, found[0].logits)


@pytest.mark.parametrize(("which", "index"), [("single", 0), ("first", 1)])
def test_one_click_is_answered_by_the_mask_that_was_chosen(which, index):
    frames = [np.random.default_rng(2).random((64, 64, 1), dtype=np.float32)]
    predictor = random_predictor(seed=3)
    click = PromptSet(points=(PointPrompt(20, 30),))
    decodings = []
    decode = predictor.model.decode

    def watch(*args, **kwargs):
        decodings.append(decode(*args, **kwargs))
        return decodings[-1]

    predictor.model.decode = watch
    predictor.open(frames, options=TrackingOptions(click_mask=which)).predict(0, click)
    (decoding,) = decodings
    assert torch.equal(decoding.low_res_logits[:, 0], decoding.all_logits[:, index])
    assert decoding.iou == decoding.all_iou[:, index]
