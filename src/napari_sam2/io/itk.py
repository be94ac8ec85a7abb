"""NRRD and MetaImage, by SimpleITK: images turned to the nearest LPS orientation, labels on the file's grid.

SimpleITK (Apache-2.0) is ITK itself, whose formats these are or which most of their files come from; a reader of
our own would have to repeat their many ways to say the same thing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.axes import undeclared_time_note
from napari_sam2.errors import ReadError, VolumeError, WriteError
from napari_sam2.io._atomic import replacing
from napari_sam2.io._itk_headers import check_header
from napari_sam2.io._labels import as_labels, checked_labels, on_volume_grid, to_file_order
from napari_sam2.io._upright import RAS_LPS, REVERSED, turned_back, upright
from napari_sam2.io._values import native
from napari_sam2.volume import ImageVolume, VolumeSource

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_IO = {".nrrd": "NrrdImageIO", ".nhdr": "NrrdImageIO", ".mha": "MetaImageIO", ".mhd": "MetaImageIO"}
_FOURTH = "NRRD_kinds[3]"
# What an NRRD header says about the place of its image.
_PLACE_FIELDS = (b"space", b"space dimension", b"space directions", b"space origin", b"spacings", b"axis mins")


def read_itk(path: Path) -> ImageVolume:
    """Read an NRRD (``.nrrd``, ``.nhdr``) or MetaImage (``.mha``, ``.mhd``) file.

    Returns
    -------
    ImageVolume
        ``yx``, ``zyx`` or ``tzyx``, several values per voxel as a last axis ``c``; nearest LPS, mm.

    Raises
    ------
    ReadError
        If the file is damaged, complex, its other half is missing, or it has more than four axes.
    """
    notes: list[str] = []
    values, place = _open(path)
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
        return ImageVolume(
            array,
            axes=letters,
            units="mm",
            affine=RAS_LPS @ ras @ REVERSED,
            source=source,
            name=path.name.removesuffix(path.suffix).removesuffix(".seg"),
            is_time_declared=is_time,
        )
    except VolumeError as error:
        raise ReadError(f"{path} cannot be read as a volume: {error}") from error


def write_itk_labels(path: Path, labels: Any, volume: ImageVolume, names: Mapping[int, str] | None = None) -> None:
    """Write labels as ``.nrrd`` or ``.mha``, compressed.

    Labels of a volume that came from such a file get its grid and geometry. Names are written to NRRD in the way
    of 3D Slicer, which shows them where the file is called ``.seg.nrrd``.

    Raises
    ------
    WriteError
        If the labels do not fit the volume, or the file cannot be written.
    """
    import SimpleITK as sitk

    array = to_file_order(checked_labels(labels, volume, path), volume)
    if volume.source is not None and volume.source.format == "itk":
        place = dict(volume.source.header)
        array = turned_back(array.reshape(array.shape[: int(place["ndim"])]), place["orientation"])
    else:
        place = _place_of(volume, array.ndim)
    # Four axes are one image, not a volume of vectors.
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.transpose()), isVector=False)
    image.SetOrigin(place["origin"])
    image.SetSpacing(place["spacing"])
    image.SetDirection(place["direction"])
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
        if path.suffix.lower() == ".nrrd" and place.get("nrrd_lines"):
            _put_lines(temporary, place["nrrd_lines"])


def read_itk_labels(path: Path, volume: ImageVolume) -> NDArray[Any]:
    """Read labels from NRRD or MetaImage onto the volume's grid, whatever the file's orientation.

    Raises
    ------
    ReadError
        If the file holds no labels or lies on another grid.
    """
    values, place = _open(path)
    if values.ndim > place["ndim"]:
        raise ReadError(
            f"{path} holds {values.shape[-1]} values per voxel, not labels.\n"
            "Overlapping segments of 3D Slicer must be exported as one labelmap first."
        )
    return on_volume_grid(path, as_labels(values, path), _affine(place), volume)


def _open(path: Path) -> tuple[NDArray[Any], dict[str, Any]]:
    """Values ``(x, y, z, t, c)``, as many as there are, and ITK's origin, spacing and direction (LPS mm)."""
    import SimpleITK as sitk

    check_header(path)
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    reader = sitk.ImageFileReader()
    reader.SetImageIO(_IO[path.suffix.lower()])
    reader.SetFileName(str(path))
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
    # The lines of a file of vectors speak of one axis more than labels have.
    text = values.ndim == ndim and path.suffix.lower() in (".nrrd", ".nhdr")
    place = {
        "origin": image.GetOrigin(),
        "spacing": image.GetSpacing(),
        "direction": image.GetDirection(),
        "shape": image.GetSize(),
        "ndim": ndim,
        "nrrd_lines": _lines(path) if text else {},
        # Only NRRD says what an axis is.
        "fourth_axis": image.GetMetaData(_FOURTH) if image.HasMetaDataKey(_FOURTH) else "",
    }
    order = [*range(ndim - 1, -1, -1), *range(ndim, values.ndim)]
    return values.transpose(order), place


def _lines(path: Path) -> dict[bytes, bytes]:
    """The lines of an NRRD header that say where the image is, as they stand in the file."""
    with path.open("rb") as stream:
        header = stream.read(2**16).replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    fields = (line.partition(b":") for line in header.split(b"\n"))
    return {key: b": " + value.strip() for key, _, value in fields if key in _PLACE_FIELDS}


def _put_lines(path: Path, lines: Mapping[bytes, bytes]) -> None:
    """Put the source's own text into a header: ITK splits directions into lengths and cosines, and rounds."""
    content = path.read_bytes()
    header, gap, pixels = content.partition(b"\n\n")
    kept = [line for line in header.split(b"\n") if line.partition(b":")[0] not in _PLACE_FIELDS]
    path.write_bytes(b"\n".join([*kept, *(key + value for key, value in lines.items())]) + gap + pixels)


def _affine(place: Mapping[str, Any]) -> NDArray[np.float64]:
    """Index (x, y, z, 1) → LPS mm; a picture's missing third axis is one mm along its normal."""
    ndim = int(place["ndim"])
    direction = np.array(place["direction"], dtype=float).reshape(ndim, ndim)
    affine = np.eye(4)
    n = min(ndim, 3)
    affine[:n, :n] = direction[:n, :n] * np.array(place["spacing"][:n])
    affine[:n, 3] = place["origin"][:n]
    return affine


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
    """The last sentence of an ITK exception, which names sources and addresses before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[-1] if lines else type(error).__name__
    if text.startswith("Reason:"):
        # The last error of the system, which had nothing to do with it.
        return "its header is damaged, or it ends before its last voxel"
    return text.split("): ", 1)[-1].removeprefix("sitk::ERROR: ").rstrip(".")
