"""Find the objects of a frame without prompts, and take those that the user wants.

``meta`` is Meta's predictor in exact mode, else None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam2.core.masks import RunLengthMask
from napari_sam2.core.prompts import MaskPrompt, PromptSet
from napari_sam2.engine.protocols import Proposal, Proposes
from napari_sam2.errors import PromptError
from napari_sam2.session.log import step_names
from napari_sam2.session.log.kinds import EVERY, FORBIDDEN
from napari_sam2.session.objects import objects
from napari_sam2.session.objects.prompting import put_prompts, telling
from napari_sam2.session.state import checks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    from numpy.typing import NDArray

    from napari_sam2.session.state.session_state import SessionState
    from napari_sam2.session.tracking.exact import MetaPredictor

_MOST_TAKEN = 0.5  # of the pixels of a proposal, by objects that are there already and by what is "not here"


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
            not_here = state.history.get(FORBIDDEN, EVERY, frame)
        outside = None if not_here is None else not_here.decode()
        closed = taken if outside is None else taken | outside
        stream = state.stream()
        if not isinstance(stream, Proposes):
            raise PromptError(
                f"The model {state.predictor.name!r} finds no objects by itself: click or draw them, or choose another."
            )
        found = stream.propose(
            frame, spacing_px, forbidden=closed if closed.any() else None, cancelled=cancelled, progress=progress
        )
    # Clicks beside an object, or beside what is "not here", may be answered with it all the same.
    kept = [p for p in found if p.encoded.area and (closed & p.mask).sum() <= _MOST_TAKEN * p.encoded.area]
    return [FrameProposal(_outside_of(outside, p), p.iou, p.point, frame) for p in kept]


def _outside_of(forbidden: NDArray[np.bool_] | None, proposal: Proposal) -> RunLengthMask:
    """Return the mask of a proposal without what is forbidden."""
    return proposal.encoded if forbidden is None else RunLengthMask.encode(proposal.mask & ~forbidden)


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
