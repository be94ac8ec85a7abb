"""The dock *Measure objects*: sizes, diameters and brightness of the objects of a Labels layer."""

# Annotations are not postponed here: magicgui reads them.
import time
from typing import TYPE_CHECKING, Annotated

import numpy as np
from magicgui import magicgui
from napari.layers import Image, Labels

from napari_sam2.analysis.frame_measurements import checked_frame_axis
from napari_sam2.analysis.measured_labels import MeasuredLabels, MeasurementOptions
from napari_sam2.core.length_unit import LengthUnit
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import VolumeError
from napari_sam2.io.dicom.suv import suv_unit
from napari_sam2.layers.diameter_lines import show_diameters
from napari_sam2.layers.label_table import label_names, set_label_columns
from napari_sam2.layers.labels_on_image import labels_on
from napari_sam2.widgets.forms.background import Steps
from napari_sam2.widgets.forms.places import object_colors, shown_index
from napari_sam2.widgets.forms.tables_dock import TablesDock

if TYPE_CHECKING:
    import napari
    import pandas as pd

# What napari shows of an object under the cursor: all of a layer's table, so it gets no boxes and centroids.
_IN_LAYER = (
    "voxels", "volume", "area", "surface", "feret", "long_axis", "short_axis", "mean_", "sd_", "max_", "median_",
)  # fmt: skip


class MeasureDock(TablesDock):
    """Measures the objects of a Labels layer; after a change, only those that have changed.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in, or napari's proxy of it.
    """

    def __init__(self, napari_viewer: "napari.viewer.Viewer") -> None:
        super().__init__(napari_viewer, "measurements")
        self._measured: MeasuredLabels | None = None
        self._of: tuple[Image, Labels] | None = None
        self.lay_out(magicgui(self.measure, call_button="Measure"), self.results)

    def measure(
        self,
        image: Annotated[Image, {"tooltip": "The image that gives brightness, spacing and units."}],
        labels_layer: Annotated[Labels, {"label": "labels", "tooltip": "The objects, on the grid of the image."}],
        intensity: Annotated[
            bool, {"tooltip": "Mean, deviation and percentiles of the image's values (HU of a CT)."}
        ] = True,
        shape: Annotated[
            bool, {"label": "surface and 3-D diameter", "tooltip": "Take longest; by marching cubes."}
        ] = True,
        diameters: Annotated[
            bool,
            {
                "label": "diameters on the slice",
                "tooltip": "The longest diameter on a slice and the longest across it (RECIST 1.1), drawn as lines.",
            },
        ] = True,
        suv: Annotated[
            bool,
            {
                "label": "brightness as SUV",
                "tooltip": "Of a PET from DICOM: body-weight SUV in g/mL, where its header has all that it takes.",
            },
        ] = False,
    ) -> None:
        """Measure the objects of a Labels layer."""
        with self.telling():
            if image is None:
                raise VolumeError("There is no image. Open the one that the labels belong to.")
            if labels_layer is None:
                raise VolumeError("There are no labels to measure. Segment something, or open labels.")
            volume, labels = labels_on(image, labels_layer)
            at = shown_index(self.viewer, labels_layer, volume, "t")
            names = label_names(labels_layer)

            def steps() -> Steps:
                anew, start = 0, time.monotonic()
                yield 0, 1
                # Reads the headers again.
                unit = suv_unit(volume) if suv and intensity else None
                options = MeasurementOptions(intensity, shape, diameters, unit)
                measured = self._measured_for(image, labels_layer, volume, options)
                for done, total in measured.update(labels, at):
                    anew = total
                    yield done, total
                return measured, measured.objects(names), measured.frames(names), anew, time.monotonic() - start

            def show(found: tuple[MeasuredLabels, "pd.DataFrame", "pd.DataFrame", int, float]) -> None:
                measured, objects, frames, anew, seconds = found
                self._show(labels_layer, measured, objects, frames, at)
                self.say(_summary(volume, len(objects), anew, seconds))

            self.work(f"Measuring {labels_layer.name}", steps, show)

    def _measured_for(
        self, image: Image, labels: Labels, volume: ImageVolume, options: MeasurementOptions
    ) -> MeasuredLabels:
        """Return the measurements so far where image and options are as they were, else none."""
        known = self._measured
        same = (
            known is not None
            and self._of is not None
            and self._of[0] is image
            and self._of[1] is labels
            and known.options == options
            and known.volume.array is volume.array
            and known.volume.axes == volume.axes
            and known.volume.units == volume.units
            and known.volume.spacing == volume.spacing
            and np.array_equal(known.volume.affine, volume.affine)
        )
        if known is None or not same:
            known = MeasuredLabels(volume, options)
        self._measured, self._of = known, (image, labels)
        return known

    def _show(
        self, labels: Labels, measured: MeasuredLabels, objects: "pd.DataFrame", frames: "pd.DataFrame", at: int | None
    ) -> None:
        self.shown = labels, measured.volume
        colors = object_colors(labels, objects["object"].tolist())
        self.results.show_tables(objects, frames, colors, checked_frame_axis(None, measured.volume))
        if labels not in self.viewer.layers:
            return
        told = [c for c in objects.columns if c == "object" or str(c).startswith(_IN_LAYER)]
        set_label_columns(labels, objects[told])
        show_diameters(self.viewer, labels, measured.volume, measured.diameters(), at)
        self.viewer.layers.selection.active = labels


def _summary(volume: ImageVolume, count: int, anew: int, seconds: float) -> str:
    if not count:
        return "The labels hold no object."
    objects = "1 object" if count == 1 else f"{count} objects"
    text = f"{objects}, {'none' if not anew else 'all' if anew == count else anew} measured anew, in {seconds:.1f} s."
    if not LengthUnit.of(volume).name:
        text += " The image has no physical unit: lengths, areas and volumes are in units of its spacing."
    return text
