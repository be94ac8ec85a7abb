"""Attention layers and the two-way transformer of the mask decoder (``modeling/sam/transformer.py``)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_sam2.engine.sam2.network import cpu_kernels
from napari_sam2.engine.sam2.network.layers import Linear, Mlp, to_tokens
from napari_sam2.engine.sam2.network.position_encoding import rotate, rotate_in_place


class Attention(nn.Module):
    """Multi-head attention whose projections may have another width than its input.

    Parameters
    ----------
    dim : int
        Channels of queries and output.
    num_heads : int
    inner_dim : int, optional
        Channels of the projections; ``dim`` by default.
    kv_dim : int, optional
        Channels of keys and values; ``dim`` by default.
    """

    def __init__(self, dim: int, num_heads: int, inner_dim: int | None = None, kv_dim: int | None = None) -> None:
        super().__init__()
        inner_dim, kv_dim = inner_dim or dim, kv_dim or dim
        self.num_heads = num_heads
        self.q_proj = Linear(dim, inner_dim)
        self.k_proj = Linear(kv_dim, inner_dim)
        self.v_proj = Linear(kv_dim, inner_dim)
        self.out_proj = Linear(inner_dim, dim)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend: (B, N, dim), (B, M, kv_dim), (B, M, kv_dim) to (B, N, dim)."""
        return self._attend(*self._project(query, key, value))

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self._heads(self.q_proj(query)), self._heads(self.k_proj(key)), self._heads(self.v_proj(value))

    def _heads(self, x: Tensor) -> Tensor:
        """(B, N, C) to (B, heads, N, C / heads)."""
        return x.reshape(*x.shape[:2], self.num_heads, -1).transpose(1, 2)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        if cpu_kernels.suits(query, key, value.shape[-1]):
            attended: Tensor = self.out_proj(cpu_kernels.attention(query, key, value))
            return attended
        out = F.scaled_dot_product_attention(query, key, value)
        projected: Tensor = self.out_proj(out.transpose(1, 2).flatten(2))
        return projected


class RopeAttention(Attention):
    """Attention whose queries and keys are rotated by their place on the feature grid."""

    def forward(  # type: ignore[override]
        self, query: Tensor, key: Tensor, value: Tensor, table: Tensor, unrotated: int = 0
    ) -> Tensor:
        """Attend with rotated queries and keys.

        Parameters
        ----------
        query : Tensor, (B, N, dim)
            One token for each point of the grid.
        key, value : Tensor, (B, k * N + unrotated, kv_dim)
            ``k`` whole grids, followed by tokens that have no place on the grid.
        table : Tensor, (2, N, head_dim / 2) float32
            Of `rope_table`.
        unrotated : int
            Number of those last tokens.

        Returns
        -------
        Tensor, (B, N, dim)
        """
        if cpu_kernels.takes(query):
            return self._forward_on_cpu(query, key, value, table, unrotated)
        query, key, value = self._project(query, key, value)
        grid_tokens = key.shape[2] - unrotated
        # Every grid is rotated by the same table: give the grids an axis of their own to broadcast over.
        grids = key[:, :, :grid_tokens].reshape(*key.shape[:2], -1, table.shape[1], key.shape[-1])
        rotated = rotate(grids, table).flatten(2, 3)
        key = torch.cat((rotated, key[:, :, grid_tokens:]), dim=2) if unrotated else rotated
        return self._attend(rotate(query, table), key, value)

    def _forward_on_cpu(self, query: Tensor, key: Tensor, value: Tensor, table: Tensor, unrotated: int) -> Tensor:
        """Do the same with fewer passes over the keys, and with as little as can be multiplied by the scores.

        Weights of an attention add up to 1, so values may be projected after they were averaged. Those of memories are
        narrower before.
        """
        query, key = self._heads(self.q_proj(query)), self._heads(self.k_proj(key))
        grid_tokens = key.shape[2] - unrotated
        grids = key[:, :, :grid_tokens].view(*key.shape[:2], -1, table.shape[1], key.shape[-1])
        rotate_in_place(grids, table)
        rotate_in_place(query, table)
        if self.num_heads > 1 or not cpu_kernels.suits(query, key, value.shape[-1]):
            return self._attend(query, key, self._heads(self.v_proj(value)))
        averaged = cpu_kernels.attention(query, key, value[:, None])
        projected: Tensor = self.out_proj(self.v_proj(averaged))
        return projected


class TwoWayBlock(nn.Module):
    """Tokens attend to themselves and to the image, then the image attends to the tokens.

    Parameters
    ----------
    dim, num_heads, mlp_dim : int
    first : bool
        The first block has no positions in, and no shortcut around, its self-attention.
    """

    def __init__(self, dim: int, num_heads: int, mlp_dim: int, first: bool) -> None:
        super().__init__()
        self.first = first
        self.self_attn = Attention(dim, num_heads)
        self.norm1 = nn.LayerNorm(dim)
        self.cross_attn_token_to_image = Attention(dim, num_heads, inner_dim=dim // 2)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, mlp_dim, dim)
        self.norm3 = nn.LayerNorm(dim)
        self.norm4 = nn.LayerNorm(dim)
        self.cross_attn_image_to_token = Attention(dim, num_heads, inner_dim=dim // 2)

    def forward(self, tokens: Tensor, image: Tensor, token_pos: Tensor, image_pos: Tensor) -> tuple[Tensor, Tensor]:
        """Update tokens (B, P, C) and image (B, N, C); the positions are added to queries and keys only."""
        if self.first:
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            placed = tokens + token_pos
            tokens = tokens + self.self_attn(placed, placed, tokens)
        tokens = self.norm1(tokens)
        placed_image = image + image_pos
        tokens = self.norm2(tokens + self.cross_attn_token_to_image(tokens + token_pos, placed_image, image))
        tokens = self.norm3(tokens + self.mlp(tokens))
        image = self.norm4(image + self.cross_attn_image_to_token(placed_image, tokens + token_pos, tokens))
        return tokens, image


class TwoWayTransformer(nn.Module):
    """The transformer between prompt tokens and image tokens."""

    def __init__(self, depth: int, dim: int, num_heads: int, mlp_dim: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TwoWayBlock(dim, num_heads, mlp_dim, first=index == 0) for index in range(depth))
        self.final_attn_token_to_image = Attention(dim, num_heads, inner_dim=dim // 2)
        self.norm_final_attn = nn.LayerNorm(dim)

    def forward(self, image: Tensor, image_pos: Tensor, prompts: Tensor) -> tuple[Tensor, Tensor]:
        """Run all layers.

        Parameters
        ----------
        image : Tensor, (B, C, h, w)
        image_pos : Tensor, (1, C, h, w)
        prompts : Tensor, (B, P, C)
            Output and prompt tokens; they also serve as their own positions.

        Returns
        -------
        tokens : Tensor, (B, P, C)
        image : Tensor, (B, h * w, C)
        """
        tokens, image, image_pos = prompts, to_tokens(image), to_tokens(image_pos)
        for layer in self.layers:
            tokens, image = layer(tokens, image, prompts, image_pos)
        tokens = tokens + self.final_attn_token_to_image(tokens + prompts, image + image_pos, image)
        return self.norm_final_attn(tokens), image
