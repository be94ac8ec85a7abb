"""Change the settings of a session, which no undo takes back: the model, what it sees, and the rules it goes by."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

from napari_sam2.core.arguments import check_choice, check_window
from napari_sam2.core.intensity import default_mapping
from napari_sam2.core.intensity_mapping import IntensityMapping
from napari_sam2.core.masks import check_overlap
from napari_sam2.engine.options import TrackingOptions
from napari_sam2.engine.protocols import check_model
from napari_sam2.errors import NapariSam2Error, VolumeError
from napari_sam2.session.log.records import META_RULES, Neighbours, Rules
from napari_sam2.session.state import checks

if TYPE_CHECKING:
    from napari_sam2.core.frames import FrameGrid
    from napari_sam2.core.volume import ImageVolume
    from napari_sam2.engine.protocols import VideoPredictor
    from napari_sam2.session.state.session_state import SessionState
    from napari_sam2.session.storage.file_link import FileLink


def use(state: SessionState, link: FileLink, predictor: VideoPredictor) -> None:
    """Go on with another model."""
    check_model(predictor, state.zoom)
    with state.compute, state.lock:
        checks.check_idle(state)
        state.use(predictor)
        link.keep_model()


def mapping_of(volume: ImageVolume, grid: FrameGrid, contrast_limits: Any, window: Any, gamma: Any) -> IntensityMapping:
    """Return how a model sees a volume, as the arguments of a session say it; by default as the volume asks."""
    limits = checks.check_contrast_limits(contrast_limits, window)
    channels = max(1, len(grid.channels))
    if limits is not None:
        return IntensityMapping.of(limits, gamma, channels, "contrast_limits" if window is None else "window")
    # Checked before the image is read.
    exponent = IntensityMapping.of((0, 1), gamma).gamma
    return replace(default_mapping(volume, grid), gamma=exponent)


def set_contrast_limits(state: SessionState, link: FileLink, low: float, high: float, channel: int | None) -> None:
    """Change the values that the model sees as black and white, of one channel or of all."""
    pair = check_window((low, high), "contrast_limits")
    shown = state.grid.channels
    if channel is not None and channel not in shown:
        has = f"the session shows {', '.join(map(str, shown))}" if shown else "the image has no channels"
        raise VolumeError(f"channel={channel!r} has no contrast limits to set: {has}.")
    # What is being computed was begun with the old ones, and has to be kept as such.
    with state.compute, state.lock:
        now = state.mapping.contrast_limits
        each = list(now if len(now) > 1 else now * max(1, len(shown)))
        for place in range(len(each)) if channel is None else [shown.index(channel)]:
            each[place] = pair
        limits = (pair,) if len(set(each)) == 1 else tuple(each)
        state.mapping = replace(state.mapping, contrast_limits=limits)
        link.keep_settings()


def set_gamma(state: SessionState, link: FileLink, gamma: float) -> None:
    """Change the exponent that follows the contrast limits."""
    with state.compute, state.lock:
        state.mapping = IntensityMapping.of(state.mapping.contrast_limits, gamma)
        link.keep_settings()


def default_neighbours(grid: FrameGrid, exact: bool) -> Neighbours:
    """Return whether neighbours are a limit where nobody said: in volumes, where one voxel is of one thing."""
    return "free" if exact or grid.frame_axis == "t" else "limit"


def check_rules(grid: FrameGrid, exact: bool, neighbours: Any, memory: Any, click_mask: Any, motion: Any) -> Rules:
    """Return the rules by which frames are tracked; NapariSam2Error that says which one cannot be."""
    rules = Rules(neighbours, memory, click_mask, motion)
    check_choice("neighbours", rules.neighbours, get_args(Neighbours))
    # Refuses what the model's options do not know.
    TrackingOptions(rules.memory, rules.click_mask, rules.motion)
    if exact and rules != META_RULES:
        only = ", ".join(f"{name}={value!r}" for name, value in META_RULES._asdict().items())
        raise NapariSam2Error(
            f"Exact mode tracks as Meta's predictor does: it takes {only} alone.\n"
            "Open the session without exact=True to use other rules."
        )
    if rules.motion and grid.frame_axis != "t":
        along = "of a single image" if grid.frame_axis is None else f"along {grid.frame_axis}"
        raise NapariSam2Error(
            f"motion=True is for frames that follow in time, and this session is {along}: a section that changes from "
            "slice to slice does not move. Leave motion as it is, False."
        )
    return rules


def set_rules(state: SessionState, link: FileLink, **changes: Any) -> None:
    """Change some of the rules by which frames are tracked; see `Rules`."""
    rules = check_rules(state.grid, state.exact, **{**state.rules._asdict(), **changes})
    with state.compute, state.lock:
        # A run is told again, in a replay, by one set of rules.
        checks.check_idle(state)
        state.follow(rules)
        link.keep_settings()


def set_log_times(state: SessionState, link: FileLink, log_times: bool) -> None:
    """Let new steps keep their time, or not."""
    if not isinstance(log_times, bool):
        raise NapariSam2Error(f"log_times={log_times!r} must be True or False.")
    with state.lock:
        state.log_times = log_times
        link.keep_settings()


def set_overlap(state: SessionState, link: FileLink, rule: str) -> None:
    """Change the rule for pixels that two objects claim."""
    with state.lock:
        state.overlap = check_overlap(rule)
        link.keep_settings()
