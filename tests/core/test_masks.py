"""Run-length masks and the overlap rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_sam2.core.masks import (
    LazyMasks,
    RunLengthMask,
    bounding_box,
    box_around,
    check_overlap,
    compose,
    resolve_by_score,
)
from napari_sam2.errors import NapariSam2Error

masks = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))


@given(masks)
def test_round_trip(mask):
    stored = RunLengthMask.encode(mask)
    assert np.array_equal(stored.decode(), mask)
    assert stored.area == mask.sum()
    assert RunLengthMask.from_dict(stored.to_dict()) == stored
    assert hash(RunLengthMask.encode(mask.copy())) == hash(stored)


@given(masks)
def test_bounding_box(mask):
    box = bounding_box(mask)
    if box is None:
        assert not mask.any()
    else:
        y0, x0, y1, x1 = box
        assert mask[y0:y1, x0:x1].sum() == mask.sum()
        assert mask[y0].any()
        assert mask[y1 - 1].any()
        assert mask[:, x0].any()
        assert mask[:, x1 - 1].any()


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=1, max_dims=4, max_side=6)), st.integers(0, 2))
def test_a_box_with_a_margin_holds_the_mask_and_its_margin(mask, margin):
    box = box_around(mask, (margin,) * mask.ndim)
    if box is None:
        assert not mask.any()
        return
    assert mask[box].sum() == mask.sum()
    for axis, part in enumerate(box):
        filled = np.nonzero(mask)[axis]
        assert part.start == max(0, filled.min() - margin)
        assert part.stop == filled.max() + margin + 1


@given(st.integers(0, 2**16), st.sampled_from(["keep", "overwrite"]))
def test_compose(seed, overlap):
    rng = np.random.default_rng(seed)
    planes = rng.random((3, 6, 7)) > 0.5
    found = compose([(i + 5, RunLengthMask.encode(m)) for i, m in enumerate(planes)], (6, 7), overlap)
    expected = np.zeros((6, 7), np.uint16)
    for i in range(3) if overlap == "overwrite" else reversed(range(3)):
        expected[planes[i]] = i + 5
    assert np.array_equal(found, expected)


def test_score_rule_gives_each_pixel_to_the_most_certain():
    logits = {1: np.array([[1.0, 2.0, -1.0]], np.float32), 2: np.array([[3.0, 1.0, -2.0]], np.float32)}
    found = resolve_by_score(logits)
    assert found[1].tolist() == [[False, True, False]]
    assert found[2].tolist() == [[True, False, False]]


def test_unknown_rule():
    with pytest.raises(NapariSam2Error, match="keep, overwrite, score"):
        check_overlap("union")


def test_lazy_masks_are_a_mapping_that_decodes_each_mask_once(monkeypatch):
    masks = LazyMasks({7: RunLengthMask.encode(np.eye(3, dtype=bool)), 2: RunLengthMask.encode(np.zeros((3, 3), bool))})
    decoded = []
    decode = RunLengthMask.decode
    monkeypatch.setattr(RunLengthMask, "decode", lambda mask: decoded.append(mask) or decode(mask))
    assert list(masks) == [7, 2]
    assert len(masks) == 2
    assert 7 in masks
    assert 3 not in masks
    assert decoded == []
    masks[7][0, 1] = True
    assert masks[7].sum() == 4
    assert len(decoded) == 1
    assert {i: int(mask.sum()) for i, mask in masks.items()} == {7: 4, 2: 0}
    with pytest.raises(KeyError):
        masks[3]
