"""Layers that several parts share."""

from __future__ import annotations

import torch

from napari_sam2.engine.sam2.network.layers import LayerNorm2d, Mlp, resize_antialiased, to_tokens


def test_the_activation_stands_between_layers_and_not_after_the_last() -> None:
    mlp = Mlp(1, 1, 1)
    with torch.no_grad():
        for layer in mlp.layers:
            layer.weight.fill_(-1)
            layer.bias.zero_()
    assert mlp(torch.tensor([[2.0], [-2.0]])).flatten().tolist() == [0.0, -2.0]


def test_each_pixel_is_normalised_over_its_channels() -> None:
    maps = torch.randn(2, 8, 3, 4, generator=torch.Generator().manual_seed(0)) * 5 + 2
    normalised = LayerNorm2d(8)(maps)
    assert normalised.shape == maps.shape
    assert torch.allclose(normalised.mean(1), torch.zeros(2, 3, 4), atol=1e-5)
    assert torch.allclose(normalised.var(1, unbiased=False), torch.ones(2, 3, 4), atol=1e-4)


def test_shrinking_averages() -> None:
    checks = torch.zeros(1, 1, 8, 8)
    checks[..., ::2, ::2] = checks[..., 1::2, 1::2] = 1.0
    assert torch.allclose(resize_antialiased(checks, (2, 2)), torch.full((1, 1, 2, 2), 0.5), atol=0.05)


def test_tokens_run_row_by_row() -> None:
    maps = torch.arange(12.0).view(1, 2, 2, 3)
    assert to_tokens(maps)[0].tolist() == [[0, 6], [1, 7], [2, 8], [3, 9], [4, 10], [5, 11]]
