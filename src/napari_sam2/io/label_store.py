"""Labels that live in a Zarr on disk, as an OME-Zarr label image, written frame by frame."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.arrays import reading
from napari_sam2.core.paths import advice_for
from napari_sam2.errors import WriteError
from napari_sam2.io.ome_zarr import attributes_of, is_zarr
from napari_sam2.io.ome_zarr_labels import LabelLayout

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_sam2.core.volume import ImageVolume

    Picked = list[list[NDArray[np.intp]]]

# By this attribute a label image is known as one that a session draws, which may be drawn anew.
_MARK = "napari_sam2_session"
_TILE = 512


@dataclass(frozen=True, eq=False)
class LabelStore:
    """Labels in a Zarr on disk that are read and written like a NumPy array; :meth:`create` makes one.

    It is written through: what was assigned is in its files, each of which is replaced as a whole, so a process that
    ends leaves no torn one. Smaller levels, where the label image has any, follow each assignment.

    Parameters
    ----------
    path
        The folder of the label image.
    axes
        A letter for each axis of the array; a ``"c"`` that the labels do not have is one voxel long.
    levels
        The Zarr arrays of the levels, the finest first.
    stored
        Their axis letters, in the order of the file.
    picked
        For each level and axis, the indices of the finest level that it keeps.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from napari_sam2.core.volume import ImageVolume
    >>> volume = ImageVolume(np.zeros((4, 20, 30)), axes="zyx")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     labels = LabelStore.create(Path(folder) / "case_labels.zarr", volume, frame_axis="z")
    ...     labels[2, 5:9, 5:9] = 7
    ...     int(labels[2].max()), labels.shape, labels.dtype.name
    (7, (4, 20, 30), 'uint16')
    """

    path: Path
    axes: str
    levels: tuple[Any, ...]
    stored: str
    picked: Picked

    @classmethod
    def create(
        cls,
        path: Path,
        volume: ImageVolume,
        frame_axis: str | None = None,
        session: str = "",
        axes: str | None = None,
    ) -> LabelStore:
        """Make a label image without labels, or open the one that the same session has drawn there before.

        Parameters
        ----------
        path
            Ends in ``.zarr``; or ``IMAGE.zarr/labels/NAME``, which puts the labels into the image. Its folder exists.
        volume
            The image.
        frame_axis
            The axis along which frames are written: a chunk is one voxel long along it.
        session
            Name of the session file whose labels these are; empty: of none.
        axes
            Of the array, as :attr:`axes`; default: those of the volume without the channel.

        Raises
        ------
        WriteError
            If something else has the path, the labels do not fit the image, or the disk refuses.
        """
        layout = LabelLayout.of(path, volume)
        picked = layout.picked()
        if is_zarr(path) and session and _session_of(path) == session:
            levels = _opened(path, len(picked))
            if levels[0].shape == layout.pyramid.shapes[0] and levels[0].dtype == np.uint16:
                return cls(path, axes or volume.label_axes, levels, layout.letters, picked)
        if path.exists():
            raise WriteError(f"{path} was not written: it is there already.\nGive another name for the labels.")
        chunk = {a: 1 if a in ("t", frame_axis) else _TILE if a in "yx" else 16 for a in layout.letters}
        try:
            with layout.registered():
                made = layout.create(path, np.dtype(np.uint16), chunk=chunk, extra={_MARK: session})
        except OSError as error:
            raise _refused(path, error) from error
        return cls(path, axes or volume.label_axes, tuple(made), layout.letters, picked)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        full = self.levels[0].shape
        return tuple(int(full[self.stored.index(a)]) if a in self.stored else 1 for a in self.axes)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.axes)

    @property
    def size(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape))

    @property
    def dtype(self) -> np.dtype[Any]:
        """``uint16``."""
        return np.dtype(np.uint16)

    def __len__(self) -> int:
        return self.shape[0]

    def without_channel(self) -> LabelStore:
        """Return the same labels without an axis for channels."""
        return LabelStore(self.path, self.axes.replace("c", ""), self.levels, self.stored, self.picked)

    def copy(self) -> NDArray[np.uint16]:
        """Return all labels in memory."""
        return np.asarray(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        parts = self._parts(index)
        with reading(str(self.path)):
            if any(isinstance(p, np.ndarray) for p in parts.values()):
                places = np.broadcast_arrays(*(self._points(parts, a) for a in self.stored))
                return np.asarray(self.levels[0].vindex[tuple(places)])
            found = np.asarray(self.levels[0][tuple(parts[a] for a in self.stored)])
        kept = [a for a in self.axes if isinstance(parts[a], slice)]
        there = [a for a in self.stored if a in kept]
        found = found.transpose([there.index(a) for a in kept if a in there])
        for place, letter in enumerate(kept):
            if letter not in self.stored:
                found = np.expand_dims(found, place)
        return found

    def __setitem__(self, index: Any, values: Any) -> None:
        parts = self._parts(index)
        try:
            if any(isinstance(p, np.ndarray) for p in parts.values()):
                self._write_points(parts, np.asarray(values))
            elif np.ndim(values) == 0 and not values and all(p == slice(None) for p in parts.values()):
                self._clear()
            else:
                self._write_box(parts, np.asarray(values))
        except OSError as error:
            raise _refused(self.path, error) from error

    # ------------------------------------------------------------------ inside

    def _parts(self, index: Any) -> dict[str, Any]:
        """Return the index of each axis, and check it as NumPy does."""
        listed = list(index) if isinstance(index, tuple) else [index]
        if any(part is Ellipsis for part in listed):
            place = next(i for i, part in enumerate(listed) if part is Ellipsis)
            listed[place : place + 1] = [slice(None)] * (self.ndim - len(listed) + 1)
        if len(listed) > self.ndim:
            raise IndexError(f"{len(listed)} indices for an array of {self.ndim} axes")
        listed += [slice(None)] * (self.ndim - len(listed))
        return {a: _checked(p, n) for a, p, n in zip(self.axes, listed, self.shape, strict=True)}

    def _points(self, parts: dict[str, Any], axis: str) -> NDArray[np.intp]:
        if isinstance(parts[axis], slice):
            raise IndexError("labels on disk take indices or slices, not both at once")
        return np.asarray(parts[axis], dtype=np.intp)

    def _write_points(self, parts: dict[str, Any], values: NDArray[Any]) -> None:
        places = np.broadcast_arrays(*(self._points(parts, a) for a in self.stored))
        values = np.broadcast_to(values, places[0].shape)
        for level, picked in zip(self.levels, self.picked, strict=True):
            at = [np.searchsorted(kept, place) for kept, place in zip(picked, places, strict=True)]
            at = [np.minimum(i, len(kept) - 1) for i, kept in zip(at, picked, strict=True)]
            hit = np.logical_and.reduce([kept[i] == p for kept, i, p in zip(picked, at, places, strict=True)])
            if hit.any():
                level.vindex[tuple(i[hit] for i in at)] = values[hit]

    def _write_box(self, parts: dict[str, Any], values: NDArray[Any]) -> None:
        kept = [a for a in self.axes if isinstance(parts[a], slice)]
        full = dict(zip(self.stored, self.levels[0].shape, strict=True)) | {"c": 1}
        lengths = [len(range(*parts[a].indices(full[a]))) for a in kept]
        values = np.broadcast_to(values, lengths)
        values = values[tuple(slice(None) if a in self.stored else 0 for a in kept)]
        kept = [a for a in kept if a in self.stored]
        values = values.transpose([kept.index(a) for a in self.stored if a in kept])
        for level, picked in zip(self.levels, self.picked, strict=True):
            target, source = [], []
            for letter, indices in zip(self.stored, picked, strict=True):
                places, within = _hits(parts[letter], indices, full[letter])
                target.append(places)
                if isinstance(parts[letter], slice):
                    source.append(within)
            if all(place.stop > place.start for place in target):
                shape = [place.stop - place.start for place in target]
                level[tuple(target)] = values[np.ix_(*source)].reshape(shape)

    def _clear(self) -> None:
        """Take all chunks away, which is what no label looks like."""
        for number in range(len(self.levels)):
            for chunk in (self.path / str(number)).iterdir():
                if chunk.is_dir():
                    shutil.rmtree(chunk)


def store_path(volume: ImageVolume, session_file: Path | None, folder: Path | None = None) -> list[Path]:
    """List the places for the labels of a session on disk, the best one first.

    Parameters
    ----------
    volume
        The image.
    session_file
        The session's file, whose name the labels get; None: no place but in `folder`.
    folder
        Where the user wants them.

    Returns
    -------
    list
        ``folder/NAME_labels.zarr``, or in the OME-Zarr image as ``labels/NAME`` and beside the session file as
        ``NAME_labels.zarr``.
    """
    name = (volume.name or "image") if session_file is None else session_file.stem
    if folder is not None:
        return [folder / f"{name}_labels.zarr"]
    if session_file is None:
        return []
    source = volume.source
    image = source.paths[0] if source is not None and source.format == "zarr" and source.paths else None
    inside = [image / "labels" / name] if image is not None and is_zarr(image) else []
    return [*inside, session_file.with_name(f"{name}_labels.zarr")]


def create_first(
    places: Sequence[Path], volume: ImageVolume, frame_axis: str | None, session: str, axes: str | None = None
) -> LabelStore | None:
    """Make a label store in the first place that takes one; None where none does.

    Something else that has a name already is left alone: the next number is tried, up to nine.
    """
    for place in places:
        stem, suffix = place.name.removesuffix(".zarr"), ".zarr" if place.name.endswith(".zarr") else ""
        for number in range(1, 10):
            name = stem if number == 1 else f"{stem}-{number}"
            with suppress(WriteError):
                return LabelStore.create(place.with_name(name + suffix), volume, frame_axis, session, axes)
    return None


def _session_of(path: Path) -> str | None:
    """Return the session that a label image is marked with."""
    import zarr

    mark = zarr.open_group(str(path), mode="r").attrs.asdict().get(_MARK) if attributes_of(path) else None
    return mark if isinstance(mark, str) else None


def _opened(path: Path, count: int) -> tuple[Any, ...]:
    import zarr

    with reading(str(path)):
        return tuple(zarr.open_array(str(path / str(n)), mode="r+") for n in range(count))


def _checked(part: Any, size: int) -> Any:
    if isinstance(part, slice):
        if part.step not in (None, 1):
            raise IndexError("labels on disk are sliced without a step")
        return part
    if np.ndim(part) == 0:
        if not -size <= part < size:
            raise IndexError(f"index {part} lies outside an axis of {size}")
        return int(part) % size
    places = np.asarray(part)
    return np.where(places < 0, places + size, places)


def _hits(part: int | slice, indices: NDArray[np.intp], size: int) -> tuple[slice, NDArray[np.intp]]:
    """Return which voxels of a level lie in a part of the finest level, and where in it."""
    start, stop, _ = part.indices(size) if isinstance(part, slice) else (part, part + 1, 1)
    first, last = np.searchsorted(indices, [start, stop])
    return slice(int(first), int(last)), indices[first:last] - start


def _refused(path: Path, error: OSError) -> WriteError:
    return WriteError(f"{path} could not be written: {error.strerror or error}.\n{advice_for(error)}")
