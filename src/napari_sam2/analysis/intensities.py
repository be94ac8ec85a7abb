"""Statistics of the image's values in each object, read slab by slab."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from napari_sam2.core.intensity_unit import IntensityUnit
    from napari_sam2.core.volume import ImageVolume

PERCENTILES: Mapping[str, float] = {"p05": 5.0, "p25": 25.0, "median": 50.0, "p75": 75.0, "p95": 95.0}
STATISTICS = ("mean", "sd", "max", *PERCENTILES)


def image_slab(volume: ImageVolume, first: int) -> NDArray[Any]:
    """Return the image at one index of the labels' first axis, channels first."""
    index: list[Any] = [slice(None)] * volume.ndim
    index[volume.axes.index(volume.label_axes[0])] = first
    slab = volume.parts[tuple(index)]
    if "c" not in volume.axes:
        return slab[None]
    left = volume.axes.replace(volume.label_axes[0], "")
    return np.moveaxis(slab, left.index("c"), 0)


def channel_count(volume: ImageVolume) -> int:
    """Return the number of channels; 1 without a channel axis."""
    return volume.size_of("c") if "c" in volume.axes else 1


def intensity_columns(values: NDArray[Any], volume: ImageVolume) -> dict[str, float]:
    """Summarise the values of one object.

    Parameters
    ----------
    values
        (channels, n); NaN and infinities are left out.
    volume
        Gives the channels.

    Returns
    -------
    dict
        ``mean_intensity``, ``sd_intensity`` (of the population), ``max_intensity``, ``p05_intensity``, ``p25_…``,
        ``median_…``, ``p75_…`` and ``p95_…`` by linear interpolation, in the image's values. Where there are channels,
        the names end in the channel's index. NaN where there is no value.
    """
    columns: dict[str, float] = {}
    for channel, own in enumerate(values):
        finite = own[np.isfinite(own)].astype(np.float64)
        suffix = f"_{channel}" if "c" in volume.axes else ""
        if finite.size:
            found = [finite.mean(), finite.std(), finite.max(), *np.percentile(finite, list(PERCENTILES.values()))]
        else:
            found = [np.nan] * len(STATISTICS)
        columns.update({f"{name}_intensity{suffix}": float(v) for name, v in zip(STATISTICS, found, strict=True)})
    return columns


def with_intensity_unit(table: pd.DataFrame, volume: ImageVolume, unit: IntensityUnit | None = None) -> pd.DataFrame:
    """Bring the intensity columns of a table to a unit, and note it in ``attrs["units"]``.

    Parameters
    ----------
    table
        In the values of the image; it is changed.
    volume
        The image.
    unit
        Default: that of the image, where it is known (HU of a CT).
    """
    columns = [column for column in table.columns if "_intensity" in str(column)]
    if unit is not None and columns:
        table[columns] = table[columns] * unit.factor
    name = unit.name if unit is not None else "HU" if volume.is_hu else ""
    if name:
        table.attrs["units"] = dict.fromkeys(columns, name)
    return table
