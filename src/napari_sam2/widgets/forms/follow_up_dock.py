"""The dock *Follow up*: the objects of an earlier study on a later image of the same patient, to be checked."""

# Annotations are not postponed here: magicgui reads them.
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from napari.layers import Image, Labels

from napari_sam2.errors import SessionFileError, VolumeError
from napari_sam2.interaction.follow_up import begin_follow_up, session_in, session_of_labels
from napari_sam2.layers.image import volume_from_layer
from napari_sam2.layers.label_table import label_names
from napari_sam2.layers.labels_on_image import labels_on
from napari_sam2.widgets.forms.background import Steps
from napari_sam2.widgets.forms.study_dock import StudyDock

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari

    from napari_sam2.session import VideoSession

_LAYERS, _FILE = "labels in the viewer", "a session file"


class FollowUpDock(StudyDock):
    """Carries objects over from an earlier study; what comes is a session of the later image.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in, or napari's proxy of it.
    show_segment
        Shows the dock widget *Segment with SAM 2* and returns it.
    """

    def __init__(self, napari_viewer: "napari.viewer.Viewer", show_segment: "Callable[[], Any]") -> None:
        super().__init__(napari_viewer, show_segment, self.carry_over, "Carry over")
        self.column.addStretch(1)
        self._fields.source.changed.connect(self._show_source)
        self._show_source(_FILE)

    def carry_over(
        self,
        later: Annotated[Image, {"label": "later image", "tooltip": "The new study, which gets the objects."}],
        source: Annotated[
            Literal["a session file", "labels in the viewer"],
            {"label": "objects from", "tooltip": "Where the objects of the earlier study are."},
        ] = "a session file",
        session: Annotated[
            Path,
            {"mode": "r", "filter": "*.sam2", "tooltip": "The session of the earlier study; its image is found by it."},
        ] = Path(),
        earlier: Annotated[Image | None, {"label": "earlier image", "tooltip": "The image of the labels."}] = None,
        labels_layer: Annotated[
            Labels | None, {"label": "its labels", "tooltip": "The objects, on the grid of the earlier image."}
        ] = None,
        registration: Annotated[
            str,
            {
                "widget_type": "ComboBox",
                "choices": [("same frame of reference", "frame"), ("rigid registration", "rigid")],
                "label": "places",
                "tooltip": "Same frame of reference: the patient lay still between the two, as in one examination.\n"
                "Rigid: the images are registered by their mutual information; takes a minute or so.",
            },
        ] = "frame",
    ) -> None:
        """Begin a session of the later image with the objects of the earlier study."""
        with self.telling():
            if later is None:
                raise VolumeError("There is no later image. Open the new study first.")
            segment = self._show_segment().controller
            if segment.runs.running:
                raise VolumeError("A run is under way; stop it first.")
            segment.flush()
            find = self._finder(segment, source, session, earlier, labels_layer, later)
            volume = volume_from_layer(later)

            def steps() -> Steps:
                yield 0, 3
                known = find()
                yield 1, 3
                # Nothing is written if it is cancelled meanwhile.
                made = begin_follow_up(known, volume, "rigid" if registration == "rigid" else "frame")
                yield 3, 3
                return made

            def show(made: tuple[Path, int, int]) -> None:
                path, objects, masks = made
                segment.files.open(str(path))
                count = "1 object" if objects == 1 else f"{objects} objects"
                self.say(
                    f"{count} with {masks} masks on key slices, kept in {path}. They count for nothing yet: look at "
                    "each, then lock it (L) or correct it, and propagate."
                )

            self.work("Registering" if registration == "rigid" else "Carrying over", steps, show)

    def _finder(
        self,
        segment: Any,
        source: str,
        path: Path,
        earlier: Image | None,
        labels: Labels | None,
        later: Image,
    ) -> "Callable[[], VideoSession]":
        """Return what gives the earlier session, in the worker."""
        if source == _FILE:
            if path == Path():
                raise SessionFileError("Choose the session file of the earlier study first.")
            live = segment.selection.open_files().get(path.resolve())
            return lambda: live or session_in(path)
        if earlier is None or labels is None:
            raise VolumeError("Choose the earlier image and its labels; open them first.")
        if earlier is later:
            raise VolumeError("The earlier image and the later one are the same layer.")
        volume, array = labels_on(earlier, labels)
        names, model = label_names(labels), segment.selection.model_cache.choice.name
        return lambda: session_of_labels(volume, array, names, model)

    def _show_source(self, source: str) -> None:
        self._fields.session.visible = source == _FILE
        self._fields.earlier.visible = self._fields.labels_layer.visible = source == _LAYERS
