"""Labels as a DICOM segmentation object (DICOM-SEG), by highdicom.

One segment per label, with a coded meaning, in the frame of reference of the series that was segmented and with
references to its images. The standard requires the patient and study data of that series to be repeated in the
file; nothing else about the patient is added, and nothing of it is logged.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.atomic_write import replacing
from napari_sam2.errors import WriteError
from napari_sam2.io.dicom.opening import damage, first_line, quiet
from napari_sam2.io.dicom.source_series import checked_header, read_headers
from napari_sam2.io.dicom.terminology import TISSUE, SegmentCode, code_for
from napari_sam2.io.label_grid import checked_labels, to_planes
from napari_sam2.io.label_stack import LabelStack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_sam2.core.volume import ImageVolume

_MAKER = "napari-sam2"
_SIDES_MODIFIER = "SegmentedPropertyTypeModifierCodeSequence"
# DICOM counts segments from 1 without gaps; the label's own number stands in the segment's description.
LABEL_TEXT = "label "


def write_dicom_seg(
    path: Path,
    labels: Any,
    volume: ImageVolume,
    names: Mapping[int, str] | None = None,
    codes: Mapping[int, SegmentCode] | None = None,
    probabilities: Mapping[int, Any] | None = None,
) -> None:
    """Write labels of a DICOM series as one DICOM-SEG file.

    Parameters
    ----------
    path
        Ends in ``.dcm``; replaced if it is there.
    labels
        Whole numbers on the volume's grid without channels; 0 is the background. Or a `LabelStack`, of objects that
        may overlap: a segment for each.
    volume
        Read from DICOM by `read_volume`; its files must still be where they were.
    names
        Names of the labels, free text. A name that is in our table of codes (``"left kidney"``) is coded.
    codes
        Codes of the labels, over those found by name; see `terminology.search_codes`. Without either a segment
        is coded as tissue and named by its text.
    probabilities
        For a fractional object: label → float array on the same grid, 0 to 1. Every label needs one; `labels`
        then only says which labels there are.

    Raises
    ------
    WriteError
        If the volume is not a DICOM series of slices, has no unique identifiers, or the labels are empty.
    """
    stack = labels.filled() if isinstance(labels, LabelStack) else None
    array = checked_labels(labels, volume, path) if stack is None else stack.masks
    sources, order = _sources(path, volume)
    present = [int(v) for v in np.unique(array) if v] if stack is None else list(stack.objects)
    if not present:
        raise WriteError(
            f"{path} was not written: there is no object in the labels.\nA DICOM-SEG needs at least one segment."
        )
    planes = to_planes(array, volume)
    if probabilities is not None:
        pixels = _fractions(path, probabilities, present, volume.label_shape).reshape(*planes.shape[-3:], -1)[order]
    elif stack is not None:
        pixels = np.moveaxis(planes, 0, -1)[order].astype(np.uint8)
    else:
        pixels = _numbered(planes, present)[order]
    descriptions = [
        _description(n, v, (names or {}).get(v), (codes or {}).get(v)) for n, v in enumerate(present, start=1)
    ]
    try:
        with quiet(), warnings.catch_warnings():
            segmentation = _segmentation(sources, pixels, descriptions, volume, fractional=probabilities is not None)
            with replacing(path) as temporary:
                segmentation.save_as(temporary)
    except damage() as error:
        raise _not_written(path, error) from error


def _not_written(path: Path, error: Exception) -> WriteError:
    if isinstance(error, MemoryError):
        return WriteError(f"{path} was not written: there is not enough memory for it.\nClose other images first.")
    return WriteError(
        f"{path} was not written: the headers of the series do not allow a DICOM-SEG: {first_line(error)}.\n"
        "Write NIfTI or NRRD instead."
    )


def _sources(path: Path, volume: ImageVolume) -> tuple[list[Any], NDArray[np.intp]]:
    """Return the headers of the source images, and the volume's slice for each frame of theirs."""
    header = checked_header(path, volume, "DICOM-SEG")
    source = volume.source
    assert source is not None
    files = list(dict.fromkeys(source.paths))
    if len(files) not in (1, len(source.paths)):
        raise WriteError(
            f"{path} was not written: its series is spread over {len(files)} files of several frames.\n"
            "Write NIfTI or NRRD instead."
        )
    sources = read_headers(path, files)
    for dataset in sources:
        _share(dataset)
    if len(files) == 1 < len(source.paths) and not _has_positions(sources[0]):
        raise WriteError(
            f"{path} was not written: the header of {files[0].name} gives its frames no position of their own, to "
            "which a DICOM-SEG must refer.\nWrite NIfTI or NRRD instead."
        )
    # highdicom takes the frames of a multi-frame file in the file's order, and single images as they come.
    order = np.argsort(header["frames"]) if len(files) == 1 else np.arange(len(files))
    if len(files) == 1 and int(sources[0].get("NumberOfFrames", 1) or 1) != len(source.paths):
        raise WriteError(
            f"{path} was not written: the series is a part of the frames of its file.\nWrite NIfTI or NRRD instead."
        )
    return sources, order


def _has_positions(dataset: Any) -> bool:
    """Tell whether a file of many frames gives each of them a position."""
    groups = dataset.get("PerFrameFunctionalGroupsSequence") or []
    return bool(groups) and all("PlanePositionSequence" in group for group in groups)


def _share(dataset: Any) -> None:
    """Say once for all frames what a multi-frame file repeats for each; highdicom looks only there."""
    shared, each = (dataset.get(f"{k}FunctionalGroupsSequence") for k in ("Shared", "PerFrame"))
    for keyword in ("PixelMeasuresSequence", "PlaneOrientationSequence"):
        if shared and each and keyword not in shared[0] and keyword in each[0]:
            # The frames of one volume agree in them: they were grouped by it.
            setattr(shared[0], keyword, each[0][keyword].value)


def _numbered(planes: NDArray[Any], present: list[int]) -> NDArray[Any]:
    """Map labels to segment numbers, which are 1, 2, 3 and so on."""
    numbers = np.searchsorted(present, planes) + 1
    return np.where(planes > 0, numbers, 0).astype(np.uint8 if len(present) < 2**8 else np.uint16)


def _fractions(
    path: Path, probabilities: Mapping[int, Any], present: list[int], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    missing = [v for v in present if v not in probabilities]
    wrong = [v for v in present if v in probabilities and np.shape(probabilities[v]) != shape]
    if missing or wrong:
        raise WriteError(
            f"{path} was not written: the probabilities of label {(missing or wrong)[0]} are missing or not on the "
            f"volume's grid {shape}.\nGive one array for each label."
        )
    stack = np.stack([np.asarray(probabilities[v], dtype=np.float32) for v in present], axis=-1)
    if not np.isfinite(stack).all() or stack.min() < 0 or stack.max() > 1:
        raise WriteError(f"{path} was not written: probabilities must lie between 0 and 1.\nConvert logits first.")
    return stack


def _description(number: int, label: int, name: str | None, code: SegmentCode | None) -> Any:
    import highdicom as hd

    text = (name or "").strip() or f"object {label}"
    code = code or code_for(text) or TISSUE
    description = hd.seg.SegmentDescription(
        segment_number=number,
        # A label has 64 letters.
        segment_label=text[:64],
        segmented_property_category=_concept(*code.category),
        segmented_property_type=_concept(code.value, code.meaning),
        # A person places the prompts, corrects and accepts.
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=_MAKER, version=_version(), family=_concept("123110", "Artificial Intelligence", "DCM")
        ),
        tracking_uid=hd.UID(),
        tracking_id=f"{_MAKER} {number}",
    )
    description.SegmentDescription = f"{LABEL_TEXT}{label}"
    if code.side is not None:
        setattr(description.SegmentedPropertyTypeCodeSequence[0], _SIDES_MODIFIER, [_concept(*code.side)])
    return description


def _concept(value: str, meaning: str, scheme: str = "SCT") -> Any:
    import highdicom as hd

    return hd.sr.CodedConcept(value=value, meaning=meaning, scheme_designator=scheme)


def _version() -> str:
    from importlib.metadata import version

    return version("napari-sam2")


def _segmentation(
    sources: list[Any], pixels: NDArray[Any], descriptions: list[Any], volume: ImageVolume, fractional: bool
) -> Any:
    import highdicom as hd

    assert volume.source is not None
    thickness = volume.source.header["slice_thickness"]
    gap = float(np.linalg.norm(volume.affine[:3, 0]))
    rows, columns = (float(n) for n in np.linalg.norm(volume.affine[:3, 1:3], axis=0))
    return hd.seg.Segmentation(
        source_images=sources,
        pixel_array=pixels,
        segmentation_type="FRACTIONAL" if fractional else "BINARY",
        segment_descriptions=descriptions,
        series_instance_uid=hd.UID(),
        series_number=max(1, int(sources[0].get("SeriesNumber") or 0) * 100 + 1) % 2**31,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer=_MAKER,
        manufacturer_model_name=_MAKER,
        software_versions=_version(),
        device_serial_number="0",
        content_label="SEGMENTATION",
        content_description="Segmentation with napari-sam2",
        pixel_measures=hd.PixelMeasuresSequence(
            pixel_spacing=(rows, columns), slice_thickness=thickness or gap, spacing_between_slices=gap
        ),
    )
