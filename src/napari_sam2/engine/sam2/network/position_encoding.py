"""Position encodings of SAM 2: sine grids, random Fourier features and axial rotations.

None of the tables is part of a state dict. They are made on the CPU in float32, so that every device uses the same
values, and cached per size, dtype and device.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

TEMPERATURE = 10000.0


class TableCache:
    """Keeps tables that depend only on a size, a dtype and a device.

    Parameters
    ----------
    build : callable
        ``build(height, width)`` returns a float32 tensor on the CPU.
    """

    def __init__(self, build: Callable[[int, int], Tensor]) -> None:
        self._build = build
        self._tables: dict[tuple[int, int, torch.dtype, torch.device], Tensor] = {}

    def get(self, height: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Return the table for a grid of ``height`` x ``width``."""
        key = (height, width, dtype, device)
        if key not in self._tables:
            # A tensor made in inference mode could not take part in a later training step.
            with torch.inference_mode(False), torch.no_grad():
                self._tables[key] = self._build(height, width).to(device=device, dtype=dtype)
        return self._tables[key]

    def __deepcopy__(self, memo: dict[int, object]) -> TableCache:
        return TableCache(copy.deepcopy(self._build, memo))


def _frequencies(count: int) -> Tensor:
    """Return the divisors of ``count`` sine channels, (count,) float32; sine and cosine share one."""
    index = torch.arange(count, dtype=torch.float32, device="cpu")
    return TEMPERATURE ** (2 * torch.div(index, 2, rounding_mode="floor") / count)


def sine_grid(height: int, width: int, channels: int) -> Tensor:
    """Return the sine encoding of a grid.

    Positions run from 1 to N and are divided by N, so that the encoding spans one turn whatever the size.

    Returns
    -------
    Tensor, (1, channels, height, width) float32
        The first half of the channels encodes y, the second x; sine and cosine alternate.
    """
    half = channels // 2
    divisors = _frequencies(half)

    def encode(length: int) -> Tensor:
        position = torch.arange(1, length + 1, dtype=torch.float32, device="cpu")
        angle = (position / (position[-1:] + 1e-6) * (2 * math.pi))[:, None] / divisors
        return torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), dim=2).flatten(1)

    y = encode(height)[:, None, :].expand(height, width, half)
    x = encode(width)[None, :, :].expand(height, width, half)
    return torch.cat((y, x), dim=2).permute(2, 0, 1)[None].contiguous()


def sine_1d(positions: Tensor, channels: int) -> Tensor:
    """Return the sine encoding of scalars: (n,) → (n, channels) float32, all sines before all cosines."""
    angle = positions.float()[:, None] / _frequencies(channels // 2).to(positions.device)
    return torch.cat((angle.sin(), angle.cos()), dim=-1)


def rope_table(height: int, width: int, head_dim: int, theta: float) -> Tensor:
    """Return cosines and sines of the axial rotations of a grid.

    The positions are the integers of the grid, whatever the size of the input.

    Returns
    -------
    Tensor, (2, height * width, head_dim // 2) float32
        Cosine and sine of each pair's angle; the first half of the pairs turns with x, the second with y.
    """
    steps = torch.arange(0, head_dim, 4, dtype=torch.float32, device="cpu")[: head_dim // 4]
    frequencies = 1.0 / theta ** (steps / head_dim)
    index = torch.arange(height * width, dtype=torch.float32, device="cpu")
    x, y = index % width, torch.div(index, width, rounding_mode="floor")
    angle = torch.cat((torch.outer(x, frequencies), torch.outer(y, frequencies)), dim=1)
    return torch.stack((angle.cos(), angle.sin()))


def rotate(tokens: Tensor, table: Tensor) -> Tensor:
    """Rotate adjacent pairs of channels, with real numbers (complex tensors are poor on MPS and when compiled).

    Parameters
    ----------
    tokens : Tensor, (..., n, head_dim)
        ``n`` equals the table's grid points.
    table : Tensor, (2, n, head_dim // 2) float32
        Of `rope_table`.
    """
    cosine, sine = table[0], table[1]
    even, odd = tokens.float().reshape(*tokens.shape[:-1], -1, 2).unbind(-1)
    turned = torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), dim=-1)
    return turned.flatten(-2).to(tokens.dtype)


def rotate_in_place(tokens: Tensor, table: Tensor) -> None:
    """Do what `rotate` does, to float32 tokens themselves and in one pass: complex numbers are quick on a CPU.

    Parameters
    ----------
    tokens : Tensor, (..., n, head_dim) float32
        The channels of a token lie side by side.
    table : Tensor, (2, n, head_dim // 2) float32
    """
    pairs = torch.view_as_complex(tokens.view(*tokens.shape[:-1], -1, 2))
    pairs.mul_(torch.complex(table[0], table[1]))


class RandomFourierEncoding(nn.Module):
    """Position encoding by random spatial frequencies, used for points and for the decoder's image tokens.

    Parameters
    ----------
    channels : int
        Output channels; half of them sines, half cosines.
    """

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, channels // 2))

    def forward(self, coords: Tensor) -> Tensor:
        """Encode coordinates.

        Parameters
        ----------
        coords : Tensor, (..., 2)
            (x, y) as fractions of the image, 0 … 1.

        Returns
        -------
        Tensor, (..., channels) float32
        """
        matrix = self.positional_encoding_gaussian_matrix.float()
        scaled = 2 * coords.float() - 1
        # Written out instead of as a matrix product: that would run in half precision under autocast, where the
        # angles of far apart points come out equal.
        angle = 2 * math.pi * (scaled[..., 0:1] * matrix[0] + scaled[..., 1:2] * matrix[1])
        return torch.cat((angle.sin(), angle.cos()), dim=-1)

    def grid(self, height: int, width: int) -> Tensor:
        """Encode the centres of a grid's cells; returns (1, channels, height, width) float32."""
        device = self.positional_encoding_gaussian_matrix.device
        y = (torch.arange(height, dtype=torch.float32, device=device) + 0.5) / height
        x = (torch.arange(width, dtype=torch.float32, device=device) + 0.5) / width
        coords = torch.stack((x[None, :].expand(height, width), y[:, None].expand(height, width)), dim=-1)
        return self.forward(coords).permute(2, 0, 1)[None]
