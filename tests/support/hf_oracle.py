"""transformers' Sam2VideoModel as an independent oracle with the weights of one of our models."""

from __future__ import annotations

from benchmarks.peers.transformers_peer import build_oracle, to_hf_names
from benchmarks.weights import randomise

__all__ = ["PROMPTS", "SIZE", "build_oracle", "randomise", "to_hf_names"]

SIZE = 256
"""Input size of the parity tests: small enough for a laptop, large enough for windows with padding."""

PROMPTS = {
    "one_click": ([[60.0, 100.5]], [1]),
    "several_clicks": ([[60.0, 100.0], [200.0, 30.0], [90.0, 110.0]], [1, 0, 1]),
    "box": ([[20.0, 60.0], [99.0, 139.0]], [2, 3]),
    "box_and_click": ([[20.0, 60.0], [99.0, 139.0], [50.0, 70.0]], [2, 3, 0]),
    "no_prompt": (None, None),
}
"""Points ``(x, y)`` and labels of each kind of prompt."""
