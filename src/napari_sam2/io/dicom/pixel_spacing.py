"""The size of a pixel, and what kind of size it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam2.io.dicom.elements import floats_of, items_of, number_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from napari_sam2.io.dicom.frame import Frame


@dataclass(frozen=True)
class PixelSize:
    """Distance between rows and between columns.

    `spacing` is in mm, None where the header tells no length; `shape` is the same in units of the width of a pixel,
    from the proportion alone where there is no length. `note` says what the user should know of it.
    """

    spacing: tuple[float, float] | None
    shape: tuple[float, float] = (1.0, 1.0)
    note: str = ""

    @property
    def steps(self) -> tuple[float, float]:
        """Distance between rows and columns, in mm or, without a length, in pixels."""
        return self.spacing or self.shape


def pixel_size(frame: Frame) -> PixelSize:
    """Return the size of a frame's pixels: in the patient, else on the detector or the scanned film, else the shape."""
    in_patient = _pair(frame, "PixelSpacing") or _ultrasound(frame.dataset)
    if in_patient is not None:
        return PixelSize(in_patient)
    on_detector = _pair(frame, "ImagerPixelSpacing")
    if on_detector is not None:
        note = "the pixel spacing is the detector's; in the body it is smaller by the magnification"
        return PixelSize(on_detector, note=note)
    on_film = _pair(frame, "NominalScannedPixelSpacing")
    if on_film is not None:
        return PixelSize(on_film, note="the pixel spacing is that of the scanned film, not of the body")
    ratio = _pair(frame, "PixelAspectRatio")
    if ratio is None or ratio[0] == ratio[1]:
        return PixelSize(None)
    note = f"only the proportion of the pixels is known: {ratio[0]:g} high to {ratio[1]:g} wide"
    return PixelSize(None, (ratio[0] / ratio[1], 1.0), note)


def _pair(frame: Frame, keyword: str) -> tuple[float, float] | None:
    values = floats_of(frame, keyword, 2)
    return (values[0], values[1]) if values is not None and min(values) > 0 else None


def _ultrasound(ds: Dataset) -> tuple[float, float] | None:
    """Return millimetres between rows and columns of an ultrasound picture, where its tissue regions agree in them."""
    # 3 is the centimetre, 1 a picture of tissue (others are curves of motion or flow).
    tissue = [
        r
        for r in items_of(ds, "SequenceOfUltrasoundRegions")
        if r.get("RegionSpatialFormat") == 1 and r.get("PhysicalUnitsXDirection") == 3
    ]
    deltas = {(number_of(r, "PhysicalDeltaY"), number_of(r, "PhysicalDeltaX")) for r in tissue}
    if len(deltas) != 1:
        return None
    rows, columns = deltas.pop()
    return (abs(rows) * 10, abs(columns) * 10) if rows and columns else None
