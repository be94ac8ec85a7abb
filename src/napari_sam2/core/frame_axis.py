"""The axis along which a volume is followed where nobody says it, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from napari_sam2.core.units import short_unit

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari_sam2.core.volume import ImageVolume

_SCANNERS = ("CT", "MR", "PT")
_PATIENT_FORMATS = ("nifti", "itk")
# A difference below 1 % is rounding of a header, not anisotropy.
_ROUNDING = 1.01


class FrameAxis(NamedTuple):
    """An axis letter, None for a 2-D image; and why it was chosen, in words that follow "along z:"."""

    axis: str | None
    reason: str


def default_frame_axis(volume: ImageVolume, fixed: Collection[str] = ()) -> FrameAxis:
    """Choose the axis along which a volume is a video: time, else the coarsest spacing, else the first axis.

    Three spatial axes go before time in a 4-D CT, MR or PET, whose time points are seldom what is followed, and where
    the file does not say that ``"t"`` is time (it may be MR sequences, b-values or echoes).

    Parameters
    ----------
    volume
        The image; its channels are no frames.
    fixed
        Axes of which one index is taken.

    Returns
    -------
    FrameAxis
        The letter and the reason.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sam2.core.volume import ImageVolume
    >>> default_frame_axis(ImageVolume(np.zeros((4, 8, 9)), spacing=(5, 1, 1), units="mm"))
    FrameAxis(axis='z', reason='coarsest spacing, 5 mm')
    """
    free = [a for a in volume.label_axes if a not in fixed]
    if len(free) <= 2:
        return FrameAxis(None, "a single image")
    if "t" not in free:
        return _by_spacing(volume, free)
    if len(free) == 3:
        declared = volume.is_time_declared
        return FrameAxis("t", "time is declared" if declared else "the only axis outside the picture")
    spatial = _by_spacing(volume, [a for a in free if a != "t"])
    if not volume.is_time_declared:
        return FrameAxis(spatial.axis, f"{spatial.reason}; the file does not say that t is time")
    if _is_scan(volume):
        return FrameAxis(spatial.axis, f"{spatial.reason}; slices go before time in 4-D CT and MR")
    return FrameAxis("t", "time is declared")


def undeclared_time_note(length: int) -> str:
    """Return the note for an axis ``"t"`` of this length of which its file does not say that it is time."""
    return (
        f"the file does not say what its fourth axis ({length} long) is; it is called t, but not taken for time: the "
        "default is to propagate along a spatial axis"
    )


def _by_spacing(volume: ImageVolume, axes: list[str]) -> FrameAxis:
    steps = {a: volume.spacing_of(a) for a in axes}
    coarsest = max(axes, key=lambda a: (steps[a], -axes.index(a)))
    if steps[coarsest] <= min(steps.values()) * _ROUNDING:
        return FrameAxis(axes[0], "first axis, as the spacing is the same along all")
    unit = f" {short_unit(volume.units)}" if volume.units and volume.units != "pixel" else ""
    return FrameAxis(coarsest, f"coarsest spacing, {steps[coarsest]:.3g}{unit}")


def _is_scan(volume: ImageVolume) -> bool:
    """Tell whether an image is a CT, MR or PET, as far as its file says so."""
    source = volume.source
    if volume.is_hu or source is None:
        return volume.is_hu
    if source.format == "dicom":
        return source.header.get("modality") in _SCANNERS
    # These formats do not name the modality; microscopes write them in micrometres.
    return source.format in _PATIENT_FORMATS and volume.units == "mm"
