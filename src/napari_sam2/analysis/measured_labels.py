"""All measurements of a label image, kept up to date: only what has changed is measured anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.analysis.changes import object_digests
from napari_sam2.analysis.diameters import Diameters, measure_diameters
from napari_sam2.analysis.frame_measurements import measure_frames
from napari_sam2.analysis.measurements import measure_objects
from napari_sam2.core.length_unit import LengthUnit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pandas as pd

    from napari_sam2.core.intensity_unit import IntensityUnit
    from napari_sam2.core.volume import ImageVolume

# A call of the measurements reads the labels once; so many calls give a progress that moves, and cost little.
_MOST_PARTS = 10


@dataclass(frozen=True)
class MeasurementOptions:
    """What is measured.

    Parameters
    ----------
    intensity
        Statistics of the image's values.
    shape
        Surface and 3-D diameter, which take longest.
    diameters
        Long and short axis on a slice, as RECIST 1.1 reads them.
    unit
        Unit of the statistics; None: the image's own.
    """

    intensity: bool = True
    shape: bool = True
    diameters: bool = True
    unit: IntensityUnit | None = None


@dataclass(eq=False)
class _Measured:
    digest: bytes
    row: pd.DataFrame
    frames: pd.DataFrame
    diameters: dict[int | None, Diameters | None] = field(default_factory=dict)


@dataclass(eq=False)
class MeasuredLabels:
    """The measurements of the objects of a label image.

    Parameters
    ----------
    volume
        The image that the labels belong to.
    options
        What is measured.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sam2.core.volume import ImageVolume
    >>> volume = ImageVolume(np.zeros((2, 9, 9)), spacing=(5.0, 1.0, 1.0), units="mm")
    >>> labels = np.zeros((2, 9, 9), dtype=np.uint8)
    >>> labels[0, 2:5, 1:8] = 1
    >>> measured = MeasuredLabels(volume)
    >>> list(measured.update(labels))
    [(0, 1), (1, 1)]
    >>> measured.objects()[["object", "volume_ml", "short_axis_mm"]].round(3).values.tolist()
    [[1.0, 0.105, 3.12]]
    >>> list(measured.update(labels))
    [(0, 0)]
    """

    volume: ImageVolume
    options: MeasurementOptions = MeasurementOptions()
    _known: dict[int, _Measured] = field(default_factory=dict, repr=False)
    _at: int | None = field(default=None, repr=False)

    def update(self, labels: Any, at: int | None = None) -> Iterator[tuple[int, int]]:
        """Measure the objects that are new or have changed since the last call, and forget those that are gone.

        Parameters
        ----------
        labels
            Whole numbers on the volume's grid without channels, 0 is the background.
        at
            The time point at which diameters of a time series are measured; without it there are none.

        Yields
        ------
        tuple of int
            How many objects are measured, and how many have to be; what was measured is kept if the caller stops here.

        Raises
        ------
        VolumeError
            If the labels do not fit the volume.
        """
        digests = object_digests(labels, self.volume)
        self._at = at if "t" in self.volume.label_axes else None
        self._known = {i: m for i, m in self._known.items() if i in digests}
        changed = [i for i, digest in digests.items() if i not in self._known or self._known[i].digest != digest]
        done = 0
        yield done, len(changed)
        for part in np.array_split(np.array(changed, dtype=int), max(1, min(len(changed), _MOST_PARTS))):
            ids = part.tolist()
            if ids:
                self._measure(labels, ids, digests)
                done += len(ids)
                yield done, len(changed)
        # Those that have not changed, where another time point is shown now.
        self._measure_diameters(labels, digests)

    def objects(self, names: Mapping[int, str] | None = None) -> pd.DataFrame:
        """Return a row for each object, as of :func:`measure_objects`: size, diameters, intensity, then its place.

        ``long_axis_mm`` and ``short_axis_mm`` (``_um``, or without a suffix) lie on ``slice`` along ``slice_axis``. In
        a time series they are those at the time point of the last update, and missing where the object is not there.

        Parameters
        ----------
        names
            Names of the objects.
        """
        import pandas as pd

        rows = [self._known[i].row for i in sorted(self._known)]
        table = self._joined(rows, measure_objects, names, shape=self.options.shape)
        if self.options.diameters:
            unit = LengthUnit.of(self.volume)
            found = [self._known[i].diameters.get(self._at) for i in table["object"].tolist()]
            table[unit.column("long_axis")] = [np.nan if d is None else d.long.length for d in found]
            table[unit.column("short_axis")] = [np.nan if d is None else d.short.length for d in found]
            table["slice_axis"] = ["" if d is None or d.slice_axis is None else d.slice_axis for d in found]
            table["slice"] = pd.array([None if d is None else d.slice_index for d in found], dtype="Int64")
        return table[sorted(table.columns, key=_rank)]

    def frames(self, names: Mapping[int, str] | None = None) -> pd.DataFrame:
        """Return a row for each object and frame, as of :func:`measure_frames`.

        Parameters
        ----------
        names
            Names of the objects.
        """
        return self._joined([self._known[i].frames for i in sorted(self._known)], measure_frames, names)

    def diameters(self) -> list[Diameters]:
        """List the diameters of the objects, at the time point of the last update."""
        found = [self._known[i].diameters.get(self._at) for i in sorted(self._known)]
        return [d for d in found if d is not None]

    def _measure(self, labels: Any, ids: list[int], digests: Mapping[int, bytes]) -> None:
        asked: dict[str, Any] = {"intensity": self.options.intensity, "unit": self.options.unit, "objects": ids}
        rows = measure_objects(labels, self.volume, shape=self.options.shape, **asked)
        frames = measure_frames(labels, self.volume, **asked)
        for obj_id in ids:
            self._known[obj_id] = _Measured(
                digests[obj_id], rows[rows["object"] == obj_id], frames[frames["object"] == obj_id]
            )
        self._measure_diameters(labels, ids)

    def _measure_diameters(self, labels: Any, ids: Iterable[int]) -> None:
        if not self.options.diameters or (self._at is None and "t" in self.volume.label_axes):
            return
        for obj_id in ids:
            known = self._known[obj_id]
            if self._at not in known.diameters:
                there = self._at is None or self._at in known.frames["frame"].tolist()
                at = None if self._at is None else {"t": self._at}
                known.diameters[self._at] = measure_diameters(labels, self.volume, obj_id, at=at) if there else None

    def _joined(
        self, parts: list[pd.DataFrame], measure: Any, names: Mapping[int, str] | None, **asked: Any
    ) -> pd.DataFrame:
        import pandas as pd

        # Nothing measured still has the columns and their units.
        nothing = np.zeros(self.volume.label_shape, dtype=np.uint8)
        empty = measure(nothing, self.volume, intensity=self.options.intensity, unit=self.options.unit, **asked)
        table = pd.concat(parts, ignore_index=True) if parts else empty
        table.attrs = dict((parts or [empty])[0].attrs)
        if names:
            table["name"] = [names.get(i, "") for i in table["object"].tolist()]
        return table


def _rank(column: Any) -> int:
    """Return where a column stands: what an object is, how large, how long, how bright, and where."""
    starts = (("object", "name"), ("voxels", "volume", "area", "surface", "feret"), ("long_", "short_", "slice"))
    ranks = [i for i, names in enumerate(starts) if column.startswith(names)]
    return ranks[0] if ranks else len(starts) + (not ("_intensity" in column or column == "frames"))
