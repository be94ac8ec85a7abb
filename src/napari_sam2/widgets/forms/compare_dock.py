"""The dock *Compare labels*: how well two Labels layers agree, and where they differ."""

# Annotations are not postponed here: magicgui reads them.
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from magicgui import magicgui
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtWidgets import QLabel

from napari_sam2.analysis.differences import DIFFERENCE_NAMES, label_differences
from napari_sam2.analysis.frame_measurements import checked_frame_axis
from napari_sam2.analysis.metrics import compare_frames, compare_labels
from napari_sam2.core.length_unit import LengthUnit
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import NapariSam2Error, VolumeError
from napari_sam2.layers.axis_names import finest
from napari_sam2.layers.geometry import geometry_of
from napari_sam2.layers.label_table import label_names
from napari_sam2.layers.labels_on_image import check_same_grid, volume_of
from napari_sam2.widgets.forms.background import Steps
from napari_sam2.widgets.forms.places import object_colors
from napari_sam2.widgets.forms.tables_dock import TablesDock

if TYPE_CHECKING:
    import napari
    import pandas as pd

# Told apart also by those who see red and green alike (Okabe and Ito 2008, "Color Universal Design").
_COLORS: Mapping[int | None, str] = {1: "#009e73", 2: "#d55e00", 3: "#0072b2", 4: "#cc79a7"}
_OF = "napari_sam2_differences_of"


class CompareDock(TablesDock):
    """Compares two Labels layers, object by object and frame by frame, and shows where they differ.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in, or napari's proxy of it.
    """

    def __init__(self, napari_viewer: "napari.viewer.Viewer") -> None:
        super().__init__(napari_viewer, "comparison")
        self.legend = QLabel(
            " ".join(f'<span style="color:{_COLORS[i]}">■</span> {name}' for i, name in DIFFERENCE_NAMES.items())
        )
        self.legend.setToolTip("The colours of the layer of differences.")
        self.legend.setWordWrap(True)
        self.legend.setVisible(False)
        form = magicgui(self.compare, call_button="Compare")
        self.lay_out(form, self.legend, self.results)
        self.column.setStretchFactor(self.legend, 0)
        form.labels_layer.changed.connect(self._show_unit)
        self._show_unit()

    def compare(
        self,
        labels_layer: Annotated[Labels, {"label": "labels", "tooltip": "The labels that are judged."}],
        truth: Annotated[Labels, {"tooltip": "The labels that they are compared with."}],
        tolerance: Annotated[
            float,
            {"min": 0.0, "max": 1000.0, "step": 0.5, "tooltip": "Surfaces no farther apart agree (surface Dice)."},
        ] = 1.0,
        match: Annotated[
            Literal["number", "overlap"],
            {
                "label": "match by",
                "tooltip": "By number: the same number is the same object. By overlap: pairs with the largest overlap.",
            },
        ] = "number",
        differences: Annotated[
            bool, {"label": "show differences", "tooltip": "Add a layer that shows where the two agree and differ."}
        ] = True,
    ) -> None:
        """Compare two Labels layers."""
        with self.telling():
            if labels_layer is None or truth is None:
                raise VolumeError("There are no labels to compare. Open two Labels layers of the same image.")
            if labels_layer is truth:
                raise VolumeError("A layer cannot be compared with itself. Choose another one as truth.")
            check_same_grid(labels_layer, truth)
            volume = volume_of(labels_layer)
            ours, true = (np.array(finest(layer)).reshape(volume.label_shape) for layer in (labels_layer, truth))
            in_mm = tolerance / LengthUnit.of(volume).affine_factor
            names = label_names(labels_layer), label_names(truth)

            def steps() -> Steps:
                options: dict[str, Any] = {"tolerance_mm": in_mm, "match": match}
                yield 0, 3
                objects = _named(compare_labels(ours, true, volume, **options), names)
                yield 1, 3
                frames = _named(compare_frames(ours, true, volume, **options), names)
                yield 2, 3
                return objects, frames, label_differences(ours, true, volume, match=match) if differences else None

            def show(found: tuple["pd.DataFrame", "pd.DataFrame", Any]) -> None:
                objects, frames, where = found
                self.shown = labels_layer, volume
                colors = object_colors(labels_layer, objects["object"].tolist())
                self.results.show_tables(objects, frames, colors, checked_frame_axis(None, volume))
                if where is not None and labels_layer in self.viewer.layers:
                    self._show_differences(labels_layer, truth, where)
                self.say(_summary(objects, volume))

            self.work(f"Comparing {labels_layer.name} with {truth.name}", steps, show)

    def reset_choices(self, *_: Any) -> None:
        """Offer the layers that the viewer has now, two different ones where there are two."""
        super().reset_choices()
        form = self.form
        if form is None or self._closed:
            return
        first, second = form.labels_layer, form.truth
        others = [layer for layer in second.choices if layer is not first.value]
        if second.value is first.value and others:
            second.value = others[0]

    def _show_differences(self, labels: Labels, truth: Labels, where: Any) -> None:
        shown = next((la for la in self.viewer.layers if la.metadata.get(_OF, lambda: None)() is labels), None)
        if shown is None:
            shown = Labels(where.reshape(finest(labels).shape), opacity=0.7, **geometry_of(labels))
            # A layer that is duplicated copies its metadata, whole layers included.
            shown.metadata[_OF] = weakref.ref(labels)
            table: dict[int | None, str] = {None: "transparent", 0: "transparent"}
            table.update(_COLORS)
            shown.colormap = DirectLabelColormap(color_dict=table)
            shown.features = {"index": [0, *DIFFERENCE_NAMES], "name": ["", *DIFFERENCE_NAMES.values()]}
            self.viewer.add_layer(shown)
        else:
            shown.data = where.reshape(finest(labels).shape)
        shown.name = f"{labels.name} – {truth.name}"
        self.legend.setVisible(True)

    def _show_unit(self, *_: Any) -> None:
        """Write the unit of the tolerance into its field."""
        assert self.form is not None
        layer, unit = self.form.labels_layer.value, ""
        if layer is not None:
            try:
                unit = LengthUnit.of(volume_of(layer)).name
            except NapariSam2Error as error:
                self.say(error.headline)
        self.form.tolerance.native.setSuffix({"um": " µm", "mm": " mm"}.get(unit, ""))


def _named(table: "pd.DataFrame", names: tuple[dict[int, str], dict[int, str]]) -> "pd.DataFrame":
    """Put the names of objects into their table, those of the truth where the labels have none."""
    pairs = zip(table["object"].tolist(), table["truth_object"].tolist(), strict=True)
    table.insert(1, "name", [names[0].get(ours) or names[1].get(true, "") for ours, true in pairs])
    return table


def _summary(objects: "pd.DataFrame", volume: ImageVolume) -> str:
    if not len(objects):
        return "Neither of the two holds an object."
    text = f"{len(objects)} object{'s' * (len(objects) != 1)}, mean Dice {objects['dice'].mean():.3f}."
    if not LengthUnit.of(volume).name:
        text += " The labels have no physical unit: distances and sizes are in units of their spacing."
    return text
