"""Tables of positions."""

from __future__ import annotations

import copy

import torch

from napari_sam2.engine.sam2.network.position_encoding import TableCache, sine_grid


def test_half_of_the_channels_encode_y_and_half_x() -> None:
    grid = sine_grid(3, 5, 16)[0]
    assert grid.shape == (16, 3, 5)
    assert torch.equal(grid[:8], grid[:8, :, :1].expand(-1, -1, 5))
    assert torch.equal(grid[8:], grid[8:, :1].expand(-1, 3, -1))
    assert not torch.equal(grid[:8, 0], grid[:8, 1])


def test_the_encoding_spans_one_turn_whatever_the_size() -> None:
    for size in (4, 9):
        last = sine_grid(size, size, 16)[0, :2, -1, 0]
        assert torch.allclose(last, torch.tensor([0.0, 1.0]), atol=1e-4), "sine and cosine of a whole turn"


def test_a_table_is_built_once_for_each_size_and_type_and_can_be_trained_on() -> None:
    built = []

    def build(height: int, width: int) -> torch.Tensor:
        built.append((height, width))
        return torch.full((height, width), 0.5)

    cache, cpu = TableCache(build), torch.device("cpu")
    with torch.inference_mode():
        first = cache.get(2, 3, torch.float32, cpu)
    assert cache.get(2, 3, torch.float32, cpu) is first
    assert cache.get(2, 3, torch.bfloat16, cpu).dtype == torch.bfloat16
    assert built == [(2, 3), (2, 3)]
    assert not first.is_inference()
    copy.deepcopy(cache).get(2, 3, torch.float32, cpu)
    assert len(built) == 3, "a copy begins without tables"
