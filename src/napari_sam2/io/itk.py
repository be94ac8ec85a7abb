"""NRRD and MetaImage, by SimpleITK: images turned to the nearest LPS orientation, labels on the file's grid.

SimpleITK (Apache-2.0) is ITK itself, whose formats these are or which most of their files come from; a reader of
our own would have to repeat their many ways to say the same thing.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.atomic_write import replacing
from napari_sam2.core.frame_axis import undeclared_time_note
from napari_sam2.core.units import in_one_unit, millimetres_per_unit, seconds_per_unit, step_of
from napari_sam2.core.volume import ImageVolume, VolumeSource
from napari_sam2.errors import ReadError, VolumeError, WriteError
from napari_sam2.io.dtypes import native
from napari_sam2.io.itk_header import check_header
from napari_sam2.io.itk_label_note import LABELS_KEY, label_fields, note_in_fields
from napari_sam2.io.label_grid import (
    LabelNote,
    as_labels,
    checked_labels,
    flat_axes,
    label_note_in,
    on_volume_grid,
    to_file_order,
)
from napari_sam2.io.orientation import RAS_LPS, REVERSED, turned_back, upright

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_IO = {".nrrd": "NrrdImageIO", ".nhdr": "NrrdImageIO", ".mha": "MetaImageIO", ".mhd": "MetaImageIO"}
_FOURTH = "NRRD_kinds[3]"
# What an NRRD header says about the place of its image.
_PLACE_FIELDS = (
    *(b"space", b"space dimension", b"space directions", b"space origin", b"space units"),
    *(b"spacings", b"units", b"axis mins"),
)


def read_itk(path: Path) -> ImageVolume:
    """Read an NRRD (``.nrrd``, ``.nhdr``) or MetaImage (``.mha``, ``.mhd``) file.

    Returns
    -------
    ImageVolume
        ``yx``, ``zyx`` or ``tzyx``, several values per voxel as a last axis ``c``; nearest LPS; spacing in the file's
        unit (mm if it has none).

    Raises
    ------
    ReadError
        If the file is damaged, complex, its other half is missing, or it has more than four axes.
    """
    notes: list[str] = []
    values, place = _open(path, notes)
    letters = {2: "yx", 3: "zyx", 4: "tzyx"}[place["ndim"]]
    is_time = place["ndim"] < 4 or place["fourth_axis"] == "time"
    if not is_time:
        notes.append(undeclared_time_note(values.shape[3]))
    array, ras, turn = upright(values, RAS_LPS @ _affine(place), notes)
    # (x, y, z, t, c) → (t, z, y, x, c)
    count = place["ndim"]
    array = np.ascontiguousarray(array.transpose([*range(count - 1, -1, -1), *range(count, array.ndim)]))
    letters += "c" if array.ndim > count else ""
    source = VolumeSource((path,), "itk", header={**place, "orientation": turn}, notes=tuple(notes))
    try:
        volume = ImageVolume(
            array,
            axes=letters,
            units=place["unit"],
            affine=RAS_LPS @ ras @ REVERSED,
            source=source,
            name=path.name.removesuffix(path.suffix).removesuffix(".seg"),
            is_time_declared=is_time,
        )
        if place["interval"] is not None:
            volume = replace(volume, spacing=(place["interval"], *volume.spatial_spacing))
        return volume
    except VolumeError as error:
        raise ReadError(f"{path} cannot be read as a volume: {error}") from error


def write_itk_labels(path: Path, labels: Any, volume: ImageVolume, names: Mapping[int, str] | None = None) -> None:
    """Write labels as ``.nrrd`` or ``.mha``, compressed.

    Labels of a volume that came from such a file get its grid and geometry. Names are written to NRRD in the way
    of 3D Slicer, which shows them where the file is called ``.seg.nrrd``.

    Parameters
    ----------
    path
        Ends in ``.nrrd`` or ``.mha``; what is there is replaced.
    labels
        Whole numbers on the volume's grid without channels; 0 is the background.
    volume
        The volume that the labels belong to.
    names
        Names of the labels.

    Raises
    ------
    WriteError
        If the labels do not fit the volume, or the file cannot be written.
    """
    import SimpleITK as sitk

    array = to_file_order(checked_labels(labels, volume, path), volume)
    if volume.source is not None and volume.source.format == "itk":
        place = dict(volume.source.header)
        # A header without a text of its own speaks of mm.
        text = place["nrrd_lines"] if path.suffix.lower() == ".nrrd" else {}
        place = place if text else _in_millimetres(place)
        array = turned_back(array.reshape(array.shape[: int(place["ndim"])]), place["orientation"])
    else:
        place, text = _place_of(volume, array.ndim), {}
    # Four axes are one image, not a volume of vectors.
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.transpose()), isVector=False)
    image.SetOrigin(place["origin"])
    image.SetSpacing(place["spacing"])
    image.SetDirection(place["direction"])
    interval = {"frame_interval": volume.spacing_of("t")} if volume.has_frame_interval else {}
    for field, content in label_fields(path, names, **flat_axes(volume), **interval).items():
        image.SetMetaData(field, content)
    if array.ndim == 4 and volume.is_time_declared:
        image.SetMetaData(_FOURTH, "time")
    if names and path.suffix.lower() == ".nrrd":
        for number, (label, name) in enumerate(names.items()):
            for key, value in (("ID", f"Segment_{label}"), ("Name", name), ("LabelValue", label), ("Layer", 0)):
                image.SetMetaData(f"Segment{number}_{key}", str(value))
    writer = sitk.ImageFileWriter()
    writer.SetImageIO(_IO[path.suffix.lower()])
    writer.SetUseCompression(True)
    with replacing(path) as temporary:
        writer.SetFileName(str(temporary))
        try:
            writer.Execute(image)
        except RuntimeError as error:
            raise WriteError(f"{path} could not be written: {_reason(error)}.\nNothing was changed.") from error
        del image
        if text:
            _put_lines(temporary, text)
        _check_written(temporary, array.transpose(), path)


def _check_written(temporary: Path, values: NDArray[Any], path: Path) -> None:
    """Read a written file again: ITK does not tell that its last block did not fit on the disk.

    Raises
    ------
    WriteError
        If the file does not hold the values.
    """
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        # The array is a view of the image's memory, which must stay.
        image = _reader(temporary).Execute()
        found = sitk.GetArrayViewFromImage(image)
        is_whole = found.shape == values.shape and all(map(np.array_equal, found, values))
        if temporary.suffix.lower() == ".nrrd":
            is_whole = is_whole and _ends_whole(temporary, values.nbytes)
    except RuntimeError:
        is_whole = False
    if not is_whole:
        raise WriteError(
            f"{path} could not be written: what reached the disk is not whole.\n"
            "Nothing was changed. Check that the disk is there, and has space."
        )


def _ends_whole(path: Path, size: int) -> bool:
    """Tell whether a file ends as gzip does, with the size of its content; ITK does not look at it."""
    with path.open("rb") as stream:
        stream.seek(-4, os.SEEK_END)
        return int.from_bytes(stream.read(), "little") == size % 2**32


def read_itk_labels(path: Path, volume: ImageVolume) -> NDArray[Any]:
    """Read labels from NRRD or MetaImage onto the volume's grid, whatever the file's orientation.

    Parameters
    ----------
    path
        The file.
    volume
        The volume that the labels belong to.

    Returns
    -------
    ndarray
        Unsigned integers, of the volume's shape without channels.

    Raises
    ------
    ReadError
        If the file holds no labels or lies on another grid.
    """
    values, place = _open(path, [])
    if values.ndim > place["ndim"]:
        raise ReadError(
            f"{path} holds {values.shape[-1]} values per voxel, not labels.\n"
            "Overlapping segments of 3D Slicer must be exported as one labelmap first."
        )
    return on_volume_grid(path, as_labels(values, path), _affine(place), volume)


def read_itk_label_note(path: Path) -> LabelNote | None:
    """Return what a file of ours or of 3D Slicer says about its labels; None where it does not say that it has any."""
    import SimpleITK as sitk

    check_header(path)
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    reader = _reader(path)
    try:
        reader.ReadImageInformation()
        about = {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}
    except RuntimeError:
        # Whoever opens it as an image is told what is wrong with it.
        return None
    if LABELS_KEY in about:
        return note_in_fields(about)
    segments = [key.removesuffix("_LabelValue") for key in about if key.endswith("_LabelValue")]
    if not segments or reader.GetNumberOfComponents() > 1:
        return None
    return LabelNote({int(about[f"{s}_LabelValue"]): about.get(f"{s}_Name", "") for s in segments})


def _reader(path: Path) -> Any:
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetImageIO(_IO[path.suffix.lower()])
    reader.SetFileName(str(path))
    return reader


def _open(path: Path, notes: list[str]) -> tuple[NDArray[Any], dict[str, Any]]:
    """Return ``(x, y, z, t, c)`` values, as many as there are, ITK's origin, spacing, direction (LPS), and units."""
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    check_header(path)
    reader = _reader(path)
    try:
        reader.ReadImageInformation()
        ndim = reader.GetDimension()
        if not 2 <= ndim <= 4 or reader.GetPixelID() in (sitk.sitkComplexFloat32, sitk.sitkComplexFloat64):
            raise ReadError(
                f"{path} cannot be read: it has {ndim} axes of {sitk.GetPixelIDValueAsString(reader.GetPixelID())}.\n"
                "Two to four axes of real numbers are read; export the part you need."
            )
        image = reader.Execute()
    except RuntimeError as error:
        raise ReadError(f"{path} cannot be read: {_reason(error)}.\nCopy or download it again.") from error
    values = native(sitk.GetArrayFromImage(image))
    fields = _nrrd_fields(path) if path.suffix.lower() in (".nrrd", ".nhdr") else {}
    lines = {key: b": " + value for key, value in fields.items() if key in _PLACE_FIELDS}
    # The lines of a file of vectors speak of one axis more than labels have, also where a vector has one value.
    is_alike = values.ndim == ndim and fields.get(b"dimension") == str(ndim).encode()
    place = {
        "origin": image.GetOrigin(),
        "spacing": image.GetSpacing(),
        "direction": image.GetDirection(),
        "shape": image.GetSize(),
        "ndim": ndim,
        "nrrd_lines": lines if is_alike else {},
        # Only NRRD says what an axis is.
        "fourth_axis": image.GetMetaData(_FOURTH) if image.HasMetaDataKey(_FOURTH) else "",
        **_units(image, lines, notes),
    }
    order = [*range(ndim - 1, -1, -1), *range(ndim, values.ndim)]
    return values.transpose(order), place


def _units(image: Any, lines: Mapping[bytes, bytes], notes: list[str]) -> dict[str, Any]:
    """Return what ITK leaves out: factors that bring space and index axes to one unit; that unit; the interval.

    MetaImage has one unit for all, NRRD one for each direction of the space or for each axis. Without any it is mm.
    """
    about = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    ndim = image.GetDimension()
    world = [u.decode("utf-8", "replace") for u in re.findall(rb'"([^"]*)"', lines.get(b"space units", b""))]
    own = [about.get(f"NRRD_units[{i}]", "") for i in range(ndim)]
    said = world or own if any(world) or any(own) else [about.get("ITK_VoxelUnits", "mm")] * ndim
    known = dict(zip("xyz", said[: min(ndim, 3)], strict=False))
    ratios, unit = in_one_unit(dict.fromkeys(reversed(known), 1.0), known, notes)
    factors = [ratios.get(a, 1.0) for a in "xyz"]
    time = said[3] if len(said) > 3 else ""
    seconds = seconds_per_unit(time)
    is_time = about.get("NRRD_kinds[3]") == "time" or about.get("NRRD_space", "").endswith("time") or seconds
    step = step_of(image.GetSpacing()[3]) if ndim == 4 else None
    interval = None if step is None or seconds is None else step * seconds
    if ndim == 4 and label_note_in(about.get(LABELS_KEY, "")) is not None:
        interval = step_of(json.loads(about[LABELS_KEY]).get("frame_interval"))
    elif ndim == 4 and not is_time:
        notes.append("the file does not say what its fourth axis is; time was assumed")
    by_axis = bool(any(own) and not any(world))
    return {
        "world_factors": [1.0] * 3 if by_axis else factors,
        "axis_factors": factors if by_axis else [1.0] * 3,
        "unit": unit,
        "interval": interval,
    }


def _nrrd_fields(path: Path) -> dict[bytes, bytes]:
    """Return the fields of an NRRD header, as they stand in the file."""
    with path.open("rb") as stream:
        header = stream.read(2**16).replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    fields = (line.partition(b":") for line in header.split(b"\n"))
    return {key: value.strip() for key, _, value in fields}


def _put_lines(path: Path, lines: Mapping[bytes, bytes]) -> None:
    """Put the source's own text into a header: ITK splits directions into lengths and cosines, and rounds."""
    content = path.read_bytes()
    header, gap, pixels = content.partition(b"\n\n")
    kept = [line for line in header.split(b"\n") if line.partition(b":")[0] not in _PLACE_FIELDS]
    path.write_bytes(b"\n".join([*kept, *(key + value for key, value in lines.items())]) + gap + pixels)


def _affine(place: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return the affine from index (x, y, z, 1) to LPS mm, or the file's own measure where that is no length.

    A picture's missing third axis is one mm along its normal.
    """
    ndim = int(place["ndim"])
    direction = np.array(place["direction"], dtype=float).reshape(ndim, ndim)
    affine = np.eye(4)
    n = min(ndim, 3)
    affine[:n, :n] = direction[:n, :n] * np.array(place["spacing"][:n])
    affine[:n, 3] = place["origin"][:n]
    affine[:n, :n] *= np.array(place["axis_factors"][:n])
    affine[:n] *= np.array(place["world_factors"][:n])[:, None] * (millimetres_per_unit(place["unit"]) or 1.0)
    return affine


def _in_millimetres(place: Mapping[str, Any]) -> dict[str, Any]:
    """Return the place of a file whose numbers are in other units, for one that knows only mm."""
    if place["unit"] in ("mm", None) and {*place["axis_factors"], *place["world_factors"]} == {1.0}:
        return dict(place)
    ndim = int(place["ndim"])
    n = min(ndim, 3)
    affine = _affine(place)
    spacing, direction = np.array(place["spacing"]), np.array(place["direction"]).reshape(ndim, ndim)
    spacing[:n] = np.linalg.norm(affine[:n, :n], axis=0)
    direction[:n, :n] = affine[:n, :n] / spacing[:n]
    origin = [*affine[:n, 3].tolist(), *place["origin"][n:]]
    return {**place, "origin": origin, "spacing": spacing.tolist(), "direction": direction.ravel().tolist()}


def _place_of(volume: ImageVolume, ndim: int) -> dict[str, Any]:
    """ITK's geometry of a volume from elsewhere."""
    affine = volume.affine @ REVERSED
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    direction = np.eye(ndim)
    direction[:3, :3] = affine[:3, :3] / spacing
    interval = [volume.spacing_of("t")] if ndim == 4 else []
    return {
        "origin": [*affine[:3, 3].tolist(), *([0.0] * (ndim - 3))],
        "spacing": [*spacing.tolist(), *interval],
        "direction": direction.ravel().tolist(),
    }


def _reason(error: Exception) -> str:
    """Return the last sentence of an ITK exception, which names sources and addresses before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[-1] if lines else type(error).__name__
    if text.startswith("Reason:"):
        # The last error of the system, which had nothing to do with it.
        return "its header is damaged, or it ends before its last voxel"
    return text.split("): ", 1)[-1].removeprefix("sitk::ERROR: ").rstrip(".")
