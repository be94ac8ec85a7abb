"""The protocol that each controller expects of its view. Qt's signals have no type of their own here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    import pandas as pd

    from napari_sam2.widgets.views.objects_panel import ObjectRow


class HeaderView(Protocol):
    """Says what to do next (`guide`)."""

    def set_hint(self, text: str) -> None:
        """Say what to do next."""


class StepsView(Protocol):
    """Shows the steps that can be used (`guide`)."""

    folded: Any

    def set_stage(self, stage: int) -> None:
        """Show so many steps."""

    def set_next(self, action: str) -> None:
        """Let the button of an action stand out; an empty text: none."""

    def set_summaries(self, texts: Sequence[str]) -> None:
        """Say of each step what was chosen there."""

    def set_folded(self, number: int, folded: bool) -> None:
        """Fold or open a step."""


class TourView(Protocol):
    """Leads through the panel (`tour`)."""

    next_clicked: Any
    close_clicked: Any

    def set_step(self, number: int, count: int, text: str, last: bool) -> None:
        """Show a step, counted from 1."""

    def point_at(self, target: Any, theme: str) -> None:
        """Draw a border around a widget; None: around nothing."""

    def end(self) -> None:
        """Show no tour."""


class SourceView(Protocol):
    """Shows the choice of an image and its axes (`image_selection`)."""

    image_chosen: Any
    axis_chosen: Any
    channels_chosen: Any

    def set_images(self, images: Sequence[tuple[str, Any]], current: Any) -> None:
        """Offer images by name."""

    def set_axes(self, axes: Sequence[tuple[str, Any]], current: Any) -> None:
        """Offer what the image can be followed along."""

    def set_meaning(self, axes: str, reason: str) -> None:
        """Say what the axes are taken for, and why the image is followed along one of them by default."""

    def set_channels(self, count: int, current: tuple[int, ...] | None) -> None:
        """Offer the channels of the image; none: it has no channels."""

    def set_window(self, text: str) -> None:
        """Say which grey values the model gets."""


class ModelView(Protocol):
    """Shows the choice of a model and a device (`models`)."""

    model_chosen: Any
    device_chosen: Any
    file_chosen: Any
    action_clicked: Any

    def set_models(self, models: Sequence[tuple[str, str, str]], current: str) -> None:
        """Offer models as (text, name, tooltip)."""

    def set_devices(self, devices: Sequence[tuple[str, str]], current: str) -> None:
        """Offer devices as (text, name)."""

    def set_about(self, text: str, tip: str) -> None:
        """Say what the chosen model is."""

    def set_action(self, action: str, text: str, tip: str) -> None:
        """Offer what can be done with the chosen model."""

    def set_progress(self, done: int, total: int, text: str) -> None:
        """Show how far a download is, in bytes."""

    def clear_progress(self) -> None:
        """Show no download."""

    def ask_consent(self, title: str, terms: str) -> bool:
        """Return whether the user agrees to the terms of a model."""


class MaintenanceView(Protocol):
    """Asks for the devices, for unloading and for the self-check (`models`)."""

    opened: Any
    unload_clicked: Any
    check_clicked: Any


class ToolsView(Protocol):
    """Shows the tool in the user's hand (`tools`)."""

    tool_clicked: Any
    polarity_clicked: Any

    def set_tool(self, tool: str) -> None:
        """Show the tool; an empty text: none."""

    def set_positive(self, positive: bool) -> None:
        """Show whether the next mark lies inside the object."""


class PreviewView(Protocol):
    """Asks whether masks are shown at once (`prompting`)."""

    preview_box: Any


class ObjectsView(Protocol):
    """Shows the list of objects (`objects`)."""

    object_chosen: Any
    next_clicked: Any
    reset_clicked: Any
    delete_clicked: Any
    merge_clicked: Any
    move_clicked: Any
    renamed: Any
    visibility_changed: Any

    def set_objects(
        self, rows: Sequence[ObjectRow], current: int, called: str = "slices", measured: str = "Volume"
    ) -> None:
        """Show the objects; ``called`` is the word for frames."""

    def set_enabled(self, next_reason: str, reset_reason: str, merge_reason: str) -> None:
        """Enable the buttons, or say why not."""


class StripView(Protocol):
    """Shows the scores of an object frame by frame (`review`)."""

    def set_frames(self, count: int) -> None:
        """Show this many frames."""

    def set_frame(self, frame: int) -> None:
        """Show where the viewer stands."""

    def set_scores(self, scores: pd.DataFrame | None, prompted: Collection[int]) -> None:
        """Show scores, and the frames that have marks."""


class ProposalsView(Protocol):
    """Asks about what the model proposes (`proposing`)."""

    propose_clicked: Any
    accept_clicked: Any
    reject_clicked: Any
    accept_all_clicked: Any
    done_clicked: Any

    def set_proposal(self, text: str) -> None:
        """Say which one is asked about; an empty text: none."""


class ManyView(Protocol):
    """Asks for many objects, divisions, tracks and limits (`many`)."""

    each_click_changed: Any
    divide_clicked: Any
    show_tracks_clicked: Any

    def set_dividing(self, dividing: bool) -> None:
        """Say whether clicks into daughters are waited for."""

    def set_enabled(self, no_image: str, propose: str, divide: str, tracks: str, limit: str) -> None:
        """Enable the buttons, or say why not."""


class FinishView(Protocol):
    """Asks for what finishes an object (`finishing`)."""

    interpolate_clicked: Any
    check_clicked: Any
    onion_skin_changed: Any
    forbid_clicked: Any
    rule_chosen: Any
    reviewed: Any

    def set_enabled(self, interpolate: str, check: str, onion_skin: str, rules: str, motion: str, review: str) -> None:
        """Enable buttons and fields, or say why not."""

    def set_checking(self, checking: bool) -> None:
        """Show whether a check is under way."""

    def set_progress(self, done: int, total: int) -> None:
        """Show how far a check is."""

    def set_rules(self, **rules: str | bool) -> None:
        """Show the rules of the session, by name."""

    def set_layers(self, layers: Sequence[tuple[str, Any]]) -> None:
        """Offer layers that say where no object may be."""

    def set_review(self, state: str, comment: str) -> None:
        """Show what was said of the current object."""


class ReviewView(Protocol):
    """Shows how good an object is, and what can be done about it (`review`)."""

    frame_clicked: Any
    next_doubtful_clicked: Any
    lock_clicked: Any
    lock_seen_clicked: Any
    cut_clicked: Any
    lock_seen_button: Any

    @property
    def strip(self) -> StripView:
        """Return the scores."""

    def set_locked(self, locked: bool) -> None:
        """Show whether the object is locked on the shown frame."""

    def set_note(self, text: str) -> None:
        """Say something about the mask that is shown."""

    def set_enabled(self, lock: str, lock_seen: str, doubtful: str, above: str, below: str) -> None:
        """Enable the buttons, or say why not."""


class RunView(Protocol):
    """Asks for runs and shows how far one is (`propagating`)."""

    run_clicked: Any
    stop_clicked: Any
    range_changed: Any

    def frames(self) -> range:
        """Return the chosen range."""

    def set_enabled(
        self, run_reason: str, stop_reason: str, undo_reason: str, redo_reason: str, save_reason: str
    ) -> None:
        """Enable the buttons, or say why not."""

    def set_continuing(self, continuing: bool) -> None:
        """Show whether a run goes on where another was stopped."""

    def set_progress(self, done: int, total: int, text: str) -> None:
        """Show how far the run is."""

    def clear_progress(self) -> None:
        """Show no run."""


class ForecastView(Protocol):
    """Shows what a run of the chosen range will take (`run_estimate`)."""

    range_changed: Any

    def frames(self) -> range:
        """Return the chosen range."""

    def set_forecast(self, text: str, tip: str) -> None:
        """Say what the run will take."""


class EncodeAheadView(Protocol):
    """Asks for work ahead (`run_estimate`)."""

    ahead_changed: Any
    prepare_clicked: Any
    ahead_box: Any

    def set_preparing(self, preparing: bool) -> None:
        """Show whether the chosen range is being prepared."""


class OfferView(Protocol):
    """Asks whether to go on with an earlier session (`session_files`)."""

    continue_clicked: Any
    anew_clicked: Any

    def set_offer(self, text: str, tip: str) -> None:
        """Ask; an empty text: nothing."""

    def set_enabled(self, reason: str) -> None:
        """Enable the answers, or say why not."""


class SessionView(Protocol):
    """Shows where the session is kept (`session_files`)."""

    save_chosen: Any
    open_chosen: Any

    @property
    def offer(self) -> OfferView:
        """Return the question about an earlier session."""

    def set_file(self, path: Path | None, text: str) -> None:
        """Show the file, or say why there is none."""

    def set_savable(self, savable: bool) -> None:
        """Enable saving."""

    def set_lists(self, recent: Sequence[Path], unclosed: Sequence[Path]) -> None:
        """Offer session files."""

    def set_offer(self, text: str, path: Path | None) -> None:
        """Offer to recover a session; without a path: nothing."""
