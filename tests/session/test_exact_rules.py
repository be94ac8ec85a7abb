"""The rules of `VideoSession(exact=True)` without an oracle: corrections, later objects, reverse, undo, the file.

That they are Meta's is shown in tests/parity. Here the network is tiny and random, and answers are compared with
`ReferenceLoop`, or with those of a session that came to the same state in another way.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine.sam2 import Sam2Config, Sam2Model
from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor
from napari_sam2.errors import NapariSam2Error, PromptError
from napari_sam2.session import VideoSession
from support.exact import known, make_clip
from support.hf_oracle import randomise
from support.reference_loop import Prompt, ReferenceLoop

COUNT, SIDE = 8, 64
BOX = (12, 17, 38, 40)
POINT, OUTSIDE = (25, 29), (10, 8)
SMALL = Sam2Config(
    image_size=SIDE,
    embed_dim=16,
    stages=(1, 1, 2, 1),
    global_att_blocks=(3,),
    d_model=64,
    mem_dim=16,
    memory_attention_layers=2,
    memory_attention_mlp_dim=64,
    decoder_mlp_dim=64,
    iou_head_hidden_dim=64,
)


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    return make_clip(COUNT)[:, :, ::4, ::4].copy()


@pytest.fixture(scope="module")
def predictors() -> dict[bool, Sam2VideoPredictor]:
    """One as Meta's comes, and one that keeps corrections."""
    found = {}
    for keeps in (False, True):
        network = Sam2Model(replace(SMALL, add_all_frames_to_correct_as_cond=keeps)).eval().requires_grad_(False)
        randomise(network, 7)
        network.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.add_(1.0)  # the object is there
        found[keeps] = Sam2VideoPredictor(network, f"random tiny {keeps}")
    return found


@pytest.fixture
def new(predictors: dict[bool, Sam2VideoPredictor], clip: np.ndarray) -> Any:
    def make(keeps: bool = False) -> VideoSession:
        return VideoSession(predictors[keeps], ImageVolume(clip, axes="tcyx", window=(0.0, 1.0)), exact=True)

    return make


def run(session: VideoSession, direction: Any = "both", frames: Any = None) -> list[int]:
    return [step.frame for step in session.propagate(direction, frames)]


def assert_same(one: VideoSession, other: VideoSession, obj_id: int = 1) -> None:
    """Both show the same masks, and their models know the same."""
    mine, theirs = known(one, obj_id), known(other, obj_id)
    assert set(mine) == set(theirs)
    for frame in mine:
        torch.testing.assert_close(mine[frame].low_res_logits, theirs[frame].low_res_logits, rtol=0, atol=1e-4)
        np.testing.assert_array_equal(one.mask(obj_id, frame), other.mask(obj_id, frame))


def reference(session: VideoSession, clip: np.ndarray) -> ReferenceLoop:
    model = session.predictor.model
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (model.config.pixel_mean, model.config.pixel_std))
    return ReferenceLoop(model, (torch.from_numpy(clip) - mean) / std, store=lambda maps: maps)


def xy(*points: tuple[float, float]) -> torch.Tensor:
    return torch.tensor([[[float(x), float(y)] for y, x in points]])


@torch.inference_mode()
def test_a_correction_is_answered_from_memory_upon_the_tracked_mask_and_conditions_if_it_is_kept(
    new: Any, clip: np.ndarray
) -> None:
    session = new(keeps=True)
    session.add_box(1, 1, BOX)
    run(session)
    session.add_points(1, 4, [POINT])
    loop = reference(session, clip)
    loop.prompt(1, Prompt(xy(BOX[:2], BOX[2:]), torch.tensor([[2, 3]], dtype=torch.int32)))
    for frame in range(2, COUNT):
        loop.track(frame)
    loop.track(0, reverse=True)
    wanted = loop.correct(4, Prompt(xy(POINT), torch.tensor([[1]], dtype=torch.int32)))
    torch.testing.assert_close(known(session)[4].low_res_logits, wanted.low_res_logits, rtol=0, atol=1e-4)
    run(session)
    for frame in (2, 3, 5, 6, 7):
        loop.track(frame)
    loop.track(0, reverse=True)
    for frame, decoding in known(session).items():
        torch.testing.assert_close(decoding.low_res_logits, loop.results[frame].low_res_logits, rtol=0, atol=1e-4)


@torch.inference_mode()
def test_a_correction_tracked_in_reverse_is_answered_in_reverse(new: Any, clip: np.ndarray) -> None:
    session = new(keeps=True)
    session.add_box(1, 5, BOX)
    run(session)
    session.add_points(1, 3, [POINT])
    loop = reference(session, clip)
    loop.prompt(5, Prompt(xy(BOX[:2], BOX[2:]), torch.tensor([[2, 3]], dtype=torch.int32)))
    for frame in (6, 7):
        loop.track(frame)
    for frame in (4, 3, 2, 1, 0):
        loop.track(frame, reverse=True)
    wanted = loop.correct(3, Prompt(xy(POINT), torch.tensor([[1]], dtype=torch.int32)), reverse=True)
    torch.testing.assert_close(known(session)[3].low_res_logits, wanted.low_res_logits, rtol=0, atol=1e-4)


def test_as_meta_comes_a_correction_is_lost_with_the_next_run(new: Any) -> None:
    corrected, plain = new(), new()
    for session in (corrected, plain):
        session.add_box(1, 1, BOX)
        run(session)
    corrected.add_points(1, 4, [POINT, OUTSIDE], [1, 0])
    answer = known(corrected)[4].low_res_logits
    assert not torch.equal(answer, known(plain)[4].low_res_logits)
    for session in (corrected, plain):
        run(session)
    assert_same(corrected, plain)


def test_a_correction_where_tracking_began_is_lost_too(new: Any) -> None:
    session = new()
    session.add_box(1, 1, BOX)
    run(session)
    before = session.mask(1, 1)
    session.add_points(1, 1, [POINT, OUTSIDE], [1, 0])
    assert (session.mask(1, 1) != before).any()
    run(session)
    np.testing.assert_array_equal(session.mask(1, 1), before)


@torch.inference_mode()
def test_clicks_call_by_call_are_answered_together_upon_the_answer_before(new: Any, clip: np.ndarray) -> None:
    session = new()
    session.add_points(1, 2, [POINT])
    before = known(session)[2].low_res_logits
    session.add_points(1, 2, [OUTSIDE], [0])
    model, features = session.predictor.model, reference(session, clip)._features(2)
    conditioned = model.condition_without_memory(features.s16)
    labels = torch.tensor([[1, 0]], dtype=torch.int32)
    wanted = model.decode(
        conditioned, features.s8, features.s4, xy(POINT, OUTSIDE), labels, before.clamp(-32, 32), multimask=False
    )
    torch.testing.assert_close(known(session)[2].low_res_logits, wanted.low_res_logits, rtol=0, atol=1e-4)


@torch.inference_mode()
def test_clicks_on_a_given_mask_are_answered_upon_it(new: Any, clip: np.ndarray) -> None:
    session = new()
    mask = np.zeros((SIDE, SIDE), bool)
    mask[10:40, 12:44] = True
    session.add_mask(1, 2, mask)
    before = known(session)[2].low_res_logits
    session.add_points(1, 2, [OUTSIDE], [0])
    model, features = session.predictor.model, reference(session, clip)._features(2)
    conditioned = model.condition_without_memory(features.s16)
    labels = torch.tensor([[0]], dtype=torch.int32)
    wanted = model.decode(conditioned, features.s8, features.s4, xy(OUTSIDE), labels, before, multimask=True)
    torch.testing.assert_close(known(session)[2].low_res_logits, wanted.low_res_logits, rtol=0, atol=1e-4)


def test_the_second_pass_begins_where_the_first_did_and_tracks_later_objects_there_anew(new: Any) -> None:
    session = new()
    session.add_box(1, 2, BOX)
    session.add_points(2, 5, [POINT])
    steps = list(session.propagate())
    assert [s.frame for s in steps] == [2, 3, 4, 5, 6, 7, 2, 1, 0]
    first, again = steps[0].masks, steps[6].masks
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[2] != again[2]).any()
    np.testing.assert_array_equal(session.mask(2, 2), again[2])


@torch.inference_mode()
def test_an_object_prompted_after_a_run_is_tracked_by_itself(new: Any, clip: np.ndarray) -> None:
    session = new()
    session.add_box(1, 2, BOX)
    run(session)
    session.add_box(2, 4, BOX)
    run(session, "forward")
    loop = reference(session, clip)
    loop.prompt(4, Prompt(xy(BOX[:2], BOX[2:]), torch.tensor([[2, 3]], dtype=torch.int32)))
    for frame in (2, 3, 5, 6, 7):
        loop.track(frame)
    assert set(known(session, 2)) == {2, 3, 4, 5, 6, 7}
    for frame, decoding in known(session, 2).items():
        torch.testing.assert_close(decoding.low_res_logits, loop.results[frame].low_res_logits, rtol=0, atol=1e-4)


def test_backward_from_frame_0_there_is_nothing_and_from_chosen_frames_all_of_them(new: Any) -> None:
    session = new()
    session.add_box(1, 0, BOX)
    assert session.count_stale("backward") == (0, 0)
    assert run(session, "backward") == []
    assert session.count_stale() == (COUNT, COUNT - 1)
    assert run(session, "backward", range(2, 6)) == [5, 4, 3, 2]
    assert run(session, "forward", range(3, 5)) == [3, 4]


def test_cleared_prompts_leave_the_mask_but_condition_no_more(new: Any) -> None:
    session = new()
    session.add_box(1, 2, BOX)
    session.clear_prompts(1, 2)
    assert session.mask(1, 2) is None  # nothing was propagated: nothing is left
    session.add_box(1, 2, BOX)
    run(session)
    shown = session.mask(1, 2)
    session.clear_prompts(1, 2)
    np.testing.assert_array_equal(session.mask(1, 2), shown)
    with pytest.raises(PromptError, match="nothing to propagate"):
        run(session)
    session.add_points(1, 4, [POINT])
    run(session)
    assert (session.mask(1, 2) != shown).any()


# ---------------------------------------------------------------------- what sessions have and Meta has not


def correct(session: VideoSession) -> None:
    session.add_points(1, 4, [POINT, OUTSIDE], [1, 0])
    session.add_box(2, 5, BOX)
    run(session)
    session.add_points(1, 1, [POINT])


@pytest.fixture
def corrected(new: Any) -> VideoSession:
    session = new(keeps=True)
    session.add_box(1, 2, BOX)
    run(session)
    correct(session)
    return session


def test_undone_steps_leave_no_trace_and_are_the_same_when_done_again(new: Any, corrected: VideoSession) -> None:
    session = new(keeps=True)
    session.add_box(1, 2, BOX)
    run(session)
    session.add_points(1, 3, [OUTSIDE])
    run(session)
    session.undo()
    session.undo()
    correct(session)
    assert_same(session, corrected)
    for _ in range(3):
        session.undo()
    for _ in range(3):
        session.redo()
    session.add_points(1, 6, [POINT])
    corrected.add_points(1, 6, [POINT])
    assert_same(session, corrected)


def test_a_session_from_a_file_goes_on_as_if_it_had_never_been_closed(corrected: VideoSession, tmp_path: Path) -> None:
    corrected.save(tmp_path / "one.sam2")
    corrected.close()
    session = VideoSession.open(tmp_path / "one.sam2", corrected.predictor, corrected.volume)
    other = VideoSession(corrected.predictor, corrected.volume, exact=True)
    other.add_box(1, 2, BOX)
    run(other)
    correct(other)
    for each in (session, other):
        each.add_points(1, 6, [POINT])
        run(each, "backward")
    assert_same(session, other)
    assert_same(session, other, 2)
    session.close()


@pytest.mark.parametrize("overlap", ["keep", "score"])
def test_replay_finds_the_same_masks(new: Any, overlap: str) -> None:
    session = new()
    session.overlap = overlap
    session.add_labels(np.eye(SIDE, dtype=np.uint16)[None].repeat(COUNT, 0), [3])
    session.add_box(2, 2, BOX)
    run(session)
    session.set_window(0.1, 0.8)
    correct(session)
    session.clear_prompts(2, 5)
    session.edit_mask(1, 6, np.eye(SIDE, dtype=bool))
    run(session)
    assert session.replay() == 0


def test_no_run_writes_a_locked_frame_and_all_see_it(new: Any) -> None:
    session, other = new(), new()
    for each in (session, other):
        each.add_box(1, 2, BOX)
        run(each)
    drawn = np.zeros((SIDE, SIDE), bool)
    drawn[30:60, 5:30] = True
    session.edit_mask(1, 5, drawn)
    locked = session.mask(1, 4)
    session.lock(frame=4, obj_id=1)
    for each in (session, other):
        run(each)
    np.testing.assert_array_equal(session.mask(1, 5), drawn)
    np.testing.assert_array_equal(session.mask(1, 4), locked)
    assert (known(session)[3].low_res_logits != known(other)[3].low_res_logits).any()
    session.unlock(frame=5, obj_id=1)
    run(session)
    assert (session.mask(1, 5) != drawn).any()


def test_a_run_that_is_left_goes_on_from_what_it_did(new: Any) -> None:
    """Frames that it did not come to are not tracked yet: prompts on them are answered without memory."""
    session, other = new(), new()
    for each in (session, other):
        each.add_box(1, 1, BOX)
    steps = session.propagate()
    assert [next(steps).frame for _ in range(3)] == [1, 2, 3]
    steps.close()
    session.add_points(1, 6, [POINT])
    other.add_points(1, 6, [POINT])
    torch.testing.assert_close(known(session)[6].low_res_logits, known(other)[6].low_res_logits)


def test_after_an_error_the_model_knows_again_what_the_log_says(
    new: Any, corrected: VideoSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = new(keeps=True)
    session.add_box(1, 2, BOX)
    run(session)
    steps = session.propagate()
    next(steps)
    with monkeypatch.context() as patch:
        patch.setattr(Sam2Model, "condition_on_memory", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            next(steps)
    session.undo()
    correct(session)
    assert_same(session, corrected)


def test_another_model_answers_anew(new: Any, predictors: Any) -> None:
    session = new(keeps=True)
    session.add_box(1, 2, BOX)
    run(session)
    session.add_points(1, 4, [POINT])
    session.use(predictors[False])
    session.predict_frame(4)
    other = new()
    other.add_box(1, 2, BOX)
    run(other)
    other.add_points(1, 4, [POINT])
    np.testing.assert_array_equal(session.mask(1, 4), other.mask(1, 4))


def test_no_pass_writes_what_an_operation_made(new: Any) -> None:
    session = new(keeps=True)
    session.add_mask(1, 2, np.pad(np.ones((20, 20), bool), ((10, 34), (10, 34))))
    run(session)
    session.apply("threshold", obj_id=1, frames=[2, 4], high=0.5)
    kept = {frame: session.mask(1, frame) for frame in (2, 4)}
    assert kept[2].any()
    assert kept[2].sum() < 400
    run(session)
    assert all(np.array_equal(session.mask(1, frame), kept[frame]) for frame in kept)
    assert session.replay() == 0


def test_a_model_that_cannot_work_so_says_so(clip: np.ndarray) -> None:
    from support.predictors import FakePredictor

    session = VideoSession(FakePredictor(), ImageVolume(clip[:, 0], axes="tyx"), exact=True)
    with pytest.raises(NapariSam2Error, match="'fake' cannot work as Meta's predictor does"):
        session.add_box(1, 2, BOX)
