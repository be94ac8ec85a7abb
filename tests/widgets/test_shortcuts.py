"""Keys that are bound while the widget is open."""

from __future__ import annotations

import numpy as np
import pytest
from app_model.types import KeyBinding
from napari.components import ViewerModel

from napari_sam2.widgets.shortcuts import KeyBinder

KEY = KeyBinding.from_str("M")


@pytest.fixture
def done():
    return []


@pytest.fixture
def binder(done):
    return KeyBinder({"M": lambda: done.append("new")}, lambda: done.append("first"))


def test_a_key_does_its_work_after_what_has_to_be_done_first(binder, done):
    viewer = ViewerModel()
    points = viewer.add_points(np.zeros((0, 2)))
    binder.bind([viewer, points])
    for owner in (viewer, points):
        owner.keymap[KEY](owner)
    assert done == ["first", "new"] * 2


def test_each_owner_gets_its_earlier_key_back(binder, done):
    viewer = ViewerModel()
    labels = viewer.add_labels(np.zeros((4, 4), int))
    viewer.bind_key("M", lambda _: done.append("theirs"))
    binder.bind([viewer, labels])
    binder.unbind(labels)
    assert KEY not in labels.keymap
    binder.unbind_all()
    viewer.keymap[KEY](viewer)
    assert done == ["theirs"]


def test_an_owner_that_is_bound_twice_gets_its_own_key_back_all_the_same(binder, done):
    viewer = ViewerModel()
    viewer.bind_key("M", lambda _: done.append("theirs"))
    binder.bind([viewer])
    binder.bind([viewer])
    binder.unbind(viewer)
    binder.unbind(viewer)
    viewer.keymap[KEY](viewer)
    assert done == ["theirs"]
