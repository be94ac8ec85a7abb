"""Wrong masks that tracks go on with."""

from __future__ import annotations

import numpy as np
import torch

from training.mask_corruption import corrupt


def _discs() -> tuple[torch.Tensor, torch.Tensor]:
    """Two found masks, the second one empty, and larger ones of an earlier frame."""
    y, x = torch.meshgrid(torch.arange(48), torch.arange(48), indexing="ij")
    distance = ((y - 24) ** 2 + (x - 24) ** 2).sqrt()
    return torch.stack([distance < 8, distance < 0]), torch.stack([distance < 14] * 2)


def test_wrong_masks_overlap_the_found_ones_and_differ() -> None:
    found, earlier = _discs()
    rng = np.random.default_rng(0)
    overlaps = []
    for _ in range(60):
        logits = corrupt(found, earlier, rng)
        assert logits.shape == (2, 1, 48, 48)
        assert torch.isfinite(logits).all()
        assert logits.abs().max() <= 14
        wrong = logits[:, 0] > 0
        assert not wrong[1].any(), "where nothing was found nothing can be corrupted"
        both, either = (wrong[0] & found[0]).sum(), (wrong[0] | found[0]).sum()
        overlaps.append(float(both / either))
    assert min(overlaps) > 0
    assert min(overlaps) < 0.5, "some are as wrong as a long track's"
    assert np.mean(np.array(overlaps) < 0.95) > 0.8


def test_the_same_seed_gives_the_same_corruption() -> None:
    found, earlier = _discs()
    one, other = (corrupt(found, earlier, np.random.default_rng(5)) for _ in range(2))
    assert torch.equal(one, other)
