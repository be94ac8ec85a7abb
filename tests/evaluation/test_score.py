"""The figures of one object."""

from __future__ import annotations

import numpy as np

from napari_sam2.evaluation.score import copy_prompted


def test_the_baseline_copies_the_prompted_mask_to_the_slices_that_have_the_object() -> None:
    target = np.array([[True, True], [False, False]])
    true = np.zeros((3, 2, 2), bool)
    true[0, 1, 1] = true[2, 0, 0] = True
    assert copy_prompted(target, true).tolist() == [target.tolist(), [[False, False]] * 2, target.tolist()]
