"""What a CPU computes in its own way is what torch's usual operations give."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from napari_sam2.engine.sam2 import ImageFeatures, Sam2Model, released_config
from napari_sam2.engine.sam2.network import cpu_kernels, hiera
from napari_sam2.engine.sam2.network.hiera import HieraBlock
from napari_sam2.engine.sam2.network.layers import PointwiseConv2d
from napari_sam2.engine.sam2.network.position_encoding import rope_table, rotate, rotate_in_place
from support.hf_oracle import randomise

CLOSE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(3)


@pytest.fixture(params=[True, False], ids=["wide registers", "narrow registers"])
def _of_both_kinds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either kind of CPU, whatever this one is."""
    monkeypatch.setattr(cpu_kernels, "_has_wide_registers", lambda: request.param)


@pytest.mark.usefixtures("_of_both_kinds")
@pytest.mark.parametrize("activation", ["none", "relu", "gelu"])
def test_layer(activation: cpu_kernels.ActivationName) -> None:
    x, weight, bias = torch.randn(2, 5, 300), torch.randn(70, 300) / 17, torch.randn(70)
    act = {"none": lambda y: y, "relu": F.relu, "gelu": F.gelu}[activation]
    with torch.inference_mode():
        torch.testing.assert_close(
            cpu_kernels.linear(x, weight, bias, activation), act(F.linear(x, weight, bias)), **CLOSE
        )


def test_where_a_gradient_is_wanted_all_goes_the_usual_way() -> None:
    weight = torch.randn(4, 6, requires_grad=True)
    cpu_kernels.linear(torch.randn(3, 6), weight, None, "gelu").sum().backward()
    assert weight.grad is not None
    assert not cpu_kernels.takes(torch.ones(2))
    with torch.no_grad():
        assert not cpu_kernels.takes(torch.ones(2, dtype=torch.bfloat16))


@pytest.mark.usefixtures("_of_both_kinds")
@pytest.mark.parametrize(("queries", "keys", "narrow"), [(40, 4000, False), (700, 300, False), (130, 2000, True)])
def test_attention(queries: int, keys: int, narrow: bool) -> None:
    """Slices of a wider tensor, as heads are; and values of another width that all heads share."""
    packed = torch.randn(2, keys, 2 * 3 * 16)
    key, value = (packed[..., i * 32 : (i + 1) * 32].reshape(2, keys, 2, 16).transpose(1, 2) for i in (0, 1))
    query = torch.randn(2, queries, 2, 16).transpose(1, 2)
    if narrow:
        value = torch.randn(2, 1, keys, 5)
    with torch.inference_mode():
        expected = ((query @ key.transpose(-1, -2)) / 4).softmax(-1) @ value
        found = cpu_kernels.attention(query, key, value)
    torch.testing.assert_close(found, expected.transpose(1, 2).flatten(2), **CLOSE)


def test_rotation_in_place() -> None:
    table, tokens = rope_table(4, 6, 16, 100.0), torch.randn(2, 3, 24, 16)
    expected = rotate(tokens, table)
    rotate_in_place(tokens, table)
    torch.testing.assert_close(tokens, expected, **CLOSE)


def test_pointwise_convolution() -> None:
    layer, x = PointwiseConv2d(7, 5).requires_grad_(False), torch.randn(2, 7, 4, 6)
    expected = F.conv2d(x, layer.weight, layer.bias)
    with torch.inference_mode():
        torch.testing.assert_close(layer(x), expected, **CLOSE)


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize("side", [24, 20])
def test_trunk_block(monkeypatch: pytest.MonkeyPatch, pool: bool, side: int) -> None:
    """Strip by strip, and with padding that is not computed, as with the whole map padded with zeros."""
    block = HieraBlock(8, 16 if pool else 8, 2, window=8, pool=pool).requires_grad_(False)
    randomise(block, 1)
    x = torch.randn(2, side, side, 8)
    normed = block.norm1(x)
    padded = F.pad(normed, (0, 0, 0, 24 - side, 0, 24 - side))
    windows = padded.reshape(2, 3, 8, 3, 8, 8).transpose(2, 3).reshape(-1, 8, 8, 8)
    out, half = block.attn(windows), 2 if pool else 1
    out = out.reshape(2, 3, 3, 8 // half, 8 // half, -1).transpose(2, 3).reshape(2, 24 // half, 24 // half, -1)
    short = x if block.proj is None else hiera.max_pool(block.proj(normed))
    y = short + out[:, : side // half, : side // half]
    expected = y + block.mlp(block.norm2(y))
    monkeypatch.setattr(cpu_kernels, "numbers_at_once", lambda: 1)
    with torch.inference_mode():
        torch.testing.assert_close(block(x), expected, rtol=1e-4, atol=1e-4)


def test_position_table_follows_its_weights() -> None:
    trunk = Sam2Model(replace(released_config("sam2.1-tiny"), image_size=64)).image_encoder.trunk
    for value in (1.0, 2.0):
        trunk.pos_embed.data.fill_(value)  # a write that torch's counter of versions does not see
        with torch.inference_mode():
            assert torch.allclose(trunk._position(16, 16), torch.full((1, 16, 16, 96), value))


def test_objects_on_one_frame_share_its_features() -> None:
    model = Sam2Model(replace(released_config("sam2.1-tiny"), image_size=128)).eval().requires_grad_(False)
    randomise(model, 5)
    one = ImageFeatures(torch.randn(1, 256, 8, 8), torch.randn(1, 64, 16, 16), torch.randn(1, 32, 32, 32))
    shared, copied = one.repeated(3), ImageFeatures.cat([one] * 3)
    memory, place = torch.randn(3, 7 * 64 + 8, 64), torch.randn(3, 7 * 64 + 8, 64)
    masks, score = torch.randn(3, 1, 128, 128), torch.tensor([[1.0], [-1.0], [2.0]])
    with torch.inference_mode():
        found, expected = (model.condition_on_memory(f.s16, memory, place, 8) for f in (shared, copied))
        torch.testing.assert_close(found, expected, **CLOSE)
        found, expected = (model.encode_memory(f.s16, masks, score, False) for f in (shared, copied))
        torch.testing.assert_close(found, expected, **CLOSE)
