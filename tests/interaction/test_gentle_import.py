"""Importing gently leaves the interpreter as it was."""

from __future__ import annotations

import gc
import sys

import pytest

from napari_sam2.interaction.gentle_import import gently


@pytest.fixture(autouse=True)
def _as_in_use():
    """Nothing is frozen, as in a user's process, and nothing that earlier tests left goes away meanwhile."""
    gc.unfreeze()
    gc.collect()


def test_turns_are_short_and_nothing_is_collected_meanwhile():
    turn = sys.getswitchinterval()
    with gently():
        assert sys.getswitchinterval() < turn
        assert not gc.isenabled()
    assert sys.getswitchinterval() == turn
    assert gc.isenabled()


def test_an_import_that_fails_leaves_no_trace():
    turn = sys.getswitchinterval()
    with pytest.raises(ImportError), gently():
        raise ImportError("no such library")
    assert sys.getswitchinterval() == turn
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_what_was_made_meanwhile_is_among_the_old_objects():
    with gently():
        made = [[number] for number in range(1000)]
    young = {id(each) for generation in (0, 1) for each in gc.get_objects(generation=generation)}
    assert not any(id(each) in young for each in made)


def test_what_the_host_froze_stays_frozen():
    gc.freeze()
    count = gc.get_freeze_count()
    with gently():
        pass
    assert gc.get_freeze_count() == count
