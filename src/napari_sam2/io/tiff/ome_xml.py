"""The OME-XML of a TIFF: which of its images a file belongs to, in which files that image lies, and its sizes.

A set of OME-TIFF files repeats the metadata of the whole in each of them, or names the file that has them. A file
that is named and not there is an error: tifffile would fill its planes with zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from napari_sam2.core.units import in_one_unit, seconds_per_unit, step_of
from napari_sam2.errors import ReadError
from napari_sam2.io.formats import OME_XML_SUFFIX, TIFF

if TYPE_CHECKING:
    from pathlib import Path
    from xml.etree.ElementTree import Element


_WITH_PIXELS = tuple(suffix for suffix in TIFF.suffixes if suffix != OME_XML_SUFFIX)
# What tifffile is told to be the identifier of the opened file.
_THIS = "this file"


@dataclass(frozen=True)
class OmeImage:
    """The metadata of one image of an OME-TIFF.

    Parameters
    ----------
    xml
        For tifffile: this image alone, with the names of the files as they lie on the disk.
    pixels
        The element with the image's axes and sizes.
    files
        Names of the files that hold its planes, beside the opened one; empty where that is the only one.
    description
        The image's own description.
    alone
        Whether the file describes this image only.
    notes
        What was chosen.
    """

    xml: str
    pixels: Element
    files: tuple[str, ...]
    description: str
    alone: bool
    notes: tuple[str, ...]


def ome_image(path: Path, text: str) -> OmeImage | None:
    """Read the OME-XML of a TIFF, wherever it is.

    Parameters
    ----------
    path
        The opened file.
    text
        Its own OME-XML, which may say that the metadata are in another file.

    Returns
    -------
    OmeImage or None
        The first image that has planes in this file; None where the metadata are damaged or describe no image.

    Raises
    ------
    ReadError
        If the metadata, or some of the image's planes, are in a file that is missing.
    """
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return None
    own = (root.get("UUID") or "").strip()
    elsewhere = _child(root, "BinaryOnly")
    if elsewhere is not None:
        root = _metadata_of(path, elsewhere.get("MetadataFile", ""))
    images = [e for e in root if _tag(e) == "Image" and _child(e, "Pixels") is not None]
    if not images:
        return None
    chosen = next((i for i in images if _has_planes_in(i, path.name, own)), images[0])
    for image in images:
        if image is not chosen:
            root.remove(image)
    notes = []
    if len(images) > 1:
        called = f" ({chosen.get('Name')})" if chosen.get("Name") else ""
        notes.append(f"image {images.index(chosen) + 1} of {len(images)} in the file{called} was read")
    pixels = _child(chosen, "Pixels")
    assert pixels is not None
    files = _placed(path, pixels, own, is_part=elsewhere is not None)
    root.set("UUID", _THIS)
    description = _child(chosen, "Description")
    return OmeImage(
        xml=ElementTree.tostring(root, encoding="unicode"),
        pixels=pixels,
        files=files,
        description="" if description is None else description.text or "",
        alone=len(images) == 1,
        notes=tuple(notes),
    )


def ome_lengths(pixels: Element, axes: str, notes: list[str]) -> tuple[dict[str, float], str | None, float | None]:
    """Return the steps of the axes, their unit, and the frame interval in seconds, of a Pixels element."""
    lengths, units = {}, {}
    for axis in (a for a in "zyx" if a in axes):
        value = pixels.get(f"PhysicalSize{axis.upper()}")
        step = step_of(value)
        if step is not None and value is not None:
            if value.strip().startswith("-"):
                notes.append(f"the step along {axis} is negative in the file; its size was taken")
            lengths[axis] = step
            # The schema's default.
            units[axis] = pixels.get(f"PhysicalSize{axis.upper()}Unit", "µm")
    for missing, given in (("x", "y"), ("y", "x")):
        if given in lengths and missing not in lengths:
            lengths[missing], units[missing] = lengths[given], units[given]
    if lengths and "x" not in lengths:
        lengths |= {"y": 1.0, "x": 1.0}
    interval = step_of(pixels.get("TimeIncrement"))
    seconds = seconds_per_unit(pixels.get("TimeIncrementUnit", "s"))
    common, unit = in_one_unit(lengths, units, notes) if lengths else ({}, None)
    return common, unit, interval * seconds if interval and seconds else None


def first_file_of(companion: Path) -> Path:
    """Return the first TIFF file that a file of metadata alone (``.companion.ome``) names and that is there.

    Raises
    ------
    ReadError
        If it is no OME-XML, or none of its files is there.
    """
    root = _parsed(companion, companion)
    names = [u.get("FileName", "") for u in root.iter() if _tag(u) == "UUID" and u.get("FileName")]
    found = next((place for name in names if (place := _beside(companion, name)) is not None), None)
    if found is None:
        missing = f"the file {names[0]} that it names is missing" if names else "it names no TIFF files"
        raise ReadError(f"{companion} cannot be read: {missing}.\nPut all files of the image into one folder.")
    return companion.parent / found


def _metadata_of(path: Path, name: str) -> Element:
    """Return the OME-XML of the file that an incomplete one refers to: XML alone, or another TIFF."""
    found = _beside(path, name)
    if found is None:
        raise ReadError(
            f"{path} says that its metadata are in the file {name or '(without a name)'}, which is missing beside it.\n"
            "Put all files of the image into one folder."
        )
    return _parsed(path, path.parent / found)


def _parsed(path: Path, place: Path) -> Element:
    import tifffile

    try:
        if place.name.lower().endswith(_WITH_PIXELS):
            with tifffile.TiffFile(place) as tiff:
                root = ElementTree.fromstring(tiff.ome_metadata or "")
        else:
            root = ElementTree.fromstring(place.read_bytes())
    except (ElementTree.ParseError, OSError, ValueError) as error:
        raise ReadError(
            f"{path} cannot be read: its metadata in {place.name} are damaged ({error}).\nCopy the files again."
        ) from error
    return root


def _has_planes_in(image: Element, name: str, own: str) -> bool:
    """Tell whether an image has planes in a file; one that names no files has all of them in the opened one."""
    uuids = [e for e in image.iter() if _tag(e) == "UUID"]
    mine = (own, None) if own else (None,)
    return not uuids or any(
        (e.text or "").strip() in mine or _base(e.get("FileName", "")).lower() == name.lower() for e in uuids
    )


def _placed(path: Path, pixels: Element, own: str, is_part: bool) -> tuple[str, ...]:
    """Give each reference to a file its name on the disk; the names, or an error that says which file is missing."""
    uuids = [e for e in pixels.iter() if _tag(e) == "UUID"]
    names = list(dict.fromkeys(e.get("FileName", "") for e in uuids))
    found = {name: _beside(path, name) if name else path.name for name in names}
    # Some programs give all files of a set one identifier; then the names have to do.
    mine = {e.get("FileName", "") for e in uuids if own and (e.text or "").strip() == own}
    if len(mine) == 1:
        found[mine.pop()] = path.name
    elif len(names) == 1 and found[names[0]] is None and not is_part:
        # The image lies in one file, and so in this one, which was renamed.
        found[names[0]] = path.name
    missing = [name for name, place in found.items() if place is None]
    if missing:
        others = f" and {len(missing) - 1} more are" if len(missing) > 1 else " is"
        raise ReadError(
            f"{path} is one of {len(names)} files of an image, of which {_base(missing[0])}{others} missing.\n"
            "Put all of them into one folder."
        )
    for element in uuids:
        place = str(found[element.get("FileName", "")])
        element.set("FileName", place)
        element.text = _THIS if place == path.name else place
    return tuple(str(place) for place in found.values() if place != path.name)


def _beside(path: Path, name: str) -> str | None:
    """Return the name, under a file's folder, of another file that it refers to; None where it is not there.

    A set that was moved may still have the folders of its old place in its names.
    """
    base = _base(name)
    if not base:
        return None
    if (path.parent / base).is_file():
        return base
    inside = name.replace("\\", "/")
    if ".." not in inside and not inside.startswith("/") and (path.parent / inside).is_file():
        return inside
    return next((p.name for p in path.parent.iterdir() if p.name.lower() == base.lower() and p.is_file()), None)


def _base(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _child(element: Element, tag: str) -> Element | None:
    return next((e for e in element if _tag(e) == tag), None)
