"""Any sequence of what a user can do keeps the session's promises."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from napari_sam2.core.intensity_range import IntensityRange
from napari_sam2.core.masks import OVERLAPS, RunLengthMask
from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine.protocols import Proposal
from napari_sam2.errors import PromptError
from napari_sam2.session import VideoSession
from napari_sam2.session.log.kinds import BASE, CUT_ABOVE, CUT_BELOW, EVERY, FORBIDDEN, LOCK, MASK
from napari_sam2.session.state.accepted_frames import conditioning_records
from support.predictors import FakePredictor, FakeStream
from support.session_view import history_of, log_of

SHAPE = (8, 12, 14)
objects = st.integers(1, 3)
frames = st.integers(0, SHAPE[0] - 1)
corners = st.tuples(st.integers(0, 7), st.integers(0, 7), st.integers(2, 5), st.integers(2, 5))


def snapshot(session):
    return {(k, o, f): v for k, o, f, v in history_of(session).values()}


class Stream(FakeStream):
    def check(self, anchor, mask, tracked, *, stride=1):
        yield from ((frame, 0.5 if tracked[frame].any() else float("nan")) for frame in tracked)

    def propose(self, frame, spacing_px=None, *, forbidden=None, cancelled=None, progress=None):
        mask = np.zeros(SHAPE[1:], bool)
        mask[frame : frame + 4, 2:7] = True
        return [Proposal(RunLengthMask.encode(mask), 0.9, (frame + 1.0, 3.0))]


class Predictor(FakePredictor):
    stream_type = Stream


class Session(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.volume = ImageVolume(np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE), axes="zyx")
        self.session = VideoSession(Predictor(), self.volume, window=(0, 900))
        self.folder = Path(tempfile.mkdtemp())
        self.undoable = []
        self.locked = {}

    def teardown(self):
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    def _locked(self):
        history = history_of(self.session)
        return {(o, f): history.get(MASK, o, f).mask for o in self.session.objects for f in history.frames(LOCK, o)}

    # What a user does ---------------------------------------------------

    @rule(obj=objects, frame=frames, box=corners, preview=st.booleans())
    def prompt(self, obj, frame, box, preview):
        y, x, h, w = box
        locked = history_of(self.session).get(LOCK, obj, frame)
        try:
            self.session.set_prompts(obj, frame, points=[(y, x)], labels=[1], box=(y, x, y + h, x + w))
        except PromptError:
            assert locked
            return
        assert not locked
        if preview:
            self.session.predict_frame(frame)

    @rule(obj=objects, frame=frames)
    def clear(self, obj, frame):
        if obj not in self.session.objects or history_of(self.session).get(LOCK, obj, frame):
            with pytest.raises(PromptError):
                self.session.clear_prompts(obj, frame)
            return
        history, before = history_of(self.session), snapshot(self.session)
        prompts, record = self.session.prompts(obj, frame), history.get(MASK, obj, frame)
        base, steps = history.get(BASE, obj, frame), len(history.steps)
        self.session.clear_prompts(obj, frame)
        if prompts is None:
            assert snapshot(self.session) == before
            assert len(history.steps) == steps
        elif record is not None and record.source != "prompt":
            assert history.get(MASK, obj, frame) == record
        else:
            assert (history.get(MASK, obj, frame) is None) == (base is None)

    @rule(
        direction=st.sampled_from(["both", "forward", "backward"]),
        stop=st.one_of(st.none(), st.integers(1, 6)),
        force=st.booleans(),
        meanwhile=st.one_of(st.none(), st.tuples(objects, frames)),
        chunk=st.sampled_from(["auto", 1, 2]),
    )
    def propagate(self, direction, stop, force, meanwhile, chunk):
        if not any(conditioning_records(history_of(self.session), i) for i in self.session.objects):
            return
        before = self._locked()
        run = self.session.propagate(direction, force=force, chunk=chunk)
        for k, result in enumerate(run, start=1):
            assert all(np.array_equal(result.masks[i], self.session.mask(i, result.frame)) for i in result.masks)
            if k == 2 and meanwhile is not None:
                self.session.edit_mask(*meanwhile, np.eye(12, 14, dtype=bool))
                before[meanwhile] = history_of(self.session).get(MASK, *meanwhile).mask
                before = {k: v for k, v in before.items() if history_of(self.session).get(LOCK, *k)}
            if k == stop:
                break
        run.close()
        assert {k: v for k, v in self._locked().items() if k in before} == before
        if direction == "both" and stop is None and meanwhile is None:
            assert self.session.count_stale() == (0, 0)
            self._limits_hold()

    def _limits_hold(self):
        """What the model computed keeps out of what is locked of others and of what is forbidden."""
        session, history = self.session, history_of(self.session)
        held = dict(self._locked()) if session.neighbours == "limit" else {}
        held |= {(EVERY, f): mask for f, mask in history.frames(FORBIDDEN, EVERY).items()}
        for (other, frame), mask in held.items():
            for obj in session.objects:
                record = history.get(MASK, obj, frame)
                prompts = session.prompts(obj, frame)
                is_given = prompts is not None and prompts.mask is not None
                if obj == other or record is None or not record.model or history.get(LOCK, obj, frame):
                    continue
                assert is_given or not (record.mask.decode() & mask.decode()).any()

    @rule(obj=objects, frame=frames, box=corners)
    def edit(self, obj, frame, box):
        y, x, h, w = box
        mask = np.zeros(SHAPE[1:], bool)
        mask[y : y + h, x : x + w] = True
        others = {k: v for k, v in self._locked().items() if k != (obj, frame)}
        self.session.edit_mask(obj, frame, mask)
        assert {k: v for k, v in self._locked().items() if k in others} == others
        assert np.array_equal(self.session.mask(obj, frame), mask)

    @rule(obj=objects, frame=frames)
    def lock(self, obj, frame):
        if obj in self.session.objects and self.session.mask(obj, frame) is not None:
            self.session.lock(frame=frame, obj_id=obj)

    @rule(obj=objects, frame=frames)
    def unlock(self, obj, frame):
        if obj in self.session.objects:
            self.session.unlock(frame=frame, obj_id=obj)

    @rule(obj=objects, frame=frames, how=st.sampled_from(["lock", "edit", "labels"]), release=st.booleans())
    def accept_as_it_stands(self, obj, frame, how, release):
        session, history = self.session, history_of(self.session)
        record = history.get(MASK, obj, frame)
        # What was drawn by hand is the user's own; so is a mask prompt.
        if record is None or not record.computed_from or record.source == "edit" or history.get(LOCK, obj, frame):
            return
        before, labels = self._stale(), session.labels()
        mask = session.mask(obj, frame)
        if how == "labels" and mask.any():
            picture = np.zeros(SHAPE, np.uint16)
            picture[frame][mask] = obj
            session.add_labels(picture, [frame])
        elif how == "edit":
            session.edit_mask(obj, frame, mask)
        else:
            how = "lock"
            session.lock(frame=frame, obj_id=obj)
        # Others may have reached into what is locked now.
        assert {place for place in self._stale() if place[0] == obj} <= before
        assert np.array_equal(session.mask(obj, frame), mask)
        if how == "lock" and release:
            session.unlock(frame=frame, obj_id=obj)
            assert self._stale() == before
            assert np.array_equal(session.labels(), labels)

    @rule(obj=objects, frame=frames, box=corners)
    def correct(self, obj, frame, box):
        """An edit reaches as far as the accepted frames beside it."""
        session, history = self.session, history_of(self.session)
        if obj not in session.objects or any(history.get(cut, obj) is not None for cut in (CUT_ABOVE, CUT_BELOW)):
            return
        y, x, h, w = box
        mask = np.zeros(SHAPE[1:], bool)
        mask[y : y + h, x : x + w] = True
        accepted = set(conditioning_records(history, obj))
        low = max((f for f in accepted if f < frame), default=-1)
        high = min((f for f in accepted if f > frame), default=SHAPE[0])
        before = {f for i, f in self._stale() if i == obj}
        session.edit_mask(obj, frame, mask)
        now = {f for i, f in self._stale() if i == obj}
        if len(accepted - {frame}):
            assert now - before <= set(range(low + 1, high)) - {frame}

    def _stale(self):
        session = self.session
        return {
            (i, f) for i in session.objects for f in range(SHAPE[0]) if session.count_stale(frames=[f], objects=[i])[0]
        }

    @rule(obj=objects, frame=frames, side=st.sampled_from(["above", "below"]))
    def cut(self, obj, frame, side):
        if obj in self.session.objects:
            try:
                self.session.cut(obj, frame, side)
            except PromptError:
                assert history_of(self.session).frames(LOCK, obj)

    @rule(obj=objects, name=st.sampled_from(["liver", "", "ä"]), what=st.sampled_from(["rename", "reset", "delete"]))
    def change_object(self, obj, name, what):
        if obj in self.session.objects:
            {
                "rename": lambda: self.session.rename_object(obj, name),
                "reset": lambda: self.session.reset_object(obj),
                "delete": lambda: self.session.delete_object(obj),
            }[what]()

    @rule(obj=objects, other=objects, position=st.integers(0, 2))
    def arrange(self, obj, other, position):
        if obj in self.session.objects:
            self.session.move_object(obj, position)
            if other != obj and other in self.session.objects:
                self.session.merge_objects(obj, other)

    @rule(overlap=st.sampled_from(OVERLAPS))
    def choose_overlap(self, overlap):
        self.session.overlap = overlap

    @rule(
        neighbours=st.sampled_from(["limit", "free"]),
        memory=st.sampled_from(["meta", "selected"]),
        click_mask=st.sampled_from(["surest", "first"]),
    )
    def choose_rules(self, neighbours, memory, click_mask):
        self.session.neighbours, self.session.memory = neighbours, memory
        self.session.click_mask = click_mask

    @rule(box=st.one_of(st.none(), corners), frame=frames)
    def forbid(self, box, frame):
        labels = None
        if box is not None:
            y, x, h, w = box
            labels = np.zeros(SHAPE, np.uint8)
            labels[frame:, y : y + h, x : x + w] = 1
        self.session.forbid(labels)
        found = self.session.forbidden(frame)
        assert (found is None) if labels is None else np.array_equal(found, labels[frame] > 0)

    @rule(obj=objects, frame=frames, line=st.tuples(st.integers(0, 11), st.integers(0, 6), st.integers(8, 13)))
    def draw_line(self, obj, frame, line):
        y, x0, x1 = line
        if not history_of(self.session).get(LOCK, obj, frame):
            self.session.add_line(obj, frame, [(y, x0), (y, x1)])
            self.session.predict_frame(frame)

    @rule(obj=objects)
    def interpolate(self, obj):
        locked, before = self._locked(), snapshot(self.session)
        try:
            done = self.session.interpolate(obj)
        except PromptError:
            assert snapshot(self.session) == before
            return
        assert self._locked() == locked
        assert not {(obj, f) for f in done} & self._stale()

    @rule(
        how=st.sampled_from([("largest", {}), ("shrink", {"radius": 1, "dimensions": 2}), ("split", {})]),
        obj=st.one_of(st.none(), objects),
    )
    def operate(self, how, obj):
        locked, before = self._locked(), snapshot(self.session)
        if len(self.session.objects) > 6:
            return
        try:
            self.session.apply(how[0], obj, **how[1])
        except PromptError:
            assert snapshot(self.session) == before
        assert self._locked() == locked
        changed = {k for k, v in snapshot(self.session).items() if k[0] is MASK and before.get(k) != v}
        assert not {(o, f) for _, o, f in changed} & self._stale()

    @rule(obj=objects)
    def check(self, obj):
        labels = self.session.labels()
        try:
            list(self.session.check(obj))
        except PromptError:
            return
        assert np.array_equal(self.session.labels(), labels)

    @rule(obj=objects, frame=frames, marks=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 13)), max_size=3))
    def divide(self, obj, frame, marks):
        session, before = self.session, snapshot(self.session)
        if len(session.objects) > 6:
            return
        try:
            daughters = session.divide(obj, frame, marks)
        except PromptError:
            assert snapshot(session) == before
            return
        assert [session.lineage[i] for i in daughters] == [obj] * len(marks)
        assert not [f for f in history_of(session).frames(MASK, obj) if f >= frame]
        session.predict_frame(frame)

    @rule(obj=objects, low=st.one_of(st.none(), st.integers(0, 900)), high=st.one_of(st.none(), st.integers(900, 1400)))
    def limit_values(self, obj, low, high):
        if obj in self.session.objects:
            labels = self.session.labels()
            self.session.set_intensity_range(obj, low, high)
            assert np.array_equal(self.session.labels(), labels)
            assert self.session.intensity_range(obj) == IntensityRange(low, high)

    @rule(high=st.sampled_from([700, 900]), gamma=st.sampled_from([0.5, 1.0]))
    def change_contrast(self, high, gamma):
        self.session.set_contrast_limits(0, high)
        self.session.gamma = gamma

    @rule(frame=frames)
    def take_what_is_found(self, frame):
        if len(self.session.objects) < 6:
            found = self.session.propose(frame)
            if found:
                (new,) = self.session.accept(found)
                self.session.predict_frame(frame)
                assert np.array_equal(self.session.mask(new, frame), found[0].mask)

    @rule(obj=objects, said=st.sampled_from([None, "accepted", "needs edit"]))
    def review(self, obj, said):
        if obj in self.session.objects:
            self.session.review(obj, said, "ä")
            assert (self.session.objects[obj].review is None) == (said is None)

    # What must hold -----------------------------------------------------

    @invariant()
    def every_parent_is_there_and_nobody_descends_from_itself(self):
        lineage = self.session.lineage if hasattr(self, "session") else {}
        for daughter in lineage:
            seen = [daughter]
            while seen[-1] in lineage:
                seen.append(lineage[seen[-1]])
                assert len(set(seen)) == len(seen)
            assert set(seen) <= set(self.session.objects)

    @rule()
    def undo_and_redo_all(self):
        states = [snapshot(self.session)]
        while self.session.undo():
            states.append(snapshot(self.session))
        assert states[-1] == {}
        for expected in reversed(states[:-1]):
            assert self.session.redo()
            assert snapshot(self.session) == expected
        assert states[0] == snapshot(self.session)

    @rule()
    def undo_one(self):
        self.session.undo()

    @rule()
    def save_and_reopen(self):
        path = self.folder / "case.sam2"
        if self.session.path is None:
            self.session.save(path)
        before, labels = snapshot(self.session), self.session.labels()
        log = log_of(self.session)
        self.session.close()
        self.session = VideoSession.open(path, Predictor(), self.volume)
        assert snapshot(self.session) == before
        assert np.array_equal(self.session.labels(), labels)
        assert log_of(self.session) == log

    @rule()
    @precondition(lambda self: self.session.steps)
    def replay(self):
        assert self.session.replay() == 0

    @invariant()
    def labels_are_the_union_under_the_rule(self):
        if not hasattr(self, "session"):
            return
        labels = self.session.labels()
        for frame in range(SHAPE[0]):
            locks = {i: n for i in self.session.objects if (n := history_of(self.session).get(LOCK, i, frame))}
            ids = list(self.session.objects)
            if self.session.overlap == "overwrite":
                ids.reverse()
            # Who comes first keeps a pixel: locked objects in the order of their locks, then the others.
            ids.sort(key=lambda i: locks.get(i, 99))
            expected = np.zeros(SHAPE[1:], np.uint16)
            for i in reversed(ids):
                mask = self.session.mask(i, frame)
                if mask is not None:
                    expected[mask] = i
            assert np.array_equal(labels[frame], expected)


TestSession = Session.TestCase
TestSession.settings = settings(
    max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
