"""What follows where the image that is worked on changes: its values, its place, its axes, or its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from napari_sam2.layers.axis_names import layer_axes
from napari_sam2.widgets.controllers.source_display import ImageWatch, new_axes_text

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_sam2.layers.layer_group import LayerGroup
    from napari_sam2.widgets.controllers.image_work import ImageWork


class CurrentImage(Protocol):
    """The image that is worked on, and what is to be done where it changes."""

    viewer: ViewerModel
    image: Image | None
    message: Any

    @property
    def layer_group(self) -> LayerGroup | None:
        """Return the layers of the image."""

    def choose_anew(self, image: Image) -> None:
        """Work on it as on one that nobody worked on."""

    def look_anew(self) -> None:
        """Show it as it is now."""

    def show_moved(self) -> None:
        """Show it where, and as large as, it is now."""

    def tell_contrast(self) -> None:
        """Show, and tell, its contrast limits."""

    def refresh_images(self) -> None:
        """Offer the images of the viewer."""


class ImageChanges:
    """Watches the current image, and lets its work begin anew where nothing of it holds any more.

    Parameters
    ----------
    selection
        Knows the current image.
    work
        Its sessions.
    """

    def __init__(self, selection: CurrentImage, work: ImageWork) -> None:
        self._selection, self._work = selection, work
        # Methods: napari holds them weakly.
        self._watch = ImageWatch(self._on_contrast, self._on_data, self._on_name, self._on_moved)

    def follow(self, image: Image | None) -> None:
        """Watch an image, and no longer the one before; None: none."""
        self._watch.follow(image)

    def _on_contrast(self, event: Any = None) -> None:
        self._selection.tell_contrast()

    def _on_data(self, event: Any = None) -> None:
        selection = self._selection
        image, layer_group = selection.image, selection.layer_group
        if image is None or layer_group is None:
            return
        # Other values under the same name: nothing that was computed holds any more, and no session has those masks.
        self._work.begin_anew(image)
        what = "other values" if layer_group.fits() else "another shape"
        old = self._leave_labels(layer_group)
        if layer_group.ndim != image.ndim:
            # Marks of three axes have no place in a picture of two.
            selection.choose_anew(image)
        else:
            selection.look_anew()
        if old:
            selection.message.emit(f"The image has {what} now; the labels made before are kept in the layer {old!r}.")

    def _on_moved(self, event: Any = None) -> None:
        """Measure, and save, with the spacing and the place that the image has now."""
        selection = self._selection
        image, layer_group = selection.image, selection.layer_group
        if image is None:
            return
        if layer_group is None or layer_axes(image) == layer_group.letters:
            self._work.measure_anew(image)
            selection.show_moved()
            return
        # Its axes are others now; what was done before has no place on them.
        old = self._leave_labels(layer_group)
        selection.choose_anew(image)
        if old:
            selection.message.emit(new_axes_text(image, old))

    def _leave_labels(self, layer_group: LayerGroup) -> str:
        """Leave the labels layer to the user; return its name, empty where none is in the viewer."""
        if layer_group.labels is None:
            return ""
        shown = layer_group.labels in self._selection.viewer.layers
        name = layer_group.leave_labels()
        return name if shown else ""

    def _on_name(self, event: Any = None) -> None:
        self._selection.refresh_images()
