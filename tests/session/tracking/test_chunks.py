"""Many objects: chunk by chunk in bounded memory, as one step, and without bookkeeping that grows with their square."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import PromptError
from napari_sam2.session import VideoSession
from napari_sam2.session.log.records import ConditioningRecord
from napari_sam2.session.tracking.planning import FrameTask
from napari_sam2.session.tracking.work_list import WorkList
from support.predictors import FakePredictor, FakeStream
from support.session_view import log_of

SHAPE = (8, 40, 40)


class BoundStream(FakeStream):
    """Holds two objects at once, and says how many tracks moved in each batch."""

    def objects_that_fit(self):
        return 2

    def advance(self, tracks, **how):
        self.owner.batches.append(len(tracks))
        return super().advance(tracks, **how)


class BoundPredictor(FakePredictor):
    stream_type = BoundStream

    def __init__(self):
        super().__init__()
        self.batches = []


@pytest.fixture
def movie():
    return ImageVolume(np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE), axes="tyx")


@pytest.fixture
def crowd(movie):
    """Five objects on the first frame; each touches the next as it moves."""
    session = VideoSession(BoundPredictor(), movie)
    labels = np.zeros(SHAPE, np.uint16)
    for i in range(5):
        labels[0, 2 + 7 * i : 9 + 7 * i, 3:9] = i + 1
    session.add_labels(labels, frames=[0])
    return session


def masks(session):
    return {(i, f): session.mask(i, f).tobytes() for i in session.objects for f in range(SHAPE[0])}


def test_objects_are_tracked_in_chunks_as_one_step(crowd):
    frames = [result.frame for result in crowd.propagate()]
    # Two, two and one object, each through all frames.
    assert frames == [*range(8), *range(8), *range(8)]
    assert crowd.predictor.batches == [2] * 14 + [1] * 7
    assert [step.name for step in crowd.steps] == ["add_labels", "propagate"]
    assert crowd.steps[-1].arguments["chunks"] == [[1, 2], [3, 4], [5]]
    assert crowd.count_stale() == (0, 0)
    # Nothing is left of what was held of them.
    assert not crowd._state.tracks
    assert not crowd._state._frame_states
    crowd.undo()
    assert all(crowd.mask(i, f) is None for i in crowd.objects for f in range(SHAPE[0]))


def test_the_masks_are_those_of_one_run(crowd, movie):
    list(crowd.propagate())
    chunked = masks(crowd)
    crowd.undo()
    assert [result.frame for result in crowd.propagate(chunk=None)] == list(range(8))
    assert "chunks" not in crowd.steps[-1].arguments
    assert masks(crowd) == chunked


@pytest.mark.parametrize("chunk", [5, 40, None])
def test_what_fits_is_one_run(crowd, chunk):
    assert len(list(crowd.propagate(chunk=chunk))) == 8
    assert crowd.predictor.batches == [5] * 7


def test_each_chunk_shows_all_that_is_known_by_then(crowd):
    seen = [sorted(result.masks) for result in crowd.propagate(frames=[3])]
    assert seen == [[1, 2], [1, 2, 3, 4], [1, 2, 3, 4, 5]]


def test_a_stopped_run_goes_on_where_it_stood(crowd):
    run = crowd.propagate()
    for _ in range(11):
        next(run)
    run.close()
    assert crowd.count_stale() == (8, 5 * 8 - 16 - 6)
    list(crowd.propagate())
    assert crowd.count_stale() == (0, 0)
    assert crowd.replay() == 0


def test_progress_is_that_of_all_chunks(crowd):
    told = []
    list(crowd.propagate(progress=lambda done, total, stage: told.append((done, total))))
    assert told == [(i, 24) for i in range(1, 25)]


def test_what_is_prompted_meanwhile_comes_last(crowd):
    run = crowd.propagate()
    next(run)
    crowd.add_box(9, 2, (0, 20, 6, 30))
    list(run)
    assert crowd.objects[9].frames == 8
    # What the user did parts the run.
    assert [step.name for step in crowd.steps] == ["add_labels", "propagate", "add_box", "propagate"]
    assert crowd.replay() == 0


@pytest.mark.parametrize("overlap", ["keep", "score"])
def test_chunks_are_in_the_file_and_replay_alike(crowd, movie, tmp_path, overlap):
    crowd.overlap = overlap
    crowd.add_mask(1, 0, np.ones(SHAPE[1:], bool))
    crowd.save(tmp_path / "case.sam2")
    list(crowd.propagate(chunk=3))
    log = log_of(crowd)
    crowd.close()
    again = VideoSession.open(tmp_path / "case.sam2", BoundPredictor(), movie)
    assert log_of(again) == log
    assert again.replay() == 0
    assert max(again.predictor.batches) == 3
    again.close()


@pytest.mark.parametrize("chunk", [0, -1, 2.5, "all", True])
def test_a_chunk_that_is_none_is_a_sentence(crowd, chunk):
    with pytest.raises(PromptError, match="must be 'auto', a number of objects, or None"):
        crowd.propagate(chunk=chunk)


def test_hundreds_of_objects_are_taken_at_once_and_ids_end_at_65535(movie):
    session = VideoSession(FakePredictor(), movie)
    labels = np.zeros(SHAPE, np.uint32)
    labels[0] = np.arange(1, 1601, dtype=np.uint32).reshape(40, 40)
    session.add_labels(labels, [0])
    assert len(session.objects) == 1600
    labels[0, 0, 0] = 65536
    before = log_of(session)
    with pytest.raises(PromptError, match="from 1 to 65535"):
        session.add_labels(labels, [0])
    assert log_of(session) == before


def test_finding_the_next_frames_takes_no_look_at_all_the_others():
    """The run of a long stack looks at each task once or twice, not once a frame."""

    class Counted(dict):
        looks = 0

        def items(self):
            Counted.looks += 1
            return super().items()

    owner = ConditioningRecord(0, None, None)
    task = FrameTask(owner, 1, {0: owner})
    tasks = {frame: Counted({1: task, 2: task}) for frame in range(500)}
    work = WorkList(tasks, {7: {1}})
    order = []
    while tick := work.next():
        for obj_id, frame, _ in tick:
            work.done(obj_id, frame)
        order.append([(obj_id, frame) for obj_id, frame, _ in tick])
    # The accepted frame first, one object at a time.
    assert order[:3] == [[(1, 0)], [(2, 0)], [(1, 1), (2, 1)]]
    assert order[8] == [(2, 7)]
    assert len(order) == 501
    assert Counted.looks == 500
