"""Contrast limits by name: usual windows of CT in Hounsfield units, and percentiles for MR and microscopy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam2.core.intensity import look_like_hu, percentile_limits, sampled_values
from napari_sam2.core.volume import check_volume
from napari_sam2.errors import VolumeError

if TYPE_CHECKING:
    from napari_sam2.core.frames import FrameGrid
    from napari_sam2.core.volume import ImageVolume

_OHIF = "default of the OHIF viewer"
_RADIOPAEDIA = "Radiopaedia, Windowing (CT)"


@dataclass(frozen=True)
class HounsfieldWindow:
    """A window of a CT: its centre and width in HU, and who uses these values."""

    centre: float
    width: float
    source: str

    @property
    def limits(self) -> tuple[float, float]:
        """Return ``(low, high)`` in HU."""
        return self.centre - self.width / 2, self.centre + self.width / 2


@dataclass(frozen=True)
class PercentileWindow:
    """Contrast limits at two percentiles, in per cent, of the voxels above the background."""

    low: float
    high: float
    source: str


# Centres and widths differ somewhat between hospitals and vendors; these are in common use.
PRESETS: dict[str, HounsfieldWindow | PercentileWindow] = {
    "abdomen": HounsfieldWindow(40, 400, _OHIF),
    "lung": HounsfieldWindow(-600, 1500, f"{_OHIF}; {_RADIOPAEDIA}"),
    "brain": HounsfieldWindow(40, 80, f"{_OHIF}; {_RADIOPAEDIA}"),
    "bone": HounsfieldWindow(400, 1800, _RADIOPAEDIA),
    "mediastinum": HounsfieldWindow(50, 350, _RADIOPAEDIA),
    "angiography": HounsfieldWindow(300, 600, "default of Orthanc's Stone Web viewer"),
    "mr": PercentileWindow(1, 99, "ours"),
    "microscopy": PercentileWindow(0.5, 99.9, "ours: few voxels are bright"),
}


def preset_limits(name: str, volume: ImageVolume, grid: FrameGrid) -> tuple[float, float]:
    """Return the contrast limits of a preset for a volume.

    Parameters
    ----------
    name
        One of :data:`PRESETS`.
    volume
        The image; for percentiles, and where nothing says that its values are HU, some of its frames are read.
    grid
        Its frames; the channels that count, all of which get this pair.

    Returns
    -------
    tuple of float
        ``(low, high)`` in the volume's values.

    Raises
    ------
    VolumeError
        If there is no such preset, or it is in HU and the values are not.
    ReadError
        If the image cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sam2.core.frames import FrameGrid
    >>> from napari_sam2.core.volume import ImageVolume
    >>> ct = ImageVolume(np.zeros((4, 8, 9), np.int16), is_hu=True)
    >>> preset_limits("lung", ct, FrameGrid.of(ct))
    (-1350.0, 150.0)
    """
    check_volume(volume)
    preset = PRESETS.get(name)
    if preset is None:
        raise VolumeError(f"There is no preset {name!r}; there are {', '.join(PRESETS)}.")
    if isinstance(preset, PercentileWindow):
        return percentile_limits(sampled_values(volume, grid), preset.low, preset.high)
    # A DICOM file says whether it is in HU; formats that do not are looked at.
    says = volume.source is not None and volume.source.format == "dicom"
    if not volume.is_hu and (says or not look_like_hu(sampled_values(volume, grid))):
        called = f" of {volume.name!r}" if volume.name else ""
        others = ", ".join(n for n, p in PRESETS.items() if isinstance(p, PercentileWindow))
        raise VolumeError(
            f"The preset {name!r} is in Hounsfield units, but nothing says that the values{called} are.\n"
            f"Take {others}, or, if it is a CT, say so: dataclasses.replace(volume, is_hu=True)."
        )
    return preset.limits
