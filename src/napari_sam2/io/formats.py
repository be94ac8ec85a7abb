"""The formats of files: which there are, how they are told apart, and what can be read from and written to each.

The one place that lists them; readers, writers, dialogs, help and error texts read it. Their libraries are imported
when a file of the format is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from napari_sam2.core.volume import ImageVolume
    from napari_sam2.io.label_grid import LabelNote


@dataclass(frozen=True)
class Format:
    """One format.

    Parameters
    ----------
    name
        For people.
    source
        What `VolumeSource.format` calls it.
    suffixes
        Of the files that are read, in lower case, the usual one first.
    writes
        The suffixes of those under which labels can be written, the usual one first; none where they cannot.
    volume_reader, labels_reader, labels_writer, note_reader
        ``"module:function"`` in `napari_sam2.io`; empty where there is none. The last one tells whether a file says
        that it holds labels.
    labels_name
        For people, where the format has another name for labels.
    by_content
        Whether what a file or folder holds says that it is of this format, whatever its name.
    """

    name: str
    source: str
    suffixes: tuple[str, ...]
    writes: tuple[str, ...] = ()
    volume_reader: str = ""
    labels_reader: str = ""
    labels_writer: str = ""
    note_reader: str = ""
    labels_name: str = ""
    by_content: bool = False

    @property
    def read_volume(self) -> Callable[..., ImageVolume]:
        """The function that reads an image of this format."""
        return _function(self.volume_reader)

    @property
    def read_labels(self) -> Callable[..., Any]:
        """The function that reads labels of this format onto a volume."""
        return _function(self.labels_reader)

    @property
    def write_labels(self) -> Callable[..., None]:
        """The function that writes labels in this format."""
        return _function(self.labels_writer)

    @property
    def read_label_note(self) -> Callable[[Path], LabelNote | None]:
        """The function that reads what a file says about the labels in it."""
        return _function(self.note_reader)


OME_XML_SUFFIX = ".companion.ome"
"""Of the one file of a TIFF image that is no TIFF: the OME-XML of a set of files, apart from them."""

NIFTI = Format(
    "NIfTI",
    "nifti",
    (".nii.gz", ".nii"),
    (".nii.gz", ".nii"),
    "nifti:read_nifti",
    "nifti_labels:read_nifti_labels",
    "nifti_labels:write_nifti_labels",
    "nifti_labels:read_nifti_label_note",
)
ANALYZE = Format(
    "Analyze",
    "nifti",
    (".hdr", ".img", ".hdr.gz", ".img.gz"),
    volume_reader="nifti:read_nifti",
    labels_reader="nifti_labels:read_nifti_labels",
    note_reader="nifti_labels:read_nifti_label_note",
)
FREESURFER = Format(
    "FreeSurfer",
    "nifti",
    (".mgz", ".mgh"),
    volume_reader="nifti:read_nifti",
    labels_reader="nifti_labels:read_nifti_labels",
    note_reader="nifti_labels:read_nifti_label_note",
)
NRRD = Format(
    "NRRD",
    "itk",
    (".nrrd", ".nhdr"),
    (".nrrd",),
    "itk:read_itk",
    "itk:read_itk_labels",
    "itk:write_itk_labels",
    "itk:read_itk_label_note",
)
METAIMAGE = Format(
    "MetaImage",
    "itk",
    (".mha", ".mhd"),
    (".mha",),
    "itk:read_itk",
    "itk:read_itk_labels",
    "itk:write_itk_labels",
    "itk:read_itk_label_note",
)
TIFF = Format(
    "TIFF",
    "tiff",
    (".tif", ".tiff", ".btf", ".tf8", ".tf2", OME_XML_SUFFIX),
    (".tif", ".tiff"),
    "tiff.volume:read_tiff",
    "tiff.volume:read_tiff_labels",
    "tiff.labels:write_tiff_labels",
    "tiff.labels:read_tiff_label_note",
)
DICOM = Format(
    "DICOM",
    "dicom",
    (".dcm", ".ima"),
    (".dcm",),
    "dicom.series:read_dicom",
    "dicom.label_reader:read_dicom_labels",
    "dicom.seg_writer:write_dicom_seg",
    labels_name="DICOM-SEG",
    by_content=True,
)
ZARR = Format(
    "OME-Zarr",
    "zarr",
    (".zarr",),
    (".zarr",),
    "ome_zarr:read_ome_zarr",
    "ome_zarr:read_ome_zarr_labels",
    "ome_zarr_labels:write_ome_zarr_labels",
    by_content=True,
)
FORMATS = (NIFTI, NRRD, METAIMAGE, TIFF, DICOM, ZARR, ANALYZE, FREESURFER)
"""All formats, in the order in which they are offered for labels."""
NAMED_FORMATS = tuple(f for f in FORMATS if not f.by_content)
"""Those that the name of a file says."""

# Known formats of other programs, so that they are not mistaken for a DICOM file without a suffix.
FOREIGN = {
    ".mnc": "MINC",
    ".par": "Philips PAR/REC",
    ".rec": "Philips PAR/REC",
    ".head": "AFNI",
    ".brik": "AFNI",
    ".npz": "NumPy",
    ".npy": "NumPy",
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
}


def by_suffix(name: str, formats: Iterable[Format] = FORMATS) -> Format | None:
    """Return the format that the end of a file's name says; None where it says none.

    Parameters
    ----------
    name
        Of a file.
    formats
        Those to choose from; all by default.

    Returns
    -------
    Format or None
        The first whose suffix it ends in, in capital or small letters.

    Examples
    --------
    >>> by_suffix("Liver.NII.GZ").name
    'NIfTI'
    """
    return next((f for f in formats if name.lower().endswith(f.suffixes)), None)


def label_format(path: Path) -> Format | None:
    """Return the format in which labels are written to a path; None where its name says none.

    Parameters
    ----------
    path
        Of labels to be written.

    Returns
    -------
    Format or None
        One that can be written.
    """
    found = by_suffix(path.name)
    if found is None and is_inside_zarr(path):
        return ZARR
    return found if found is not None and path.name.lower().endswith(found.writes or ("/",)) else None


def is_inside_zarr(path: Path) -> bool:
    """Tell whether a path is that of labels inside an OME-Zarr image: ``IMAGE.zarr/labels/NAME``.

    Parameters
    ----------
    path
        Of labels to be written.

    Returns
    -------
    bool
        True also where the image has no suffix but the metadata of one.
    """
    image = path.parent.parent
    return path.parent.name == "labels" and (by_suffix(image.name) is ZARR or (image / ".zattrs").exists())


def label_suffixes() -> tuple[str, ...]:
    """Return the suffixes under which labels can be written.

    Returns
    -------
    tuple of str
        In the order of `FORMATS`, with their dots.
    """
    return tuple(suffix for f in FORMATS for suffix in f.writes)


def label_formats(source: str = "") -> list[Format]:
    """Return the formats in which labels can be written, that of their image first.

    Parameters
    ----------
    source
        The image's `VolumeSource.format`. DICOM-SEG needs an image from DICOM and is left out for others.

    Returns
    -------
    list of Format
        At least one.
    """
    offered = [f for f in FORMATS if f.writes and (f is not DICOM or source == DICOM.source)]
    return sorted(offered, key=lambda f: f.source != source)


def without_suffix(name: str) -> str:
    """Return a file's name without the suffix of its format.

    Parameters
    ----------
    name
        Of a file.

    Returns
    -------
    str
        The name itself where it ends in no suffix of a format.

    Examples
    --------
    >>> without_suffix("head.nii.gz"), without_suffix("scan 1.5 mm")
    ('head', 'scan 1.5 mm')
    """
    endings = [s for f in FORMATS for s in f.suffixes if name.lower().endswith(s)]
    return name[: -len(max(endings, key=len))] if endings else name


def stems_of(image: Path) -> list[str]:
    """Return by which names the files beside an image are called after it: its session, its prompts, its labels.

    Parameters
    ----------
    image
        A file or folder.

    Returns
    -------
    list of str
        First the one that new files get, without an ``.ome`` before the suffix, then those of earlier versions. The
        last is the surest, because no other image has it.

    Examples
    --------
    >>> from pathlib import Path
    >>> stems_of(Path("head.nii.gz"))[0], stems_of(Path("cells.ome.tif"))
    ('head', ['cells', 'cells.ome'])
    """
    plain, is_folder = without_suffix(image.name), image.is_dir()
    before = image.name if is_folder else image.stem
    # A folder's name may well have a dot in it; a file's last dot begins its suffix, whatever that is.
    new = before if plain == image.name else plain
    if new.lower().endswith(".ome"):
        new = new[: -len(".ome")]
    return list(dict.fromkeys((new, plain, before)))


def volume_names() -> str:
    """Name the formats of images in a sentence.

    Returns
    -------
    str
        The last one after an "or".

    Examples
    --------
    >>> volume_names()
    'NIfTI, NRRD, MetaImage, TIFF, DICOM, OME-Zarr, Analyze or FreeSurfer'
    """
    return _listed([f.name for f in FORMATS if f.volume_reader])


def label_names() -> str:
    """Name the formats in which labels can be written, in a sentence.

    Returns
    -------
    str
        The last one after an "or".

    Examples
    --------
    >>> label_names()
    'NIfTI, NRRD, MetaImage, TIFF, DICOM-SEG or OME-Zarr'
    """
    return _listed([f.labels_name or f.name for f in FORMATS if f.writes])


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _function(place: str) -> Callable[..., Any]:
    module, _, name = place.partition(":")
    found: Callable[..., Any] = getattr(import_module(f"napari_sam2.io.{module}"), name)
    return found
