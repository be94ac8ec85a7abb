"""ImageVolume: an array together with its axes, spacing, units, affine and origin (frozen)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.arguments import check_window, checked_affine, numbers
from napari_sam2.core.arrays import Parts
from napari_sam2.core.units import millimetres_per_unit
from napari_sam2.errors import VolumeError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

AXIS_LETTERS = "tzyxc"
SPATIAL_LETTERS = "zyx"

# A spacing and an affine given together must agree; headers round to about three digits.
_SPACING_TOLERANCE = 0.01


@dataclass(frozen=True)
class VolumeSource:
    """Where a volume came from, and what a writer needs to put labels back on the file's own grid.

    Parameters
    ----------
    paths
        The files that made the volume; for a DICOM series in slice order (for time series, time first).
    format
        ``"dicom"``, ``"nifti"`` (FreeSurfer and Analyze too), ``"itk"`` (NRRD, MetaImage), ``"tiff"``, ``"zarr"``
        or ``""``.
    series_uid
        SeriesInstanceUID of a DICOM series; None elsewhere.
    header
        Format-specific. NIfTI: ``header`` (nibabel), ``affine`` (4x4, file index (i, j, k) → RAS mm), ``shape``
        (of the file) and ``orientation`` (how the file was turned). ITK: ``origin``, ``spacing``, ``direction`` (LPS
        mm, ITK's order), ``shape``, ``ndim``, ``orientation``, ``nrrd_lines`` (the text of an NRRD header), ``unit``,
        ``interval`` and the factors that bring the space (``world_factors``) and the axes (``axis_factors``) to it.
        DICOM: ``modality``, ``description``, ``study_uid``, ``frame_of_reference_uid``, ``sop_class_uids``,
        ``sop_instance_uids``, ``frames`` (index in the file) and ``positions`` (in the order of `paths`),
        ``orientation``, ``slice_thickness`` (mm), ``is_mosaic``. TIFF: ``axes`` (tifffile's letters). OME-Zarr:
        ``axes`` (the file's letters) and ``version``.
    skipped
        ``(name, reason)`` of each file of the folder that was not read.
    notes
        Sentences about everything that was assumed, for the user to see.
    opened
        What the user opened: a folder, an archive, a file; to be opened again later.
    """

    paths: tuple[Path, ...] = ()
    format: str = ""
    series_uid: str | None = None
    header: Mapping[str, Any] = field(default_factory=dict)
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    opened: Path | None = None


@dataclass(frozen=True, eq=False)
class ImageVolume:
    """An image of two to five axes and what is known about its place in space.

    Parameters
    ----------
    array
        Anything that slices: NumPy, dask, zarr, memmap; numbers, not complex and not structured.
    axes
        One letter per array axis out of ``"tzyxc"``, each once; ``y`` and ``x`` must be there.
    spacing
        Distance of voxel centres in `units`, in array order: one value per spatial axis, or one for each
        spatial axis and time (the frame interval). Default: from `affine`, else 1.
    units
        Unit of the spacing, e.g. ``"mm"`` or ``"micrometer"``; None where the image has no physical size.
    affine
        4x4, index (z, y, x, 1) → patient LPS millimetres (x, y, z, 1), whatever the order of the array's
        axes. Default: diagonal, from the spacing.
    source
        Where the volume came from.
    window
        ``(low, high)`` in the array's values, from the file where it has one.
    is_hu
        True if the values are Hounsfield units.
    padding_value
        Value of the voxels outside the field of view, in the array's values.
    name
        Short name for layers and tables.
    levels
        Smaller levels of a multiscale image, the next finest first, of the same axes: models that see a large plane
        squeezed read them instead of it. Labels are on the grid of `array` all the same.
    is_time_declared
        False where a file does not say that ``"t"`` is time: it may be MR sequences, b-values or echoes, and is not
        propagated along by default.

    Raises
    ------
    VolumeError
        If the parts do not fit together; the text says which.

    Examples
    --------
    >>> import numpy as np
    >>> volume = ImageVolume(np.zeros((4, 8, 9)), axes="zyx", spacing=(2.5, 0.7, 0.7), units="mm")
    >>> volume.spatial_axes, volume.spacing_of("z")
    ('zyx', 2.5)
    """

    array: Any
    axes: str = "zyx"
    spacing: Sequence[float] | None = None
    units: str | None = None
    affine: Any = None
    source: VolumeSource | None = None
    window: tuple[float, float] | None = None
    is_hu: bool = False
    padding_value: float | None = None
    name: str = ""
    is_time_declared: bool = True
    levels: Sequence[Any] = ()

    def __post_init__(self) -> None:
        if not hasattr(self.array, "shape") or not hasattr(self.array, "dtype"):
            try:
                object.__setattr__(self, "array", np.asarray(self.array))
            except ValueError as error:
                raise VolumeError(f"The array must be a regular grid of numbers: {error}.") from error
        self._check_kinds()
        self._check_axes()
        affine = None if self.affine is None else checked_affine(self.affine)
        if self.spacing is not None:
            spacing = self._checked_spacing(self.spacing)
        elif affine is not None:
            spacing = self._spacing_from(affine)
        else:
            spacing = (1.0,) * len(self.spatial_axes)
        object.__setattr__(self, "spacing", spacing)
        if affine is None:
            affine = self._diagonal_affine()
        elif self.spacing is not None:
            self._check_agreement(affine)
        affine.setflags(write=False)
        object.__setattr__(self, "affine", affine)
        if self.window is not None:
            object.__setattr__(self, "window", check_window(self.window))

    @property
    def parts(self) -> Parts:
        """The array for reading from: parts of it come as NumPy arrays, or a ReadError says which cannot be read."""
        return self.level_parts(0)

    def level_parts(self, level: int) -> Parts:
        """Return a level for reading from, as :attr:`parts`; 0 is the array itself, 1 the first of `levels`."""
        source = self.source
        called = (
            str(source.opened or source.paths[0])
            if source is not None and source.paths
            else f"The image {self._called}"
        )
        stays = source is not None and source.format == "zarr"
        array = self.levels[level - 1] if level else self.array
        return Parts(array, self.axes, called, self._check_is_there if stays else None)

    def _check_is_there(self) -> None:
        # Zarr takes a chunk that is missing for one that holds nothing, also where the whole store went away.
        assert self.source is not None
        for path in self.source.paths:
            path.stat()

    @property
    def ndim(self) -> int:
        """Number of array axes."""
        return len(self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return tuple(int(n) for n in self.array.shape)

    @property
    def spatial_axes(self) -> str:
        """Letters of the spatial axes, in array order."""
        return "".join(a for a in self.axes if a in SPATIAL_LETTERS)

    @property
    def label_axes(self) -> str:
        """Letters of the labels grid: the volume's without the channel."""
        return self.axes.replace("c", "")

    @property
    def label_shape(self) -> tuple[int, ...]:
        """Shape of the labels grid: the volume's without the channel."""
        return tuple(self.size_of(a) for a in self.label_axes)

    @property
    def spatial_spacing(self) -> tuple[float, ...]:
        """Spacing of each spatial axis in array order, in `units`."""
        return tuple(self.spacing_of(a) for a in self.spatial_axes)

    def size_of(self, axis: str) -> int:
        """Return the length of one axis by its letter."""
        if axis not in self.axes:
            raise VolumeError(f"The volume {self._called} has no axis {axis!r}; its axes are {self.axes!r}.")
        return self.shape[self.axes.index(axis)]

    def spacing_of(self, axis: str) -> float:
        """Return the spacing of one axis by its letter, in `units`; 1.0 for channels and for time without an interval.

        Raises
        ------
        VolumeError
            If the volume has no such axis.
        """
        if axis not in self.axes:
            raise VolumeError(f"The volume {self._called} has no axis {axis!r}; its axes are {self.axes!r}.")
        assert self.spacing is not None
        letters = self._spaced_axes(len(self.spacing))
        return self.spacing[letters.index(axis)] if axis in letters else 1.0

    @property
    def has_frame_interval(self) -> bool:
        """Return whether the spacing has a value for time."""
        assert self.spacing is not None
        return "t" in self._spaced_axes(len(self.spacing))

    @property
    def _called(self) -> str:
        return repr(self.name) if self.name else f"of shape {self.shape}"

    def _spaced_axes(self, count: int) -> str:
        return self.spatial_axes if count == len(self.spatial_axes) else self.label_axes

    def _check_kinds(self) -> None:
        wanted: tuple[tuple[str, type | tuple[type, ...], str], ...] = (
            ("units", (str, type(None)), "text such as 'mm', or None"),
            ("source", (VolumeSource, type(None)), "a VolumeSource, or None"),
            ("is_hu", (bool, np.bool_), "True or False"),
            ("is_time_declared", (bool, np.bool_), "True or False"),
            ("name", str, "text"),
        )
        for field_name, kind, words in wanted:
            value = getattr(self, field_name)
            if not isinstance(value, kind):
                raise VolumeError(f"{field_name}={value!r} must be {words}.")
        padding = self.padding_value
        if padding is not None and (isinstance(padding, bool) or not isinstance(padding, Real)):
            raise VolumeError(f"padding_value={padding!r} must be a number, or None.")

    def _check_axes(self) -> None:
        axes = self.axes
        if not isinstance(axes, str) or set(axes) - set(AXIS_LETTERS) or len(set(axes)) != len(axes):
            raise VolumeError(f"The axes {axes!r} must be letters out of {AXIS_LETTERS!r}, each at most once.")
        if "y" not in axes or "x" not in axes:
            raise VolumeError(f"The axes {axes!r} must contain 'y' and 'x'.")
        shape = tuple(self.array.shape)
        if len(shape) != len(axes):
            raise VolumeError(f"An array of shape {shape} has {len(shape)} axes, but {axes!r} names {len(axes)}.")
        if 0 in shape:
            raise VolumeError(f"An array of shape {shape} holds no voxels.")
        for level in self.levels:
            if len(level.shape) != len(axes):
                raise VolumeError(f"A level of shape {tuple(level.shape)} has other axes than the image, {axes!r}.")
        dtype = np.dtype(self.array.dtype)
        if dtype.kind not in "biuf":
            raise VolumeError(
                f"Values of type {dtype} are no grey values; convert them to integers or floats first "
                "(complex: the magnitude; colour: a channel axis 'c')."
            )

    def _checked_spacing(self, spacing: Sequence[float]) -> tuple[float, ...]:
        try:
            values = numbers(spacing)
        except (TypeError, ValueError) as error:
            raise VolumeError(f"The spacing {spacing!r} must be numbers, one per spatial axis.") from error
        if len(values) not in {len(self.spatial_axes), len(self.label_axes)}:
            also = f" (or {len(self.label_axes)}, with the frame interval of 't')" if "t" in self.axes else ""
            raise VolumeError(
                f"The spacing {values} has {len(values)} values, but the axes {self.axes!r} need "
                f"{len(self.spatial_axes)}{also}, in array order."
            )
        if not all(np.isfinite(v) and v > 0 for v in values):
            raise VolumeError(f"The spacing {values} must be finite and above zero.")
        return values

    def _spacing_from(self, affine: NDArray[np.float64]) -> tuple[float, ...]:
        factor = millimetres_per_unit(self.units) or 1.0
        lengths = np.linalg.norm(affine[:3, :3], axis=0) / factor
        return tuple(float(lengths[SPATIAL_LETTERS.index(a)]) for a in self.spatial_axes)

    def _diagonal_affine(self) -> NDArray[np.float64]:
        factor = millimetres_per_unit(self.units) or 1.0
        affine = np.zeros((4, 4))
        for column, letter in enumerate(SPATIAL_LETTERS):
            step = self.spacing_of(letter) if letter in self.axes else 1.0
            affine[2 - column, column] = step * factor
        affine[3, 3] = 1.0
        return affine

    def _check_agreement(self, affine: NDArray[np.float64]) -> None:
        derived = self._spacing_from(affine)
        if not np.allclose(derived, self.spatial_spacing, rtol=_SPACING_TOLERANCE, atol=0.0):
            raise VolumeError(
                f"The spacing {self.spatial_spacing} disagrees with the affine, whose columns are {derived} long "
                f"(axes {self.spatial_axes!r}). Leave one of the two out."
            )


def check_volume(volume: Any) -> None:
    """Raise a VolumeError where an argument is no ImageVolume."""
    if not isinstance(volume, ImageVolume):
        raise VolumeError(f"volume must be an ImageVolume, not {type(volume).__name__}: ImageVolume(array, axes=…).")
