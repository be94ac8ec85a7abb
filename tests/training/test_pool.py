"""The pool moves on with training."""

from __future__ import annotations

import numpy as np

from training.synthetic import ScenePool


def test_the_pool_moves_on_and_forgets() -> None:
    pool = ScenePool(1, 2, 1.0, 2, 48, 0.5)
    rng = np.random.default_rng(0)
    for step in range(12):
        pool.draw(rng, step)
    assert all(number >= 10 for number in pool._made)
    assert len(pool._made) <= 2
