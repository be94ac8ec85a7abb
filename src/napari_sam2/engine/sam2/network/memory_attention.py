"""Conditions a frame's features on the memories of other frames (``modeling/memory_attention.py``)."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from napari_sam2.engine.sam2.network.config import Sam2Config
from napari_sam2.engine.sam2.network.layers import Linear
from napari_sam2.engine.sam2.network.position_encoding import TableCache, rope_table
from napari_sam2.engine.sam2.network.transformer import RopeAttention


class MemoryAttentionLayer(nn.Module):
    """Self-attention, attention to the memory and a feed-forward part, all with the norm in front."""

    def __init__(self, config: Sam2Config) -> None:
        super().__init__()
        dim, heads = config.d_model, config.memory_attention_heads
        self.self_attn = RopeAttention(dim, heads)
        self.cross_attn_image = RopeAttention(dim, heads, kv_dim=config.mem_dim)
        self.linear1 = Linear(dim, config.memory_attention_mlp_dim)
        self.linear2 = Linear(config.memory_attention_mlp_dim, dim)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(dim), nn.LayerNorm(dim), nn.LayerNorm(dim)

    def forward(self, x: Tensor, keys: Tensor, memory: Tensor, table: Tensor, pointer_tokens: int) -> Tensor:
        """Update tokens (B, N, C), or (1, N, C) for all, from ``memory (B, M, mem)``; ``keys`` have positions added."""
        normed = self.norm1(x)
        x = (x + self.self_attn(normed, normed, normed, table)).expand(memory.shape[0], -1, -1)
        x = x + self.cross_attn_image(self.norm2(x), keys, memory, table, pointer_tokens)
        out: Tensor = x + self.linear2(self.linear1(self.norm3(x), "relu"))
        return out


class MemoryAttention(nn.Module):
    """The stack of layers; positions of the frame itself come in once, weighted with 0.1."""

    def __init__(self, config: Sam2Config) -> None:
        super().__init__()
        self.layers = nn.ModuleList(MemoryAttentionLayer(config) for _ in range(config.memory_attention_layers))
        self.norm = nn.LayerNorm(config.d_model)
        head_dim = config.d_model // config.memory_attention_heads
        self._rope = TableCache(partial(rope_table, head_dim=head_dim, theta=config.rope_theta))

    def forward(
        self, x: Tensor, pos: Tensor, memory: Tensor, memory_pos: Tensor, size: tuple[int, int], pointer_tokens: int
    ) -> Tensor:
        """Condition a frame on memory.

        Parameters
        ----------
        x, pos : Tensor, (B, h * w, C)
            The frame's features and their positions. A batch of 1 serves all objects: what they share is computed once.
        memory, memory_pos : Tensor, (B, k * h * w + pointer_tokens, mem)
            ``k`` memory maps, then the tokens of object pointers.
        size : (int, int)
            h and w.
        pointer_tokens : int

        Returns
        -------
        Tensor, (B, h * w, C)
        """
        table = self._rope.get(*size, torch.float32, x.device)
        x = x + 0.1 * pos
        keys = memory + memory_pos
        for layer in self.layers:
            x = layer(x, keys, memory, table, pointer_tokens)
        out: Tensor = self.norm(x)
        return out
