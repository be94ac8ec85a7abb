"""Find the objects of a frame without prompts, and take those that the user wants.

``meta`` is Meta's predictor in exact mode, else None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam2.core.prompts import MaskPrompt, PromptSet
from napari_sam2.engine.protocols import Proposal, Proposes
from napari_sam2.errors import PromptError
from napari_sam2.session import checks, objects, step_names
from napari_sam2.session.prompting import put_prompts, telling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_sam2.session.exact import MetaPredictor
    from napari_sam2.session.state import SessionState

_MOST_TAKEN = 0.5  # of the pixels of a proposal, by objects that are there already


@dataclass(frozen=True)
class FrameProposal(Proposal):
    """An object that the model found on a frame without a prompt.

    Attributes
    ----------
    frame : int
        Index of the frame.
    """

    frame: int


def propose(
    state: SessionState,
    frame: int,
    spacing_px: float | None,
    cancelled: Callable[[], bool] | None,
    progress: Callable[[int, int], None] | None,
) -> list[FrameProposal]:
    """Return what the model finds on a frame beside the objects that are there, the best first."""
    with state.compute:
        with state.lock:
            checks.check_open(state)
            frame = checks.check_frame(state, frame)
            taken = state.frame_labels(frame) > 0
        stream = state.stream()
        if not isinstance(stream, Proposes):
            raise PromptError(
                f"The model {state.predictor.name!r} finds no objects by itself: click or draw them, or choose another."
            )
        found = stream.propose(
            frame, spacing_px, forbidden=taken if taken.any() else None, cancelled=cancelled, progress=progress
        )
    # Clicks beside an object may be answered with it all the same.
    return [
        FrameProposal(p.encoded, p.iou, p.point, frame)
        for p in found
        if (taken & p.mask).sum() <= _MOST_TAKEN * p.encoded.area and p.encoded.area
    ]


def accept(state: SessionState, meta: MetaPredictor | None, proposals: Iterable[FrameProposal]) -> list[int]:
    """Make an object of each proposal, with its mask as the prompt, as one step; the ids of the objects."""
    listed = list(proposals)
    if not listed:
        raise PromptError("accept was given no proposal.")
    shape = state.grid.frame_shape
    for proposal in listed:
        if not isinstance(proposal, FrameProposal) or proposal.encoded.shape != shape:
            raise PromptError(f"A proposal must come from propose() of this session, not {type(proposal).__name__}.")
    with telling(state, meta):
        checks.check_open(state)
        frames = [checks.check_frame(state, proposal.frame) for proposal in listed]
        ids = objects.new_ids(state, len(listed))
        with state.history.step(step_names.ACCEPT, frames=sorted(set(frames)), objects=ids) as put:
            for obj_id, frame, proposal in zip(ids, frames, listed, strict=True):
                put_prompts(state, put, obj_id, frame, PromptSet(mask=MaskPrompt(proposal.encoded)))
        return ids
