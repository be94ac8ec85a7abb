"""Change the settings of a session, which no undo takes back: the model, the contrast limits and the overlap rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam2.core.arguments import check_window
from napari_sam2.core.masks import check_overlap
from napari_sam2.engine.protocols import check_model
from napari_sam2.session import checks

if TYPE_CHECKING:
    from napari_sam2.engine.protocols import VideoPredictor
    from napari_sam2.session.file_link import FileLink
    from napari_sam2.session.state import SessionState


def use(state: SessionState, link: FileLink, predictor: VideoPredictor) -> None:
    """Go on with another model."""
    check_model(predictor, state.zoom)
    with state.compute, state.lock:
        checks.check_idle(state)
        state.use(predictor)
        link.keep_model()


def set_contrast_limits(state: SessionState, link: FileLink, low: float, high: float) -> None:
    """Change the values that the model sees as black and white."""
    limits = check_window((low, high), "contrast_limits")
    # What is being computed was begun with the old ones, and has to be kept as such.
    with state.compute, state.lock:
        state.contrast_limits = limits
        link.keep_settings()


def set_overlap(state: SessionState, link: FileLink, rule: str) -> None:
    """Change the rule for pixels that two objects claim."""
    with state.lock:
        state.overlap = check_overlap(rule)
        link.keep_settings()
