"""fuse_masks: votes and means, voxel by voxel, with and without an opinion everywhere."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.analysis.consensus import fuse_masks
from napari_sam2.analysis.metrics import dice
from napari_sam2.errors import NapariSam2Error


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_vote_takes_more_than_half(count) -> None:
    stacks = list(np.random.default_rng(count).random((count, 4, 5, 6)) < 0.5)
    fused = fuse_masks(stacks)
    for i in np.ndindex(4, 5, 6):
        assert fused[i] == (sum(bool(s[i]) for s in stacks) * 2 > count)


def test_a_mean_weighs_how_sure_each_is() -> None:
    rng = np.random.default_rng(0)
    logits = list(rng.normal(0, 5, (3, 4, 5, 6)).astype(np.float32))
    logits[1][rng.random((4, 5, 6)) < 0.4] = np.nan
    logits[0][0], logits[1][0], logits[2][0] = np.nan, np.nan, np.nan
    fused = fuse_masks(logits, "mean")
    for i in np.ndindex(4, 5, 6):
        opinions = [float(s[i]) for s in logits if not np.isnan(s[i])]
        assert fused[i] == (len(opinions) > 0 and sum(opinions) / len(opinions) > 0)
    assert not np.array_equal(fused, fuse_masks([s > 0 for s in logits]))


@pytest.mark.parametrize("rule", ["vote", "mean"])
def test_who_has_no_opinion_does_not_count(rule) -> None:
    rng = np.random.default_rng(1)
    stacks = list(rng.normal(size=(3, 3, 4, 5)))
    stacks = [s > 0 for s in stacks] if rule == "vote" else stacks
    known = list(rng.random((3, 3, 4, 5)) < 0.5)
    fused = fuse_masks(stacks, rule, known)
    for i in np.ndindex(3, 4, 5):
        opinions = [s[i] for s, k in zip(stacks, known, strict=True) if k[i]]
        expected = sum(opinions) * 2 > len(opinions) if rule == "vote" else sum(opinions) > 0
        assert fused[i] == (bool(opinions) and expected)


def test_a_vote_of_three_is_better_than_each() -> None:
    z, y, x = np.ogrid[-12:13, -12:13, -12:13]
    truth = z**2 + y**2 + x**2 <= 100
    rng = np.random.default_rng(2)
    noisy = [truth ^ (rng.random(truth.shape) < 0.1) for _ in range(3)]
    assert dice(fuse_masks(noisy), truth) > max(dice(n, truth) for n in noisy) + 0.05


def test_infinite_logits_do_not_mix_to_nothing() -> None:
    assert fuse_masks([np.array([np.inf]), np.array([-3.0])], "mean").all()


@pytest.mark.parametrize(
    ("stacks", "how", "words"),
    [
        ([], {}, "no masks"),
        ([np.ones(3, bool)], {"rule": "max"}, "rule='max'"),
        ([np.ones(3, bool), np.ones(4, bool)], {}, "one shape"),
        ([np.ones(3)], {}, "bool masks"),
        ([np.ones(3, bool)], {"rule": "mean"}, "logits"),
        ([np.ones(3, int)], {"rule": "mean"}, "logits"),
        ([np.ones(3, bool)], {"known": []}, "known="),
        ([np.ones(3, bool)], {"known": [np.ones(2, bool)]}, "one shape"),
    ],
)
def test_what_does_not_fit_is_refused(stacks, how, words) -> None:
    with pytest.raises(NapariSam2Error, match=words):
        fuse_masks(stacks, **how)
