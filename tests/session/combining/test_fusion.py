"""Sessions along several axes made one: what each of them knows counts, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.errors import PromptError
from napari_sam2.session import VideoSession
from support.predictors import FakePredictor

SHAPE = (10, 12, 14)


@pytest.fixture
def cube():
    return ns.ImageVolume(np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE), axes="zyx", spacing=(2, 1, 1))


def ball(centre, radius):
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    return np.hypot(np.hypot(2 * (z - centre[0]), y - centre[1]), x - centre[2]) <= radius


def drawn(cube, axis, objects, frames=None):
    """A session along an axis whose masks are those of stacks ``(Z, Y, X)`` by object, on some frames or all."""
    session = VideoSession(FakePredictor(), cube, axis)
    for frame in range(session.frame_count) if frames is None else frames:
        place = session.frame_index(frame)
        session.edit_masks(frame, {i: stack[place] for i, stack in objects.items()})
    return session


def test_a_voxel_belongs_where_two_of_three_axes_say_so(cube):
    stacks = [ball((5, 6, 6), 5), ball((5, 6, 7), 5), ball((5, 7, 6), 5)]
    sessions = [drawn(cube, axis, {4: stack}) for axis, stack in zip("zyx", stacks, strict=True)]
    fused = ns.fuse_axes(sessions)
    assert fused.dtype == np.uint16
    assert np.array_equal(fused == 4, np.sum(stacks, axis=0) >= 2)


def test_frames_without_a_mask_have_no_opinion(cube):
    whole, part = ball((5, 6, 6), 5), ball((5, 6, 6), 3)
    sessions = [drawn(cube, "z", {1: whole}), drawn(cube, "y", {1: part}, frames=range(6)), drawn(cube, "x", {}, [])]
    fused = ns.fuse_axes(sessions) == 1
    # Of two opinions both have to say so; beyond the frames along y that are known, the one along z decides.
    assert np.array_equal(fused[:, :6], (whole & part)[:, :6])
    assert np.array_equal(fused[:, 6:], whole[:, 6:])


def test_an_empty_mask_is_an_opinion(cube):
    stack = ball((5, 6, 6), 5)
    sessions = [drawn(cube, "z", {1: stack}), drawn(cube, "y", {1: np.zeros(SHAPE, bool)})]
    assert not ns.fuse_axes(sessions).any()


def test_objects_are_matched_by_id_and_the_earlier_keeps_a_voxel(cube):
    one, two = ball((5, 6, 4), 4), ball((5, 6, 9), 4)
    along_z = drawn(cube, "z", {2: two, 1: one & ~two})
    along_y = drawn(cube, "y", {1: one & ~two, 2: two, 3: np.zeros(SHAPE, bool)})
    along_x = drawn(cube, "x", {7: ball((2, 2, 2), 2)}, frames=range(5))
    fused = ns.fuse_axes([along_z, along_y, along_x])
    assert np.array_equal(fused == 1, one & ~two & (fused != 7))
    assert np.array_equal(fused == 2, two)
    # Nobody else knows object 7, so the one session that does decides.
    assert (fused == 7).any()


def test_the_mean_of_distances_lies_between_two_borders(cube):
    small, large = ball((5, 6, 7), 2), ball((5, 6, 7), 5)
    sessions = [drawn(cube, "z", {1: small}), drawn(cube, "y", {1: large})]
    fused = ns.fuse_axes(sessions, rule="mean") == 1
    assert not (small & ~fused).any()
    assert not (fused & ~large).any()
    assert small.sum() < fused.sum() < large.sum()
    assert np.array_equal(ns.fuse_axes(sessions, rule="vote") == 1, small)


def test_only_the_part_that_is_fixed_is_filled():
    array = np.arange(3 * np.prod(SHAPE), dtype=np.float32).reshape(3, *SHAPE)
    volume = ns.ImageVolume(array, axes="tzyx")
    sessions = []
    for axis in "zy":
        session = VideoSession(FakePredictor(shift=0), volume, axis, at={"t": 1})
        session.add_box(1, 5, (3, 4, 8, 9))
        list(session.propagate())
        sessions.append(session)
    fused = ns.fuse_axes(sessions)
    assert fused.shape == (3, *SHAPE)
    assert not fused[[0, 2]].any()
    assert np.array_equal(fused[1] == 1, (sessions[0].labels()[1] == 1) & (sessions[1].labels()[1] == 1))
    assert fused[1].any()


def test_what_does_not_fit_is_a_sentence(cube):
    session = drawn(cube, "z", {})
    with pytest.raises(PromptError, match="at least two sessions"):
        ns.fuse_axes([session])
    with pytest.raises(PromptError, match="rule='best' is not possible"):
        ns.fuse_axes([session, session], rule="best")
    other = VideoSession(FakePredictor(), ns.ImageVolume(np.zeros((4, 12, 14)), axes="zyx"))
    with pytest.raises(PromptError, match="different images"):
        ns.fuse_axes([session, other])
    movie = ns.ImageVolume(np.zeros((3, *SHAPE)), axes="tzyx")
    times = [VideoSession(FakePredictor(), movie, "z", at={"t": t}) for t in (0, 1)]
    with pytest.raises(PromptError, match=r"different parts of the image: at=\{'t': 0\} and \{'t': 1\}"):
        ns.fuse_axes(times)
