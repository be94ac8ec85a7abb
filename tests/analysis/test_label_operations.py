"""An operation on an object of a label image takes nothing from others, but from the one that is added."""

from __future__ import annotations

import numpy as np

from napari_sam2.analysis.label_operations import change_object
from napari_sam2.analysis.mask_operations import find_operation

UNIT = (1.0, 1.0, 1.0)


def test_an_added_object_gives_its_voxels_and_no_other_does():
    stack = np.array([[[1, 1, 0, 2, 2, 3]]])
    change_object(stack, [1], find_operation("union"), UNIT, {"other": stack == 2}, lambda: 9, added=2)
    assert stack.tolist() == [[[1, 1, 0, 1, 1, 3]]]
    change_object(stack, [1], find_operation("grow"), UNIT, {"radius": 2.0}, lambda: 9)
    assert stack.tolist() == [[[1, 1, 1, 1, 1, 3]]]


def test_parts_of_several_stacks_share_their_numbers():
    numbers, free = [1], iter((5, 6))
    first, second = np.array([[[1, 1, 0, 1]]]), np.array([[[1, 0, 1, 1]]])
    for stack in (first, second):
        change_object(stack, numbers, find_operation("split"), UNIT, {}, lambda: next(free))
    assert numbers == [1, 5]
    assert (first.tolist(), second.tolist()) == ([[[1, 1, 0, 5]]], [[[5, 0, 1, 1]]])
