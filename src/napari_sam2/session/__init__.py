"""The session: prompts in, masks out, every step kept."""

from __future__ import annotations

from napari_sam2.session.session import VideoSession

__all__ = ["VideoSession"]
