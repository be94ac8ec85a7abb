"""Labels as an OME-Zarr label image, on their own or inside their image."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.atomic_write import replacing_folder
from napari_sam2.core.units import length_unit, millimetres_per_unit
from napari_sam2.errors import WriteError
from napari_sam2.io.label_grid import checked_labels
from napari_sam2.io.ome_zarr import TRANSFORMS, attributes_of, image_of, is_zarr, version_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_sam2.core.volume import ImageVolume

# Names that the specification takes from UDUNITS-2.
_UNITS = {"m": "meter", "cm": "centimeter", "mm": "millimeter", "micrometer": "micrometer", "nm": "nanometer"}
_CHUNK = {"t": 1, "z": 16, "y": 256, "x": 256}
# Smaller pictures need no smaller copies of themselves.
_SMALLEST_LEVEL = 512


@dataclass(frozen=True)
class _Pyramid:
    """Axes and levels of a label image as its metadata say them."""

    axes: list[dict[str, Any]]
    shapes: list[tuple[int, ...]]
    transforms: list[list[dict[str, Any]]]
    common: list[dict[str, Any]]


@dataclass(frozen=True)
class LabelLayout:
    """Where a label image lies, and its axes and levels; nothing of it is on the disk yet.

    Parameters
    ----------
    path
        Its folder.
    parent
        The image that it is put into; None where it stands on its own.
    letters
        Its axes, in the order of the file: out of ``tzyx``.
    version
        Of OME-Zarr, ``"0.4"`` or ``"0.5"``.
    pyramid
        Its levels, the finest first.
    """

    path: Path
    parent: Path | None
    letters: str
    version: str
    pyramid: _Pyramid

    @classmethod
    def of(cls, path: Path, volume: ImageVolume, version: str | None = None) -> LabelLayout:
        """Find the layout of the labels of a volume; see :func:`write_ome_zarr_labels`.

        Raises
        ------
        WriteError
            If the labels do not fit the image, or there is no such image.
        """
        letters = [a for a in "tzyx" if a in volume.label_axes]
        shape = tuple(volume.size_of(a) for a in letters)
        parent = path.parent.parent if path.parent.name == "labels" and is_zarr(path.parent.parent) else None
        if parent is None and path.suffix.lower() != ".zarr":
            raise WriteError(
                f"{path} was not written: {path.parent.parent} is no OME-Zarr image.\nEnd the name in .zarr instead."
            )
        version = _known(version or _version_for(volume, parent))
        pyramid = _pyramid(shape, letters, volume) if parent is None else _pyramid_of(path, parent, shape, letters)
        return cls(path, parent, "".join(letters), version, pyramid)

    @contextmanager
    def registered(self) -> Iterator[None]:
        """List the labels in their image once the block has written them."""
        if self.parent is not None:
            _listed(self.parent, self.version, [])
        yield
        if self.parent is not None:
            _listed(self.parent, self.version, [self.path.name])

    def picked(self) -> list[list[NDArray[np.intp]]]:
        """Return for each level, and each axis, the indices of the finest level that it keeps.

        Labels are picked, never averaged.
        """
        full = self.pyramid.shapes[0]
        return [
            [np.minimum(np.arange(n) * round(whole / n), whole - 1) for n, whole in zip(shape, full, strict=True)]
            for shape in self.pyramid.shapes
        ]

    def create(
        self,
        folder: Path,
        dtype: np.dtype[Any],
        names: Mapping[int, str] | None = None,
        chunk: Mapping[str, int] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> list[Any]:
        """Make the arrays, all background, and their metadata in an empty folder.

        Parameters
        ----------
        folder
            Is made.
        dtype
            Of the labels.
        names
            Of the labels, kept as their properties.
        chunk
            Voxels of a chunk along each axis.
        extra
            Attributes beside those of OME.

        Returns
        -------
        list
            The Zarr array of each level, the finest first.
        """
        import zarr

        zarr_format: Any = 2 if self.version == "0.4" else 3
        group = zarr.open_group(str(folder), mode="w", zarr_format=zarr_format)
        sizes = chunk or _CHUNK
        arrays = [
            group.create_array(
                str(number),
                shape=shape,
                dtype=dtype,
                chunks=tuple(min(n, sizes[a]) for n, a in zip(shape, self.letters, strict=True)),
                chunk_key_encoding={"name": "v2" if zarr_format == 2 else "default", "separator": "/"},
                dimension_names=[str(a["name"]) for a in self.pyramid.axes] if zarr_format == 3 else None,
            )
            for number, shape in enumerate(self.pyramid.shapes)
        ]
        group.attrs.put({**self._metadata(names), **(extra or {})})
        return arrays

    def _metadata(self, names: Mapping[int, str] | None) -> dict[str, Any]:
        datasets = [{"path": str(n), TRANSFORMS: t} for n, t in enumerate(self.pyramid.transforms)]
        name = self.path.name.removesuffix(".zarr")
        image: dict[str, Any] = {"name": name, "axes": self.pyramid.axes, "datasets": datasets, "type": "nearest"}
        if self.pyramid.common:
            image[TRANSFORMS] = self.pyramid.common
        label: dict[str, Any] = {} if self.parent is None else {"source": {"image": "../../"}}
        if names:
            label["properties"] = [{"label-value": int(k), "name": str(v)} for k, v in names.items()]
        if self.version == "0.4":
            image, label = {"version": self.version, **image}, {"version": self.version, **label}
            return {"multiscales": [image], "image-label": label}
        return {"ome": {"version": self.version, "multiscales": [image], "image-label": label}}


def write_ome_zarr_labels(
    path: Path, labels: Any, volume: ImageVolume, names: Mapping[int, str] | None = None, version: str | None = None
) -> None:
    """Write labels as an OME-Zarr label image with smaller levels of itself.

    Parameters
    ----------
    path
        Ends in ``.zarr``; or ``IMAGE.zarr/labels/NAME``, which puts the labels into the image, with the levels that
        the image has, and registers them there.
    labels
        On the volume's grid without channels.
    volume
        Gives scale, unit and offset. OME-Zarr 0.4 and 0.5 know no rotation: that of a patient's scan is not kept.
    names
        Names of the labels, kept as their properties.
    version
        ``"0.4"`` or ``"0.5"``; default: that of the image it is put into or comes from, else 0.5.

    Raises
    ------
    WriteError
        If the labels do not fit the volume or the image, there is no such image, or the disk refuses.
    """
    array = checked_labels(labels, volume, path)
    layout = LabelLayout.of(path, volume, version)
    array = array.transpose([volume.label_axes.index(a) for a in layout.letters])
    with layout.registered(), replacing_folder(path) as temporary:
        for stored, picked in zip(layout.create(temporary, array.dtype, names), layout.picked(), strict=True):
            stored[...] = array[np.ix_(*picked)]


def _version_for(volume: ImageVolume, parent: Path | None) -> str:
    if parent is not None:
        return version_of(parent)
    source = volume.source
    return str(source.header["version"]) if source is not None and source.format == "zarr" else "0.5"


def _known(version: str) -> str:
    """Return the version to write: images of 0.1 to 0.3 are of the same Zarr format as 0.4."""
    return "0.4" if version <= "0.4" else "0.5"


def _pyramid(shape: tuple[int, ...], letters: Sequence[str], volume: ImageVolume) -> _Pyramid:
    known, factor = length_unit(volume.units) or ("", 1.0)
    unit = _UNITS.get(known)
    signs = _directions(volume)
    shapes, transforms, step = [], [], 1
    while True:
        # Every second row and column: the first voxel stays where it is, so no offset changes.
        shapes.append((*shape[:-2], -(-shape[-2] // step), -(-shape[-1] // step)))
        whole = {a: volume.spacing_of(a) * (1.0 if a == "t" else factor) * signs.get(a, 1.0) for a in letters}
        scale = [s * (step if a in "yx" else 1) for a, s in whole.items()]
        transforms.append([{"type": "scale", "scale": scale}, *_translation(letters, volume, unit)])
        if max(shapes[-1][-2:]) <= _SMALLEST_LEVEL:
            return _Pyramid([_axis(a, unit, volume) for a in letters], shapes, transforms, [])
        step *= 2


def _translation(letters: Sequence[str], volume: ImageVolume, unit: str | None) -> list[dict[str, Any]]:
    if not _directions(volume) or not volume.affine[:3, 3].any():
        return []
    place = {a: float(volume.affine[2 - i, 3]) / (millimetres_per_unit(unit) or 1.0) for i, a in enumerate("zyx")}
    return [{"type": "translation", "translation": [place.get(a, 0.0) for a in letters]}]


def _directions(volume: ImageVolume) -> dict[str, float]:
    """Return 1 or -1 for each of z, y and x, the way in which it runs; empty where the grid is turned or sheared."""
    upright = volume.affine[:3, :3][::-1]
    own = np.diag(upright)
    beside = np.abs(upright - np.diag(own)).max()
    return {} if beside > 1e-6 * np.abs(upright).max() else dict(zip("zyx", np.sign(own).tolist(), strict=True))


def _axis(letter: str, unit: str | None, volume: ImageVolume) -> dict[str, Any]:
    if letter == "t":
        return {"name": "t", "type": "time", **({"unit": "second"} if volume.has_frame_interval else {})}
    return {"name": letter, "type": "space", **({"unit": unit} if unit else {})}


def _pyramid_of(path: Path, parent: Path, wanted: tuple[int, ...], letters: Sequence[str]) -> _Pyramid:
    """Return the levels of an image, reduced to the axes of its labels: they must be at the same places."""
    import zarr

    _, image = image_of(parent)
    axes = [a if isinstance(a, dict) else {"name": a} for a in image.get("axes", [])]
    theirs = [str(a["name"]).lower()[:1] for a in axes]
    if set(letters) - set(theirs):
        raise WriteError(f"{path} was not written: the image has the axes {theirs}.\nPass the volume of this image.")
    kept = [theirs.index(a) for a in letters]
    full = [zarr.open_array(str(parent / d["path"]), mode="r").shape for d in image["datasets"]]
    shapes = [tuple(int(shape[i]) for i in kept) for shape in full]
    if shapes[0] != wanted:
        raise WriteError(
            f"{path} was not written: labels of shape {wanted} do not fit the image's {shapes[0]}.\n"
            "Pass the volume of this image."
        )
    transforms = [_reduced(d.get(TRANSFORMS, []), kept) for d in image["datasets"]]
    return _Pyramid([axes[i] for i in kept], shapes, transforms, _reduced(image.get(TRANSFORMS, []), kept))


def _reduced(transforms: Sequence[Mapping[str, Any]], kept: Sequence[int]) -> list[dict[str, Any]]:
    """Return the scales and translations of the axes `kept`."""
    return [{k: [v[i] for i in kept] if isinstance(v, list) else v for k, v in t.items()} for t in transforms]


def _listed(parent: Path, version: str, names: Sequence[str]) -> None:
    """Add names to the list of an image's labels, which is made where there is none."""
    import zarr

    zarr_format: Any = 2 if version == "0.4" else 3
    group = zarr.open_group(str(parent / "labels"), mode="a", zarr_format=zarr_format)
    known = [str(n) for n in attributes_of(parent / "labels").get("labels") or []]
    known += [n for n in names if n not in known]
    group.attrs.update({"labels": known} if version == "0.4" else {"ome": {"version": version, "labels": known}})
