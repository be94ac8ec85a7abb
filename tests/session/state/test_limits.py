"""Limits as runs: united, and compared with masks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as some
from scipy.ndimage import binary_dilation

from napari_sam2.core.masks import RunLengthMask
from napari_sam2.session.log.history import History
from napari_sam2.session.log.kinds import EVERY, FORBIDDEN, LOCK, MASK
from napari_sam2.session.log.records import MaskRecord
from napari_sam2.session.state.limits import Limits, matters, touch

masks = some.arrays(bool, (4, 5))


@given(masks, st.one_of(st.none(), masks), st.one_of(st.none(), masks))
def test_a_change_matters_where_the_mask_is_forbidden_now_or_beside_what_is_free_now(mask, before, now):
    old, new = (np.zeros((4, 5), bool) if limit is None else limit for limit in (before, now))
    coded = [None if limit is None else RunLengthMask.encode(limit) for limit in (before, now)]
    changed = coded[0] != coded[1]
    expected = changed and ((mask & new).any() or (binary_dilation(mask) & old & ~new).any())
    assert matters(RunLengthMask.encode(mask), *coded) == bool(expected)


@given(masks, masks)
def test_masks_touch_where_one_grown_by_a_pixel_shares_some(one, other):
    expected = bool((binary_dilation(one) & other).any())
    assert touch(RunLengthMask.encode(one), RunLengthMask.encode(other)) == expected


@given(masks, masks, masks, masks)
def test_the_limit_of_an_object_is_what_is_locked_of_others_and_the_forbidden_image(one, two, three, everywhere):
    history = History()
    with history.step("draw") as put:
        for obj_id, mask in ((1, one), (2, two), (3, three)):
            put(MASK, obj_id, 0, MaskRecord(RunLengthMask.encode(mask), "edit"))
            if obj_id != 2:
                put(LOCK, obj_id, 0, obj_id)
        put(FORBIDDEN, EVERY, 0, RunLengthMask.encode(everywhere))
    limits = Limits(history)
    for obj_id, expected in ((1, three | everywhere), (2, one | three | everywhere), (3, one | everywhere)):
        assert limits.of(obj_id, 0, "limit") == RunLengthMask.encode(expected)
        assert limits.of(obj_id, 1, "limit") is None
        assert limits.of(obj_id, 0, "free") == RunLengthMask.encode(everywhere)
    with history.step("unlock") as put:
        put(LOCK, 3, 0, None)
        put(FORBIDDEN, EVERY, 0, None)
    assert limits.of(1, 0, "limit") is None
    assert limits.of(1, 0, "free") is None
    assert limits.of(2, 0, "limit") == (RunLengthMask.encode(one) if one.any() else None)
