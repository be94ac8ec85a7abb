"""The motion of a track: where an object is expected, and what follows from it for masks and memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_sam2.core.masks import bounding_box
from napari_sam2.core.prompts import BoxPrompt, PromptSet
from napari_sam2.engine import load_predictor
from napari_sam2.engine.options import TrackingOptions
from napari_sam2.engine.protocols import ConditioningFrame
from napari_sam2.engine.sam2.tracking.memory_bank import Evidence, Memory
from napari_sam2.engine.sam2.tracking.motion import Motion, box_iou, new_motion
from napari_sam2.engine.sam2.tracking.selective_memory import new_bank
from napari_sam2.errors import NapariSam2Error
from support.random_networks import random_predictor

NOTHING = Memory(torch.zeros(1, 4, 2, 2), torch.zeros(1, 8))


def moving(frame, speed=3.0):
    """The box of an object of 20 by 12 pixels that moves to the right."""
    return 40.0, 10.0 + speed * frame, 60.0, 22.0 + speed * frame


def seen(count, motion=None):
    motion = motion or Motion()
    for frame in range(count):
        motion.see(moving(frame), 0.9)
    return motion


def test_the_next_box_is_known_after_fifteen_sure_masks_in_a_row():
    assert seen(14).expected() is None
    assert seen(14).choice([moving(0)], [1.0]) is None
    assert seen(40).expected() == pytest.approx(moving(40), abs=0.5)


@pytest.mark.parametrize("doubt", [(None, 0.9), (moving(20), 0.3)])
def test_an_empty_or_a_poor_mask_starts_it_anew(doubt):
    motion = seen(20)
    motion.see(*doubt)
    assert motion.expected() is None
    assert seen(14, motion).expected() is None
    assert seen(1, seen(14, motion)) is motion


def test_of_two_alike_the_one_on_the_way_is_chosen_unless_it_is_much_poorer():
    motion = seen(40)
    twin = (40.0, 10.0, 60.0, 22.0)
    assert motion.choice([twin, moving(40), None], [0.9, 0.8, 0.5]) == 1
    assert motion.choice([twin, moving(40), None], [0.9, 0.5, 0.5]) == 0
    assert seen(40, new_motion(144)).choice([twin, moving(40)], [0.9, 0.7]) == 0, "it counts less with large networks"


def test_boxes_overlap():
    assert box_iou((0, 0, 2, 2), (0, 1, 2, 3)) == pytest.approx(1 / 3)
    assert box_iou((0, 0, 2, 2), (0, 2, 2, 4)) == 0
    assert box_iou((0, 0, 2, 2), None) == 0


@pytest.mark.parametrize(
    ("iou", "agreement", "stays"), [(0.9, 0.5, True), (0.9, 0.0, False), (0.5, 0.5, False), (0.5, None, True)]
)
def test_the_selected_memory_leaves_out_what_was_not_where_it_was_expected(iou, agreement, stays):
    bank = new_bank("selected", 6, 16, 4)
    bank.remember(1, NOTHING, 1, Evidence(iou, 5.0, 100, None, agreement))
    bank.remember(2, NOTHING, 1, Evidence(0.9, 5.0, 100, None, 1.0))
    assert (1 in bank.tracked) == stays


class Insists:
    """A motion that always wants one of the alternatives."""

    def __init__(self, place):
        self.place, self.boxes = place, []

    def expected(self):
        return 0.0, 0.0, 64.0, 64.0

    def choice(self, boxes, ious):
        return self.place

    def see(self, box, iou):
        self.boxes.append(box)


def following(options, motions=(None, None), frames=17):
    """Two tracks from frame 16, up and down, and their last masks."""
    rng = np.random.default_rng(1)
    stack = [rng.random((64, 64, 1), dtype=np.float32) for _ in range(33)]
    stream = random_predictor().open(stack, options=options)
    first = stream.predict(16, PromptSet(box=BoxPrompt(10, 10, 40, 40)))
    tracks = [stream.track(ConditioningFrame(16, first.state), [], step) for step in (1, -1)]
    for track, motion in zip(tracks, motions, strict=True):
        track.motion = motion or track.motion
    for _ in range(frames - 1):
        found = stream.advance(tracks)
    return tracks, found


def test_a_track_takes_the_alternative_that_its_motion_wants_and_no_other_track_does():
    options = TrackingOptions(motion=True)
    _, plain = following(options, frames=2)
    for place in range(3):
        wants = Insists(place)
        _, found = following(options, (wants, None), frames=2)
        assert np.array_equal(found[1].logits, plain[1].logits)
        assert len(wants.boxes) == 1
    answers = {following(options, (Insists(k), None), frames=2)[1][0].scores.iou for k in range(3)}
    assert len(answers) == 3
    assert plain[0].scores.iou == max(answers)


def test_each_track_has_a_motion_of_its_own_only_where_it_is_asked_for():
    tracks, _ = following(TrackingOptions(motion=True))
    assert tracks[0].motion is not tracks[1].motion
    assert [t.frame for t in tracks] == [32, 0]
    assert following(TrackingOptions(), frames=2)[0][0].motion is None
    with pytest.raises(NapariSam2Error, match="motion='yes'"):
        TrackingOptions(motion="yes")


def test_the_motion_of_a_real_object_is_followed_in_pixels_of_the_frame():
    rng, (rows, columns) = np.random.default_rng(4), np.mgrid[:80, :140]
    frames, truth = [], []
    for frame in range(19):
        disc = (rows - 40) ** 2 + (columns - 30 - 4 * frame) ** 2 < 120
        frames.append((0.3 + 0.4 * disc + rng.normal(0, 0.03, disc.shape)).astype(np.float32)[..., None])
        truth.append(bounding_box(disc))
    stream = load_predictor("starter", device="cpu").open(frames, options=TrackingOptions(motion=True))
    first = stream.predict(0, PromptSet(box=BoxPrompt(*truth[0])))
    track = stream.track(ConditioningFrame(0, first.state), [], 1)
    start = track.window
    for _ in range(17):
        stream.advance([track])
    assert track.window != start, "the window moved with the object"
    assert track.motion.expected() == pytest.approx(truth[18], abs=2)
