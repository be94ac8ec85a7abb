"""How much work a session took, from the times of its steps."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from napari_sam2.session.log import step_names

if TYPE_CHECKING:
    from napari_sam2.session.state.session_state import SessionState

PAUSE = 60  # seconds from one step to the next, beyond which the user did something else


@dataclass(frozen=True)
class Effort:
    """The work in a session.

    Parameters
    ----------
    interactions
        Steps of the user, those among them that were undone and can be redone.
    seconds
        From step to step, pauses of more than a minute left out; NaN where no step has a time.
    """

    interactions: int
    seconds: float


def effort(state: SessionState) -> Effort:
    """Return how much work the log tells of."""
    with state.lock:
        steps = [*state.history.steps, *reversed(state.history.undone)]
        times = sorted(step.time for step in steps if step.time is not None)
        # Steps that nobody but the computer makes: a late answer, and the log done again.
        own = [step for step in steps if step.name not in (step_names.PREDICT_FRAME, step_names.REPLAY)]
        gaps = (later - earlier for earlier, later in pairwise(times))
        active = sum(gap for gap in gaps if gap <= PAUSE)
        return Effort(len(own), float(active) if times else float("nan"))
