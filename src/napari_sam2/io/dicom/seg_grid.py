"""The grid of a DICOM-SEG that is opened without the images it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.volume import ImageVolume, VolumeSource
from napari_sam2.errors import ReadError
from napari_sam2.io.dicom.frame import Frame
from napari_sam2.io.dicom.multiframe import frames_of
from napari_sam2.io.dicom.opening import damage, first_line, quiet

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

# How far a frame may lie beside the grid, in slices.
_OFF_GRID = 0.1


def is_seg(path: Path) -> bool:
    """Tell whether a DICOM file is a segmentation object.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    bool
        False also where it is damaged.
    """
    import pydicom

    try:
        with quiet():
            return str(pydicom.dcmread(path, force=True, specific_tags=["Modality"]).get("Modality", "")) == "SEG"
    except damage():
        # Whoever opens it as an image is told what is wrong with it.
        return False


def seg_grid(path: Path) -> ImageVolume:
    """Return an empty volume on the grid of a DICOM-SEG's frames.

    Slices without a segment are often left out of the file. Where it lists its images one by one, as ours do, the
    grid is theirs, so that it has their slices; otherwise it reaches from the first frame to the last.

    Parameters
    ----------
    path
        A DICOM-SEG.

    Returns
    -------
    ImageVolume
        Of zeros, with the axes ``zyx``; its source has the notes.

    Raises
    ------
    ReadError
        If the file is damaged, or its frames make no regular grid.
    """
    import pydicom

    try:
        with quiet():
            ds = pydicom.dcmread(path, stop_before_pixels=True, force=True)
            frames = list(frames_of(ds))
            orientations = {tuple(float(v) for v in f.get("ImageOrientationPatient")) for f in frames}
            places = np.array([[float(v) for v in f.get("ImagePositionPatient")] for f in frames])
            if len(orientations) != 1:
                raise _no_grid(path, "its frames are turned against each other")
            right, down = np.array(orientations.pop()).reshape(2, 3)
            rows, columns = (float(s) for s in frames[0].get("PixelSpacing"))
            normal = np.cross(right, down)
            index, step = _slices(path, frames, places, normal)
            notes: list[str] = []
            below, count = _of_images(ds, frames, index, notes)
            affine = np.eye(4)
            affine[:3, 0], affine[:3, 1], affine[:3, 2] = step, down * rows, right * columns
            affine[:3, 3] = places[int(np.argmin(index))] - step * below
            shape = (count, int(ds.Rows), int(ds.Columns))
    except damage() as error:
        raise ReadError(f"{path} cannot be read: {first_line(error)}.\nGet a whole copy of it.") from error
    source = VolumeSource(opened=path, notes=tuple(notes))
    return ImageVolume(np.broadcast_to(np.uint8(0), shape), units="mm", affine=affine, source=source, name=path.stem)


def _slices(
    path: Path, frames: list[Frame], places: NDArray[np.float64], normal: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the slice of each frame, counted from the lowest, and the way from one slice to the next in mm.

    Their distance is what the file says, else the smallest of two frames, else the thickness.
    """
    along = places @ normal
    said = frames[0].get("SpacingBetweenSlices")
    apart = np.diff(np.unique(np.round(along, 3)))
    gap = float(said or 0) or (float(apart.min()) if apart.size else float(frames[0].get("SliceThickness") or 1.0))
    index = np.rint((along - along.min()) / abs(gap)).astype(np.intp)
    lowest, highest = places[int(np.argmin(along))], places[int(np.argmax(along))]
    step = (highest - lowest) / index.max() if index.max() else normal * abs(gap)
    if np.abs(places - (lowest + np.outer(index, step))).max() > _OFF_GRID * abs(gap):
        raise _no_grid(path, "its frames do not lie at equal distances")
    return index, step


def _of_images(ds: Dataset, frames: list[Frame], index: NDArray[np.intp], notes: list[str]) -> tuple[int, int]:
    """Return how many slices of the images lie below the lowest frame, and how many they are."""
    series = ds.get("ReferencedSeriesSequence") or []
    listed = [str(i.ReferencedSOPInstanceUID) for s in series for i in s.get("ReferencedInstanceSequence", [])]
    order = {uid: n for n, uid in enumerate(listed)}
    numbers = [order.get(_image_of(frame), -1) for frame in frames]
    below = {n - int(i) for n, i in zip(numbers, index, strict=True)}
    if -1 in numbers or len(below) != 1 or min(below) < 0 or len(listed) - min(below) <= index.max():
        notes.append("the file does not list the slices of its image; its first segmented slice is number 0")
        return 0, int(index.max()) + 1
    return below.pop(), len(listed)


def _image_of(frame: Frame) -> str:
    derived: Any = frame.get("DerivationImageSequence") or frame.get("SourceImageSequence")
    image = derived[0].get("SourceImageSequence", derived) if derived else []
    return str(image[0].get("ReferencedSOPInstanceUID", "")) if image else ""


def _no_grid(path: Path, reason: str) -> ReadError:
    return ReadError(
        f"{path} cannot be opened by itself: {reason}.\n"
        "Open its image first, then use Open labels onto an image in the File menu."
    )
