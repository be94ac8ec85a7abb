"""The Hiera image trunk (arXiv 2306.00989), as SAM 2 uses it (``modeling/backbones/hieradet.py``).

Maps are (B, H, W, C) inside the trunk.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_sam2.engine.sam2.network import cpu_kernels
from napari_sam2.engine.sam2.network.config import Sam2Config
from napari_sam2.engine.sam2.network.layers import Linear, Mlp


def max_pool(x: Tensor) -> Tensor:
    """Halve a (B, H, W, C) map, keeping each 2x2 cell's maximum."""
    if x.device.type == "cpu" and not (x.shape[1] % 2 or x.shape[2] % 2):
        upper, lower = x[:, ::2], x[:, 1::2]
        rows = torch.maximum(upper, lower)
        return torch.maximum(rows[:, :, ::2], rows[:, :, 1::2])
    return F.max_pool2d(x.permute(0, 3, 1, 2), kernel_size=2, stride=2).permute(0, 2, 3, 1)


def to_windows(x: Tensor, side: int) -> tuple[Tensor, tuple[int, int]]:
    """Cut a map into square windows.

    Parameters
    ----------
    x : Tensor, (B, H, W, C)
        H and W are multiples of ``side``.
    side : int
        Side of a window.

    Returns
    -------
    windows : Tensor, (B * rows * columns, side, side, C)
    grid : (int, int)
        Rows and columns of windows.
    """
    batch, height, width, channels = x.shape
    rows, columns = height // side, width // side
    x = x.reshape(batch, rows, side, columns, side, channels).transpose(2, 3)
    return x.reshape(-1, side, side, channels), (rows, columns)


def from_windows(windows: Tensor, grid: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Put windows back together and drop the padding.

    Parameters
    ----------
    windows : Tensor, (B * rows * columns, side, side, C)
    grid : (int, int)
        Rows and columns of windows.
    size : (int, int)
        Height and width of the map without padding.

    Returns
    -------
    Tensor, (B, H, W, C)
    """
    rows, columns = grid
    _, side, _, channels = windows.shape
    x = windows.reshape(-1, rows, columns, side, side, channels).transpose(2, 3)
    x = x.reshape(-1, rows * side, columns * side, channels)
    return x[:, : size[0], : size[1]]


class MultiScaleAttention(nn.Module):
    """Self-attention within each map of a batch, with queries that may be pooled 2x2.

    Parameters
    ----------
    dim, dim_out : int
        Channels in and out.
    num_heads : int
    pool : bool
        Whether the queries, and with them the output, are halved in height and width.
    """

    def __init__(self, dim: int, dim_out: int, num_heads: int, pool: bool) -> None:
        super().__init__()
        self.num_heads, self.pool = num_heads, pool
        self.qkv = Linear(dim, dim_out * 3)
        self.proj = Linear(dim_out, dim_out)

    def forward(self, x: Tensor, window: int = 0) -> Tensor:
        """Map (B, H, W, dim) to (B, H, W, dim_out), or half of H and W where queries are pooled.

        Attention is within windows of this side, or global where it is 0.
        """
        height, width = x.shape[1:3]
        qkv = self.qkv(x)
        if window and self._wastes_queries(x, window):
            out = self._attend_real(qkv, window)
        elif window:
            windows, grid = to_windows(self._padded(qkv, window), window)
            step = 2 if self.pool else 1
            side = window // step
            found = self._attend(windows)
            out = from_windows(found.reshape(-1, side, side, found.shape[-1]), grid, (height // step, width // step))
        else:
            out = self._attend(qkv)
        if self.pool:
            height, width = height // 2, width // 2
        projected: Tensor = self.proj(out.reshape(x.shape[0], height, width, -1))
        return projected

    def _wastes_queries(self, x: Tensor, side: int) -> bool:
        """Return whether answers at the padding would cost a CPU time; another device waits for one call, not four."""
        height, width = x.shape[1:3]
        is_padded = height % side or width % side
        return bool(is_padded) and cpu_kernels.takes(x) and not (self.pool and (height % 2 or width % 2 or side % 2))

    def _attend_real(self, qkv: Tensor, side: int) -> Tensor:
        """Attend within windows, with queries of the map alone: (B, H, W, 3 * dim_out) to (B, H, W, dim_out)."""
        batch, height, width, channels = qkv.shape
        padded = self._padded(qkv, side)
        step = 2 if self.pool else 1
        out = qkv.new_empty(batch, height // step, width // step, channels // 3)
        for y0, y1, rows in _whole_and_rest(height, side):
            for x0, x1, columns in _whole_and_rest(width, side):
                windows, grid = to_windows(padded[:, y0:y1, x0:x1], side)
                query, key, value = windows.chunk(3, dim=-1)
                query = query[:, :rows, :columns]
                query = max_pool(query) if self.pool else query
                h, w = query.shape[1:3]
                found = self._answer(query, key, value).reshape(batch, *grid, h, w, -1).transpose(2, 3)
                y, x = y0 // step, x0 // step
                to = out[:, y : y + grid[0] * h, x : x + grid[1] * w]
                to.copy_(found.reshape(to.shape))
        return out

    def _padded(self, qkv: Tensor, side: int) -> Tensor:
        """Pad queries, keys and values to whole windows, as if the map had been padded with zeros before them.

        The padding is not masked in the attention: the released weights were trained with these extra tokens, whose
        keys and values are the biases. So there is nothing to compute for them.
        """
        batch, height, width, channels = qkv.shape
        rows, columns = -(-height // side) * side, -(-width // side) * side
        if (rows, columns) == (height, width):
            return qkv
        padded = self.qkv.bias.expand(batch, rows, columns, channels).clone()
        padded[:, :height, :width] = qkv
        return padded

    def _attend(self, qkv: Tensor) -> Tensor:
        """Attend within each map: (B, H, W, 3 * dim_out) to (B, tokens, dim_out)."""
        query, key, value = qkv.chunk(3, dim=-1)
        if self.pool:
            query = max_pool(query)
        return self._answer(query, key, value)

    def _answer(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend with maps of queries (B, h, w, C) to maps of keys and values (B, H, W, C): (B, h * w, C)."""
        query, key, value = (self._heads(t) for t in (query, key, value))
        if cpu_kernels.suits(query, key, value.shape[-1]):
            return cpu_kernels.attention(query, key, value)
        return F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)

    def _heads(self, x: Tensor) -> Tensor:
        """(B, H, W, C) to (B, heads, H * W, C / heads)."""
        return x.reshape(x.shape[0], x.shape[1] * x.shape[2], self.num_heads, -1).transpose(1, 2)


def _whole_and_rest(length: int, side: int) -> list[tuple[int, int, int]]:
    """Return ``(start, stop, real)`` of the whole windows along an axis and of the last: its real rows come first."""
    whole = length // side * side
    parts = [(0, whole, side), (whole, whole + side, length - whole)]
    return [(start, stop, real) for start, stop, real in parts if stop > start and real]


class HieraBlock(nn.Module):
    """A pre-norm transformer block with windowed or global attention.

    Parameters
    ----------
    dim, dim_out : int
        Channels in and out; they differ in the first block of a stage.
    num_heads : int
    window : int
        Side of the attention windows, 0 for global attention.
    pool : bool
        Whether the block halves height and width.
    """

    def __init__(self, dim: int, dim_out: int, num_heads: int, window: int, pool: bool) -> None:
        super().__init__()
        self.window, self.pool = window, pool
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = MultiScaleAttention(dim, dim_out, num_heads, pool)
        self.norm2 = nn.LayerNorm(dim_out, eps=1e-6)
        self.mlp = Mlp(dim_out, dim_out * 4, dim_out, activation="gelu")
        self.proj = Linear(dim, dim_out) if dim != dim_out else None

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, H, W, dim) to (B, H, W, dim_out), or half of H and W where the block pools."""
        rows = self._rows_at_once(x)
        if not self.window or rows >= x.shape[1]:
            return self._add_mlp(self._add_attention(x))
        return torch.cat([self._add_mlp(self._add_attention(strip)) for strip in torch.split(x, rows, dim=1)], dim=1)

    def _rows_at_once(self, x: Tensor) -> int:
        """Return how many rows of windows to compute together: as many as a CPU's cache holds, elsewhere all."""
        if not cpu_kernels.takes(x) or not self.window:
            return x.shape[1]
        widest = x.shape[0] * x.shape[2] * 4 * self.attn.proj.out_features
        return max(1, cpu_kernels.numbers_at_once() // (widest * self.window)) * self.window

    def _add_attention(self, x: Tensor) -> Tensor:
        shortcut, x = x, self.norm1(x)
        if self.proj is not None:
            shortcut = self.proj(x)
            shortcut = max_pool(shortcut) if self.pool else shortcut
        out: Tensor = shortcut + self.attn(x, self.window)
        return out

    def _add_mlp(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class PatchEmbed(nn.Module):
    """Overlapping 7x7 patches at stride 4."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, channels, kernel_size=7, stride=4, padding=3)

    def forward(self, pixels: Tensor) -> Tensor:
        """Map (B, 3, S, S) pixels to (B, S/4, S/4, C)."""
        out: Tensor = self.proj(pixels)
        return out.permute(0, 2, 3, 1)


class Hiera(nn.Module):
    """The trunk: four stages at strides 4, 8, 16 and 32."""

    def __init__(self, config: Sam2Config) -> None:
        super().__init__()
        channels, window = config.embed_dim, config.window_spec[0]
        self.patch_embed = PatchEmbed(channels)
        self.pos_embed = nn.Parameter(torch.zeros(1, channels, *config.window_pos_embed_bkg_spatial_size))
        self.pos_embed_window = nn.Parameter(torch.zeros(1, channels, window, window))
        self.blocks = nn.ModuleList(_blocks(config))
        self._kept_position: tuple[Tensor, tuple[Tensor, ...]] | None = None
        self.stage_ends = [sum(config.stages[: stage + 1]) - 1 for stage in range(len(config.stages))]

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Encode images.

        Parameters
        ----------
        pixels : Tensor, (B, 3, S, S)
            Normalised pixels.

        Returns
        -------
        list of 4 Tensors, (B, C, H, W)
            The stages' outputs, stride 4 first.
        """
        x = self.patch_embed(pixels)
        x = x + self._position(x.shape[1], x.shape[2])
        outputs = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.stage_ends:
                outputs.append(x.permute(0, 3, 1, 2))
        return outputs

    def _position(self, height: int, width: int) -> Tensor:
        """Return the coarse table resized plus the window's table repeated, (1, H, W, C)."""
        if not cpu_kernels.takes(self.pos_embed):
            return self._new_position(height, width)
        # Compared as numbers, because a weight may be written to in ways that torch does not count.
        made_of = (self.pos_embed, self.pos_embed_window)
        kept = self._kept_position
        if kept is None or kept[0].shape[1:3] != (height, width) or not all(map(torch.equal, kept[1], made_of)):
            copies = tuple(t.detach().clone() for t in made_of)
            kept = self._kept_position = self._new_position(height, width).contiguous(), copies
        return kept[0]

    def _new_position(self, height: int, width: int) -> Tensor:
        coarse: Tensor = F.interpolate(self.pos_embed, size=(height, width), mode="bicubic")
        side = self.pos_embed_window.shape[-1]
        return (coarse + self.pos_embed_window.tile(1, 1, height // side, width // side)).permute(0, 2, 3, 1)


def _blocks(config: Sam2Config) -> list[HieraBlock]:
    """Build all blocks: the first block of a stage pools, and still uses the previous stage's window."""
    blocks: list[HieraBlock] = []
    for stage, count in enumerate(config.stages):
        dim_out, heads = config.stage_channels[stage], config.num_heads * 2**stage
        for position in range(count):
            first = position == 0 and stage > 0
            window = config.window_spec[stage - 1 if first else stage]
            if len(blocks) in config.global_att_blocks:
                window = 0
            blocks.append(HieraBlock(dim_out // 2 if first else dim_out, dim_out, heads, window, pool=first))
    return blocks
