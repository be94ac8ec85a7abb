"""The header's sentence, and which steps are shown, folded, and with which summary."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from qtpy.QtCore import QObject

from napari_sam2.core.formatting import frame_word
from napari_sam2.layers.image import axis_meanings
from napari_sam2.widgets.actions import shown_key
from napari_sam2.widgets.controllers.next_step import PanelState, next_action, next_step, stage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_sam2.interaction.preferences import Preferences
    from napari_sam2.widgets.controllers.context import ControllerContext
    from napari_sam2.widgets.controllers.keys import Keys
    from napari_sam2.widgets.controllers.many import Many
    from napari_sam2.widgets.controllers.models import Models
    from napari_sam2.widgets.controllers.objects import Objects
    from napari_sam2.widgets.controllers.propagating import Propagating
    from napari_sam2.widgets.controllers.proposing import Proposing
    from napari_sam2.widgets.controllers.session_files import SessionFiles
    from napari_sam2.widgets.controllers.tools import Tools
    from napari_sam2.widgets.controllers.view_protocols import HeaderView, StepsView

_FOLDED = "folded steps"


class GuideSources(NamedTuple):
    """The controllers that know what the guide goes by."""

    tools: Tools
    models: Models
    propagating: Propagating
    files: SessionFiles
    keys: Keys
    many: Many
    proposing: Proposing
    objects: Objects


class Guide(QObject):
    """Leads through the panel.

    Parameters
    ----------
    context, known
        What the sentence goes by.
    header, steps
        The views.
    preferences
        Remembers which steps the user folded.
    """

    def __init__(
        self,
        context: ControllerContext,
        known: GuideSources,
        header: HeaderView,
        steps: StepsView,
        preferences: Preferences,
    ) -> None:
        super().__init__(context)
        self._context, self._selection, self._known = context, context.selection, known
        self._header, self._steps, self._preferences = header, steps, preferences
        self._shown_keys = _shown(known.keys.keys)
        folded = preferences.get(_FOLDED, {})
        self._folded: dict[str, bool] = folded if isinstance(folded, dict) else {}
        self._stage = -1
        steps.folded.connect(self._on_folded)
        known.keys.owner_changed.connect(lambda _: self.refresh())
        known.keys.changed.connect(self._on_keys)
        for signal in (known.tools.shown, known.many.asked, known.proposing.asked):
            signal.connect(self.refresh)
        self._was_doubtful = False
        self._selection.frame_changed.connect(self._on_frame)

    def refresh(self) -> None:
        """Show what can be used, and what to do next."""
        state = self.state()
        self._was_doubtful = state.is_here_doubtful
        self._header.set_hint(next_step(state, self._shown_keys))
        self._steps.set_next(next_action(state))
        now = stage(state)
        if now != self._stage:
            before, self._stage = self._stage, now
            self._steps.set_stage(now)
            self._fold(before, now)
        self._steps.set_summaries(self._summaries(state))

    def state(self) -> PanelState:
        """Return what the sentence goes by."""
        context, selection, worker = self._context, self._selection, self._selection.worker
        refused = bool(selection.unavailable_reason)
        if worker is None:
            return PanelState(refused=refused)
        obj_id = context.current_object
        found, doubtful = worker.objects.get(obj_id), self._known.objects.doubtful
        left = self._known.propagating.remaining.by_object(worker)
        coming = sum(marked == obj_id for marked, _ in worker.pending.shown)
        return PanelState(
            has_image=True,
            refused=refused,
            frame_axis=worker.grid.frame_axis,
            frame_count=worker.grid.frame_count,
            model_missing=bool(self._known.models.unavailable_reason),
            is_asked=self._known.files.is_asking,
            is_proposed=bool(self._known.proposing.current),
            is_dividing=self._known.many.is_dividing,
            tool=self._known.tools.active_tool(),
            others_layer=self._known.keys.others_layer(),
            is_running=context.running,
            is_computing=context.working,
            any_mask=any(o.frames for o in worker.objects.values()),
            marked=max(coming, 0 if found is None else found.prompts),
            masked=0 if found is None else found.frames,
            left=None if left is None else left.get(obj_id, 0),
            left_of_others=sum(n for i, n in (left or {}).items() if i != obj_id),
            doubtful=len(doubtful.get(obj_id, ())),
            doubtful_of_others=sum(len(frames) for i, frames in doubtful.items() if i != obj_id),
            is_here_doubtful=self._is_here_doubtful(),
            reviewed=found is not None and found.state == "reviewed",
            name=f"object {obj_id}" if found is None else found.name,
            is_stopped=self._known.propagating.was_stopped(worker),
            is_saved=context.last_message.startswith("Saved "),
        )

    def _fold(self, before: int, now: int) -> None:
        """Fold the first step once something is marked, and open it for another image, unless the user said so."""
        self._steps.set_folded(0, self._folded.get("0", now == 3))
        for i in (1, 2):
            self._steps.set_folded(i, self._folded.get(str(i), False))

    def _is_here_doubtful(self) -> bool:
        frames = self._known.objects.doubtful.get(self._context.current_object, ())
        return self._selection.shown_frame() in frames

    def _on_frame(self) -> None:
        # Whoever moves through the slices does not wait for more than what changes by that.
        if self._is_here_doubtful() != self._was_doubtful:
            self.refresh()

    def _on_keys(self, keys: Mapping[str, str]) -> None:
        self._shown_keys = _shown(keys)
        self.refresh()

    def _on_folded(self, number: int, folded: bool) -> None:
        self._folded = {**self._folded, str(number): folded}
        self._preferences.set(_FOLDED, self._folded)

    def _summaries(self, state: PanelState) -> tuple[str, str, str]:
        image, worker = self._selection.image, self._selection.worker
        if image is None or worker is None:
            return "", "", ""
        parts = [str(image.name)]
        if state.frame_axis is not None:
            # The spacing belongs to the axis, e.g. "z 48 × 5 mm".
            text = next((each.text for each in axis_meanings(image) if each.letter == state.frame_axis), "")
            parts.append(text or f"{state.frame_count} {frame_word(state.frame_axis, state.frame_count)}")
        limits = self._selection.contrast_limits()
        if limits is not None:
            parts.append(f"{limits[0]:g} … {limits[1]:g}")
        parts.append(self._known.models.short_name)
        count = len(worker.objects)
        objects = f"{count} object{'' if count == 1 else 's'}, now {state.name}" if count else "none yet"
        doubt = f"{state.doubtful} doubtful" if state.doubtful else "nothing doubtful"
        done = f"{state.masked} {frame_word(state.frame_axis, state.masked)} with a mask, {doubt}"
        return " · ".join(parts), objects, done


def _shown(keys: Mapping[str, str]) -> dict[str, str]:
    return {name: shown_key(key) for name, key in keys.items()}
