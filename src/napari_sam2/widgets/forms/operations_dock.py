"""The dock *Change masks*: an operation on objects of a Labels layer, looked at before it is applied."""

# Annotations are not postponed here: magicgui reads them.
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from magicgui import magicgui
from magicgui.widgets import FunctionGui
from napari.layers import Image, Labels
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_sam2.analysis.mask_operations import OPERATIONS, find_operation
from napari_sam2.core.length_unit import LengthUnit
from napari_sam2.errors import VolumeError
from napari_sam2.layers.axis_names import finest
from napari_sam2.layers.geometry import geometry_of
from napari_sam2.layers.image import grid_shape, volume_from_layer
from napari_sam2.layers.mask_target import MaskTarget, is_claimed, is_solid, objects_in, stack_spacing, target_of
from napari_sam2.widgets.forms.form_dock import FormDock
from napari_sam2.widgets.forms.operation_form import FormContext, operation_form
from napari_sam2.widgets.forms.places import shown_index
from napari_sam2.widgets.views.common import button, row

if TYPE_CHECKING:
    import napari

# After the last stroke of a brush, the list of objects is read anew.
_PAUSE_MS = 400
_LIST_HEIGHT = 110


class OperationsDock(FormDock):
    """Changes objects of a Labels layer by an operation; a preview shows the outlines before anything changes.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in, or napari's proxy of it.
    """

    def __init__(self, napari_viewer: "napari.viewer.Viewer") -> None:
        super().__init__(napari_viewer)
        self.preview_layer: Labels | None = None
        self.values: FunctionGui | None = None
        self._watched: Labels | None = None
        self._there: dict[int, str] = {}
        self._layers_before: list[Any] = []
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_PAUSE_MS)
        self._later.timeout.connect(self._list_objects)
        self._place = QWidget()
        QVBoxLayout(self._place).setContentsMargins(0, 0, 0, 0)
        self.preview_button = button("Preview", "Show the outlines that the objects would have.", self.preview)
        self.apply_button = button("Apply", "Change the objects; one undo (Ctrl+Z) takes it back.", self.apply)
        self.drop_button = button("Drop preview", "Take the preview away; nothing was changed.", self.drop_preview)
        self.choice = magicgui(self.choose, call_button=False)
        # A list asks for more room than the dock should take from the picture.
        self.choice.objects.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.choice.objects.native.setFixedHeight(_LIST_HEIGHT)
        self.lay_out(self.choice)
        self.column.insertWidget(1, self._place)
        self.column.insertLayout(2, row(self.preview_button, self.apply_button, self.drop_button))
        self.column.addStretch(1)
        self.choice.labels_layer.changed.connect(self._follow_layer)
        self.choice.operation.changed.connect(self._show_values)
        self.choice.all_objects.changed.connect(self._show_which)
        self.choice.objects.changed.connect(self.drop_preview)
        self.drop_button.setEnabled(False)
        self._follow_layer()

    def choose(
        self,
        labels_layer: Annotated[Labels, {"label": "labels", "tooltip": "The layer whose objects are changed."}],
        all_objects: Annotated[
            bool, {"label": "all objects", "tooltip": "Every object of the layer, one by one."}
        ] = False,
        objects: Annotated[
            list[int],
            {
                "widget_type": "Select",
                "choices": lambda gui: [],
                "tooltip": "The objects that are changed, one or several. The label selected in the layer is taken.",
            },
        ] = (),  # type: ignore[assignment]
        operation: Annotated[
            str,
            {
                "widget_type": "ComboBox",
                "choices": [(each.title, name) for name, each in OPERATIONS.items()],
                "tooltip": "What is done to each of the objects.",
            },
        ] = "largest",
    ) -> None:
        """Choose what is changed; the buttons do it."""

    def preview(self) -> None:
        """Show what the layer would hold, as outlines in a layer of its own."""
        self.drop_preview()
        with self.telling():
            layer, target, name, objects, values = self._request()
            title = find_operation(name).title

            def show(after: Any) -> None:
                if layer not in self.viewer.layers:
                    return
                untouched = [i for i in target.objects() if i not in objects]
                outlined = np.where(np.isin(after, untouched), 0, after)
                shown = Labels(outlined, name=f"preview: {title}", opacity=1.0, **geometry_of(layer))
                shown.colormap = layer.colormap
                shown.contour = 2
                shown.editable = False
                # Before it is added: it is none of the layers that the form offers something of.
                self.preview_layer = shown
                self.viewer.add_layer(shown)
                self.viewer.layers.selection.active = layer
                self.drop_button.setEnabled(True)
                count = int(np.count_nonzero(after != np.asarray(finest(layer))))
                self.say(f"{_count(count).capitalize()} would change. Apply, or drop the preview.")

            steps = target.preview(name, objects, values)
            self.work(title, lambda: steps, show)

    def apply(self) -> None:
        """Change the objects, as one undo."""
        with self.telling():
            layer, target, name, objects, values = self._request()
            title = find_operation(name).title

            def commit(change: Any) -> None:
                self.drop_preview()
                count = change()
                self._list_objects()
                undo = f" Undo (Ctrl+Z) in the layer {layer.name} takes it back." if count else ""
                self.say(f"{title}: {_count(count)} changed.{undo}")

            steps = target.apply(name, objects, values)
            self.work(title, lambda: steps, commit)

    def drop_preview(self, *_: Any) -> None:
        """Take the preview away."""
        layer, self.preview_layer = self.preview_layer, None
        if layer is not None and layer in self.viewer.layers:
            active = self.viewer.layers.selection.active
            self.viewer.layers.remove(layer)
            if active is not None and active is not layer:
                self.viewer.layers.selection.active = active
            self.say("")
        self.drop_button.setEnabled(False)

    def reset_choices(self, *_: Any) -> None:
        """Offer the layers that the viewer has now, but not the preview."""
        if self.form is None or self._closed:
            return
        chosen = list(self.choice.objects.value)
        with self.choice.objects.changed.blocked():
            # Objects are no layers: this empties their list.
            super().reset_choices()
        self._offer(chosen)
        if self._layers() != self._layers_before:
            self._show_values()
        if self.preview_layer is not None and self.preview_layer not in self.viewer.layers:
            self.drop_preview()

    def close_down(self) -> None:
        """Take the preview away, and let go of the layer."""
        super().close_down()
        self._later.stop()
        self._watch(None)
        self.drop_preview()

    def _request(self) -> tuple[Labels, MaskTarget, str, list[int], dict[str, Any]]:
        layer = self.choice.labels_layer.value
        if layer is None:
            raise VolumeError("There are no labels to change. Segment something, or open labels.")
        target = target_of(layer)
        there = target.objects()
        objects = list(there) if self.choice.all_objects.value else [i for i in self.choice.objects.value if i in there]
        if not there:
            raise VolumeError(f"The labels {layer.name!r} hold no object.")
        if not objects:
            raise VolumeError("No object is chosen. Choose one or several in the list, or all.")
        if self.values is None:
            # Their image was not the one that is segmented when the operation was chosen.
            self._make_values(layer)
        assert self.values is not None
        name = self.choice.operation.value
        values = self.values()
        for parameter in find_operation(name).parameters:
            if parameter.kind == "mask" and values[parameter.name] is None:
                raise VolumeError("There is no other object to combine with, in this layer or another one on its grid.")
            if parameter.kind == "image":
                image = values[parameter.name]
                if image is None:
                    raise VolumeError(f"There is no image on the grid of the labels {layer.name!r}. Open it first.")
                # Somebody else than the layer has the values already.
                values[parameter.name] = _values_of(image, target) if target.image is None else image
        return layer, target, name, objects, values

    def _follow_layer(self, *_: Any) -> None:
        self.drop_preview()
        self._watch(self.choice.labels_layer.value)
        self._list_objects()
        self._show_values()

    def _watch(self, layer: Labels | None) -> None:
        for watched, connect in ((self._watched, False), (layer, True)):
            if watched is not None:
                for emitter, callback in (
                    (watched.events.paint, self._list_soon),
                    (watched.events.data, self._list_soon),
                    (watched.events.selected_label, self._take_selected),
                    (watched.events.features, self._list_soon),
                    (watched.events.set_data, self._list_drawn),
                ):
                    (emitter.connect if connect else emitter.disconnect)(callback)
        self._watched = layer

    def _list_soon(self, *_: Any) -> None:
        self._later.start()

    def _list_drawn(self, *_: Any) -> None:
        """List anew what somebody else drew into the layer, who knows its objects without reading it."""
        if self._watched is not None and is_claimed(self._watched):
            self._later.start()

    def _list_objects(self) -> None:
        """Offer the objects that the layer holds now; those that are chosen stay chosen."""
        layer = self.choice.labels_layer.value
        chosen = list(self.choice.objects.value)
        there: dict[int, str] = {}
        if layer is not None:
            with self.telling():
                there = target_of(layer).objects()
        changed = there != self._there
        self._there = there
        self._offer(chosen)
        if changed:
            self._show_values()

    def _offer(self, chosen: list[int]) -> None:
        """Offer the objects that are known, without that counting as a choice of the user."""
        with self.choice.objects.changed.blocked():
            # Emptied first: the text of an entry that stays would stay too.
            self.choice.objects.choices = ()
            self.choice.objects.choices = [(f"{i} {name}".strip(), i) for i, name in self._there.items()]
            self.choice.objects.value = [i for i in chosen if i in self._there]
            if not self.choice.objects.value:
                self._take_selected()

    def _take_selected(self, *_: Any) -> None:
        """Choose the object whose label is selected in the layer."""
        layer = self.choice.labels_layer.value
        if layer is not None and int(layer.selected_label) in self.choice.objects.choices:
            self.choice.objects.value = [int(layer.selected_label)]

    def _show_which(self, *_: Any) -> None:
        self.choice.objects.enabled = not self.choice.all_objects.value
        self.drop_preview()

    def _show_values(self, *_: Any) -> None:
        """Put the fields of the chosen operation into their place; what was entered in fields that stay is kept."""
        self.drop_preview()
        self._layers_before = self._layers()
        old = self.values
        if old is not None:
            self._place.layout().removeWidget(old.native)
            old.native.setParent(None)
            self.values = None
        layer = self.choice.labels_layer.value
        if layer is not None:
            with self.telling():
                self._make_values(layer, old)

    def _make_values(self, layer: Labels, old: FunctionGui | None = None) -> None:
        operation = find_operation(self.choice.operation.value)
        self.values = operation_form(operation, self._context(layer))
        if old is not None and old.name == operation.name:
            _copy_values(old, self.values)
        self._place.layout().addWidget(self.values.native)
        self.values.changed.connect(self.drop_preview)

    def _layers(self) -> list[Any]:
        """List the layers that an operation may take something from."""
        return [la for la in self.viewer.layers if isinstance(la, Image | Labels) and la is not self.preview_layer]

    def _context(self, layer: Labels) -> FormContext:
        target = target_of(layer)
        volume, axis, image = target.volume, target.axis, target.image
        images = [la for la in self.viewer.layers if isinstance(la, Image) and _fits(la, layer)]
        labels = [la for la in self._layers() if isinstance(la, Labels) and finest(la).shape == finest(layer).shape]
        if image is not None:
            images, labels = [image], [layer]
        # Reading which objects there are takes a while in large layers.
        asked = any(p.kind == "mask" for p in find_operation(self.choice.operation.value).parameters)
        others = [
            (f"{la.name}: {i} {name}".strip(), (la, i))
            for la in (labels if asked else [])
            for i, name in (target.objects() if la is layer else objects_in(la)).items()
        ]
        sizes = [volume.size_of(a) for a in volume.spatial_axes if a != axis]
        return FormContext(
            unit={"um": "µm"}.get(LengthUnit.of(volume).name, LengthUnit.of(volume).name),
            spacing=stack_spacing(volume, axis),
            shape=(1 if axis is None else volume.size_of(axis), sizes[0], sizes[1]),
            is_solid=is_solid(volume, axis),
            shown=shown_index(self.viewer, layer, volume, axis) or 0,
            others=tuple(others),
            images=tuple((image.name, image) for image in images),
            limits=tuple(images[0].contrast_limits) if images else (0.0, 1.0),
            value_unit="HU" if images and volume_from_layer(images[0]).is_hu else "",
        )


def _copy_values(old: FunctionGui, new: FunctionGui) -> None:
    for widget in old:
        choices = getattr(new[widget.name], "choices", None)
        if widget.value is not None and (choices is None or widget.value in choices):
            new[widget.name].value = widget.value


def _fits(image: Image, labels: Labels) -> bool:
    """Whether an image has one value for each voxel of a Labels layer."""
    return (
        not image.rgb and image.ndim == labels.ndim and grid_shape(image) == finest(image).shape == finest(labels).shape
    )


def _values_of(image: Image, target: MaskTarget) -> Any:
    return np.asarray(finest(image)).reshape(target.volume.label_shape)


def _count(voxels: int) -> str:
    return f"{voxels:,} voxel{'s' * (voxels != 1)}" if voxels else "no voxel"
