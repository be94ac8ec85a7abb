"""NIfTI-1 and -2, FreeSurfer MGH and Analyze: images turned to the nearest LPS orientation.

A file's array is indexed (i, j, k) and its affine leads to RAS+ mm; a volume's is indexed (z, y, x) and leads
to LPS+ mm. Turning to LPS makes slice 0 the lowest, the patient's right the left side of the picture, and
anterior its top.
"""

from __future__ import annotations

import gzip
import io
import math
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.arrays import unreadable
from napari_sam2.core.frame_axis import undeclared_time_note
from napari_sam2.core.paths import NOT_THERE, check_file, why_no_file
from napari_sam2.core.units import millimetres_per_unit, seconds_per_unit, step_of
from napari_sam2.core.volume import ImageVolume, VolumeSource
from napari_sam2.errors import ReadError, VolumeError
from napari_sam2.io.dtypes import compacted, native, rescaled
from napari_sam2.io.nifti_header import HEAD, repaired
from napari_sam2.io.orientation import RAS_LPS, REVERSED, nibabel, upright

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_SPACE_UNITS = {"mm": "mm", "micron": "micrometer", "meter": "m"}
# Bits of xyzt_units. Each half is read alone, so that an unknown time does not cost the unit of length.
_SPACE_CODES = {1: "meter", 2: "mm", 3: "micron"}
_TIME_CODES = {8: "sec", 16: "msec", 24: "usec", 32: "hz", 40: "ppm", 48: "rads"}
_TIME_UNITS = ("sec", "msec", "usec")
_TIME_SERIES = 2001
# Intents of several values per voxel: matrices, vectors, point sets, colours.
_NO_TIME = (*range(1004, 1010), 2003, 2004)


@dataclass(frozen=True)
class NiftiFile:
    """A NIfTI file's image object, its values, scaled, in file order and native byte order, and what was mended."""

    image: Any
    values: NDArray[Any]
    notes: tuple[str, ...] = ()


def read_nifti(path: Path) -> ImageVolume:
    """Read a NIfTI file (``.nii``, ``.nii.gz``, or a ``.hdr``/``.img`` pair), an Analyze or a FreeSurfer one.

    Parameters
    ----------
    path
        The file; compressed ones are read to their end, so that a damaged one is noticed.

    Returns
    -------
    ImageVolume
        ``yx``, ``zyx``, ``tzyx``, ``czyx`` or ``ctzyx``, nearest LPS; spacing in the file's unit (mm if it has none).

    Raises
    ------
    ReadError
        If the file is damaged, complex, coloured, or has no usable affine.
    """
    file = open_nifti(path)
    header = file.image.header
    notes = list(file.notes)
    affine = file_affine(path, header, notes)
    values, letters = _named_axes(path, file.values, header, notes)
    turned, ras, turn = upright(values, affine, notes)
    array = np.ascontiguousarray(turned.transpose())
    unit = length_unit(header, notes)
    factor = millimetres_per_unit(unit) or 1.0
    to_millimetres = np.diag([factor, factor, factor, 1.0])
    is_time = "t" not in letters or _declares_time(path, header)
    if not is_time:
        notes.append(undeclared_time_note(values.shape[3]))
    interval = _interval(header) if "t" in letters and is_time else None
    source = VolumeSource(
        paths=(path,),
        format="nifti",
        header={
            "header": header,
            "affine": affine,
            "shape": tuple(int(n) for n in file.image.shape),
            "orientation": turn,
        },
        notes=tuple(notes),
    )
    try:
        volume = ImageVolume(
            array,
            axes=letters,
            units=unit,
            affine=to_millimetres @ RAS_LPS @ ras @ REVERSED,
            source=source,
            name=_stem(path),
            is_time_declared=is_time,
        )
        return volume if interval is None else replace(volume, spacing=(interval, *volume.spatial_spacing))
    except VolumeError as error:
        raise ReadError(f"{path} cannot be read as a volume: {error}") from error


def open_nifti(path: Path) -> NiftiFile:
    """Open a NIfTI file of any flavour and read its values to the end.

    Raises
    ------
    ReadError
        If it is damaged, incomplete, or no NIfTI.
    """
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    _check_other_half(path)
    try:
        return _open_compressed(path) if _is_gzip(path) else _open_plain(path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ReadError(f"{path} is damaged: {error}.\nCopy or download it again.") from error
    except ImageFileError as error:
        raise ReadError(
            f"{path} is no NIfTI, Analyze or FreeSurfer file, or its header is damaged.\n"
            "Give it the suffix of its own format, or copy it again."
        ) from error
    except (HeaderDataError, OSError, ValueError, KeyError, MemoryError, ArithmeticError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if reason.startswith("Expected "):
            raise ReadError(f"{path} is damaged: it ends before its last voxel.\nCopy or download it again.") from error
        if isinstance(error, OSError | MemoryError):
            raise unreadable(str(path), error) from error
        raise ReadError(
            f"{path} cannot be read as NIfTI: {reason}.\nWrite it again with the program that it came from."
        ) from error


def _open_plain(path: Path) -> NiftiFile:
    from nibabel.fileholders import FileHolder

    nib = nibabel()
    suffix = path.suffix.lower()
    if suffix not in (".nii", ".hdr", ".img"):
        return _as_nifti(path, nib.load(path, mmap=False))
    place = path if suffix == ".nii" else path.with_suffix(_other_half(path, ".hdr"))
    with place.open("rb") as stream:
        found = repaired(stream.read(HEAD))
        if found is None:
            return _as_nifti(path, nib.load(path, mmap=False))
        block, notes = found
        stream.seek(len(block))
        content = io.BytesIO(block + stream.read())
    two = len(block) == nib.Nifti2Header.sizeof_hdr
    if suffix == ".nii":
        image = (nib.Nifti2Image if two else nib.Nifti1Image).from_stream(content)
    else:
        voxels = FileHolder(filename=str(path.with_suffix(_other_half(path, ".img"))))
        files = {"header": FileHolder(fileobj=content), "image": voxels}
        image = (nib.Nifti2Pair if two else nib.Nifti1Pair).from_file_map(files, mmap=False)
    return replace(_as_nifti(path, image), notes=tuple(notes))


def _open_compressed(path: Path) -> NiftiFile:
    nib = nibabel()
    file = None
    with gzip.open(path, "rb") as stream:
        if path.name.lower().endswith((".nii.gz", ".nii")):
            head = stream.read(HEAD)
            stream.seek(0)
            block, notes = repaired(head) or (b"", [])
            two = 540 in (int.from_bytes(head[:4], "little"), int.from_bytes(head[:4], "big"))
            source: Any = io.BytesIO(block + stream.read()[len(block) :]) if block else stream
            image = (nib.Nifti2Image if two else nib.Nifti1Image).from_stream(source)
            file = NiftiFile(image, np.array(_scaled(path, image)), tuple(notes))
        # The checksum stands at the very end; without this a damaged tail would go unnoticed.
        while stream.read(1 << 20):
            pass
    return file or _as_nifti(path, nib.load(path))


def _as_nifti(path: Path, image: Any) -> NiftiFile:
    """FreeSurfer's and Analyze files get the header that a NIfTI file of theirs would have."""
    nib = nibabel()
    values = _scaled(path, image)
    if isinstance(image, nib.Nifti1Pair):
        return NiftiFile(image, values)
    if isinstance(image, nib.MGHImage):
        # Its affine is scanner coordinates in mm by definition.
        converted = nib.Nifti1Image(values, None, dtype=values.dtype)
        converted.header.set_sform(image.affine, code=1)
        converted.header.set_zooms(image.header.get_zooms()[: values.ndim])
        # Its repetition time is in milliseconds; frames without one may be anything, such as subjects.
        repeats = values.ndim == 4 and image.header.get_zooms()[3] > 0
        converted.header.set_xyzt_units("mm", "msec" if repeats else None)
        return NiftiFile(converted, values)
    if isinstance(image, nib.AnalyzeImage):
        # It has no orientation; without one, file_affine says what it assumes.
        converted = nib.Nifti1Image(values, None, dtype=values.dtype)
        converted.header.set_zooms(image.header.get_zooms()[: values.ndim])
        converted.header.set_xyzt_units("mm")
        return NiftiFile(converted, values)
    raise ReadError(f"{path} cannot be read: it is {type(image).__name__}, not NIfTI.\nConvert it to NIfTI first.")


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def _other_half(path: Path, suffix: str) -> str:
    """Return the suffix of one half of a pair, in capitals where that of the given half is."""
    return suffix.upper() if path.suffix.isupper() else suffix


def _check_other_half(path: Path) -> None:
    for one, other in ((".hdr", ".img"), (".img", ".hdr")):
        half = path.with_suffix(_other_half(path, other))
        if path.suffix.lower() != one or (other == ".img" and half.with_name(f"{half.name}.gz").exists()):
            continue
        why = why_no_file(half)
        if why == NOT_THERE:
            raise ReadError(
                f"{path} cannot be read: its other half {half.name} is missing beside it.\nPut both into one folder."
            )
        check_file(half)


def _scaled(path: Path, image: Any) -> NDArray[Any]:
    dtype = image.get_data_dtype()
    if dtype.fields is not None:
        names = "".join(dtype.names or ())
        raise ReadError(f"{path} cannot be read: its voxels are colours ({names}).\nExtract one channel first.")
    if dtype.kind not in "iuf":
        raise ReadError(f"{path} cannot be read: its voxels are of type {dtype}.\nStore the magnitude first.")
    values = native(np.asarray(image.dataobj.get_unscaled()))
    slope, intercept = float(image.dataobj.slope), float(image.dataobj.inter)
    return compacted(rescaled(values, slope, intercept)) if (slope, intercept) != (1.0, 0.0) else values


def _named_axes(path: Path, values: NDArray[Any], header: Any, notes: list[str]) -> tuple[NDArray[Any], str]:
    """Return the values without trailing single axes, and the letters of their reverse order."""
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim == 2:
        return values, "yx"
    if values.ndim == 3:
        return values, "zyx"
    if values.ndim == 5 and values.shape[3] == 1:
        notes.append(f"the {values.shape[4]} values per voxel are channels")
        return values[:, :, :, 0], "czyx"
    if values.ndim == 4:
        return values, "tzyx"
    if values.ndim == 5:
        return values, "ctzyx"
    raise ReadError(
        f"{path} cannot be read: an array of shape {values.shape} is no volume, time series or channels.\n"
        "Extract the part you need first."
    )


def file_affine(path: Path, header: Any, notes: list[str]) -> NDArray[np.float64]:
    """Return the affine from the file's index to RAS: the sform first, then the qform, then spacing alone."""
    header = _with_positive_steps(header)
    sform, s_code = header.get_sform(coded=True)
    qform, q_code = _qform(header)
    for form, code, name in ((sform, s_code, "sform"), (qform, q_code, "qform")):
        if not code:
            continue
        if form is not None and _regular(form):
            if name == "sform" and q_code and qform is not None and np.abs(qform - form).max() > 0.5:
                notes.append("sform and qform disagree; the sform was taken")
            return np.asarray(form, dtype=np.float64)
        notes.append(f"the {name} is singular and was ignored")
    spacing = [float(s) for s in header["pixdim"][1:4]]
    ndim = int(header["dim"][0])
    if any(not math.isfinite(s) or s <= 0 for s in spacing[: min(ndim, 3)]):
        raise ReadError(
            f"{path} cannot be read: its header has neither an affine nor a spacing ({spacing}).\n"
            "Write it again with the program that it came from."
        )
    notes.append("the header has no orientation; that of most scanners (LAS) was assumed")
    return np.asarray(header.get_base_affine(), dtype=np.float64)


def _with_positive_steps(header: Any) -> Any:
    """Return a header whose steps are above zero; some programs mark a mirrored axis there, not in the forms."""
    steps = np.array(header["pixdim"][1:4])
    if not (steps < 0).any():
        return header
    header = header.copy()
    header["pixdim"][1:4] = np.abs(steps)
    return header


def _regular(form: NDArray[Any]) -> bool:
    # Relative to the columns' lengths, so that micrometres written as mm do not look singular.
    lengths = np.linalg.norm(form[:3, :3], axis=0)
    if not np.isfinite(form).all() or not lengths.all():
        return False
    return abs(float(np.linalg.det(form[:3, :3] / lengths))) > 1e-6


def _qform(header: Any) -> tuple[NDArray[Any] | None, int]:
    from nibabel.spatialimages import HeaderDataError

    try:
        form, code = header.get_qform(coded=True)
    except (HeaderDataError, ValueError):
        return None, int(header["qform_code"])
    return form, int(code)


def length_unit(header: Any, notes: list[str]) -> str:
    """Return the file's unit of length; mm, with a note, where it names none."""
    unit = _SPACE_UNITS.get(_file_units(header)[0])
    if unit is None:
        notes.append("the header names no unit of length; mm was assumed")
    return unit or "mm"


def _file_units(header: Any) -> tuple[str, str]:
    """Names of the units of length and time; unknown where the header's code means nothing."""
    code = int(header["xyzt_units"])
    return _SPACE_CODES.get(code & 7, "unknown"), _TIME_CODES.get(code & 56, "unknown")


def _declares_time(path: Path, header: Any) -> bool:
    """Tell whether the header says that the fourth axis is time.

    By its unit, its intent, or what only a series has: a first time point or a duration of slices. The directions
    and b-values of a diffusion scan, which converters keep beside the file, say that it is not: the same converters
    name a unit of time in every header.
    """
    intent = int(header["intent_code"])
    if intent in _NO_TIME or any(path.with_name(_stem(path) + end).exists() for end in (".bval", ".bvals")):
        return False
    timed = any(math.isfinite(float(header[field])) and header[field] > 0 for field in ("toffset", "slice_duration"))
    return intent == _TIME_SERIES or timed or _file_units(header)[1] in _TIME_UNITS


def _interval(header: Any) -> float | None:
    """Return the seconds between two time points, where the file says so."""
    seconds = seconds_per_unit(_file_units(header)[1])
    if seconds is None:
        return None
    step = step_of(header["pixdim"][4])
    return None if step is None else step * seconds


def _stem(path: Path) -> str:
    name = path.name
    for suffix in (".nii.gz", ".nii", ".hdr", ".img", ".mgz", ".mgh"):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return path.stem
