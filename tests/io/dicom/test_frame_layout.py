"""What the frames of one DICOM file are, where none has a position of its own: slices, time points, views."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from napari_sam2.core.frames import FrameGrid
from napari_sam2.errors import ReadError, SeveralSeriesError
from napari_sam2.io import list_series, read_volume
from support.dicom import AXIAL, dataset

if TYPE_CHECKING:
    from pathlib import Path

    from napari_sam2.core.volume import ImageVolume

FRAMES = (np.arange(6)[:, None, None] * 100 + np.arange(20).reshape(4, 5)).astype(np.uint16)
PLACE = {"position": (-10.0, -20.0, 30.0), "orientation": AXIAL}
NO_PLACE = {"position": None}


def _write(folder: Path, frames: np.ndarray = FRAMES, **elements: object) -> Path:
    """One file of many frames; by default with a position, and without a word on what the frames are."""
    own = {**PLACE, "RescaleIntercept": 0, "SliceThickness": None, "NumberOfFrames": len(frames), **elements}
    ds = dataset(frames[0], **own)  # type: ignore[arg-type]
    ds.PixelData = frames.tobytes()
    ds.save_as(folder / "frames.dcm")
    return folder / "frames.dcm"


def _of_frame(volume: ImageVolume, number: int) -> np.ndarray:
    """Patient position of the first voxel of a frame of the file, wherever it went."""
    index = next(i for i, plane in enumerate(volume.array) if np.array_equal(plane, FRAMES[number]))
    return (volume.affine @ [index, 0, 0, 1])[:3]


def test_a_distance_of_slices_makes_a_stack_at_the_files_position(tmp_path) -> None:
    volume = read_volume(_write(tmp_path, SpacingBetweenSlices=0.3))
    assert (volume.axes, volume.units) == ("zyx", "mm")
    assert volume.spacing == pytest.approx((0.3, 0.8, 0.7))
    assert np.array_equal(volume.array, FRAMES)
    assert _of_frame(volume, 5) == pytest.approx([-10, -20, 31.5])
    assert not any("assumed" in note for note in volume.source.notes)


@pytest.mark.parametrize("gap", [4.4, -4.4])
def test_the_sign_of_the_distance_is_the_direction_of_stacking(tmp_path, gap) -> None:
    volume = read_volume(_write(tmp_path, SpacingBetweenSlices=gap))
    assert volume.spacing[0] == pytest.approx(4.4)
    assert volume.affine[2, 0] > 0
    for number in range(6):
        assert _of_frame(volume, number) == pytest.approx([-10, -20, 30 + number * gap])


def test_a_stack_follows_the_normal_of_an_oblique_plane(tmp_path) -> None:
    tilted = (1.0, 0.0, 0.0, 0.0, 0.8, 0.6)
    volume = read_volume(_write(tmp_path, orientation=tilted, SpacingBetweenSlices=2))
    assert _of_frame(volume, 3) - _of_frame(volume, 0) == pytest.approx([0, -0.6 * 6, 0.8 * 6])


@pytest.mark.parametrize("pointer", [0x00182005, None])
def test_slices_lie_at_their_slice_locations(tmp_path, pointer) -> None:
    locations = [12.5, 10.0, 7.5, 5.0, 2.5, 0.0]
    elements = {"FrameIncrementPointer": pointer} if pointer else {}
    volume = read_volume(_write(tmp_path, SliceLocationVector=locations, **elements))
    assert volume.axes == "zyx"
    assert volume.spacing[0] == pytest.approx(2.5)
    assert _of_frame(volume, 0) == pytest.approx([-10, -20, 30])
    assert _of_frame(volume, 5) == pytest.approx([-10, -20, 17.5])


def test_slice_locations_with_a_gap_are_refused(tmp_path) -> None:
    with pytest.raises(ReadError, match="1 slice missing"):
        read_volume(_write(tmp_path, SliceLocationVector=[0, 1, 2, 3, 5, 6]))


def test_a_stack_without_a_position_opens_with_its_distance_and_a_note(tmp_path) -> None:
    volume = read_volume(_write(tmp_path, position=None, SpacingBetweenSlices=0.3))
    assert (volume.axes, volume.spacing) == ("zyx", pytest.approx((0.3, 0.8, 0.7)))
    assert volume.affine[:3, 0] == pytest.approx([0, 0, 0.3])
    assert "place in the body is unknown" in " ".join(volume.source.notes)


@pytest.mark.parametrize(("elements", "step"), [({}, 1.0), ({"SliceThickness": 2.5}, 2.5)])
def test_frames_of_which_nothing_is_said_are_slices_with_a_note(tmp_path, elements, step) -> None:
    volume = read_volume(_write(tmp_path, **elements))
    assert (volume.axes, volume.spacing[0]) == ("zyx", step)
    assert "slices were assumed" in " ".join(volume.source.notes)


@pytest.mark.parametrize(
    ("elements", "interval"),
    [
        ({"FrameTime": 66.7, "FrameIncrementPointer": 0x00181063}, 0.0667),
        ({"FrameTime": 66.7}, 0.0667),
        ({"FrameTimeVector": [0, 40, 40, 40, 40, 40], "FrameIncrementPointer": 0x00181065}, 0.04),
        ({"CineRate": 25}, 0.04),
        ({"RecommendedDisplayFrameRate": 25}, None),
        ({"FrameIncrementPointer": 0x00181063}, None),
        ({"FrameTimeVector": [0, 10, 10, 10, 60, 60]}, None),
    ],
)
@pytest.mark.parametrize("place", [PLACE, NO_PLACE])
def test_words_of_time_make_a_film_with_its_interval_in_seconds(tmp_path, elements, interval, place) -> None:
    volume = read_volume(_write(tmp_path, **elements, **place))
    assert volume.axes == "tyx"
    assert np.array_equal(volume.array, FRAMES)
    assert volume.has_frame_interval == (interval is not None)
    if interval is not None:
        assert volume.spacing_of("t") == pytest.approx(interval)
    assert "taken for time points" in " ".join(volume.source.notes)


def test_a_frame_time_of_zero_says_nothing_of_time(tmp_path) -> None:
    volume = read_volume(_write(tmp_path, FrameTime=0, FrameIncrementPointer=0x00181063, SpacingBetweenSlices=0.4))
    assert (volume.axes, volume.spacing[0]) == ("zyx", pytest.approx(0.4))


def test_a_rate_for_display_does_not_make_a_film_of_a_stack(tmp_path) -> None:
    volume = read_volume(_write(tmp_path, RecommendedDisplayFrameRate=10, SpacingBetweenSlices=0.4))
    assert volume.axes == "zyx"


def test_lazily_or_not_a_stack_is_the_same(tmp_path) -> None:
    path = _write(tmp_path, SpacingBetweenSlices=-1)
    eager, lazy = read_volume(path), read_volume(path, lazy=True)
    assert np.array_equal(eager.array, np.asarray(lazy.array))
    assert np.array_equal(eager.affine, lazy.affine)


# ---------------------------------------------------------------------- functional groups


def _groups(path: Path, shared: dict[str, object], each: list[dict[str, object]], **elements: object) -> Path:
    """Functional groups whose macro is named after its first element."""

    def item(macro: dict[str, object]) -> Dataset:
        group, inner = Dataset(), Dataset()
        for keyword, value in macro.items():
            setattr(inner, keyword, value)
        if macro:
            name = "FrameContentSequence" if "InStackPositionNumber" in macro or "StackID" in macro else None
            setattr(group, name or "PixelMeasuresSequence", [inner])
        return group

    return _write(
        path,
        position=None,
        PixelSpacing=None,
        SharedFunctionalGroupsSequence=[item(shared)],
        PerFrameFunctionalGroupsSequence=[item(e) for e in each],
        **elements,
    )


MEASURES = {"PixelSpacing": [0.4, 0.3], "SliceThickness": 2.0, "SpacingBetweenSlices": 1.5}


def test_pixel_measures_make_a_stack_of_frames_without_positions(tmp_path) -> None:
    volume = read_volume(_groups(tmp_path, MEASURES, [{}] * 6))
    assert (volume.axes, volume.spacing) == ("zyx", pytest.approx((1.5, 0.4, 0.3)))


def test_stack_and_time_of_a_frame_are_what_its_content_says(tmp_path) -> None:
    each = [{"InStackPositionNumber": 3 - n % 3, "TemporalPositionIndex": n // 3 + 1} for n in range(6)]
    volume = read_volume(_groups(tmp_path, MEASURES, each))
    assert volume.axes == "tzyx"
    assert np.array_equal(volume.array[0], FRAMES[2::-1])
    assert np.array_equal(volume.array[1], FRAMES[5:2:-1])
    assert volume.is_time_declared


def test_slices_at_one_place_of_which_nothing_says_that_they_are_times_are_not_taken_for_time(tmp_path) -> None:
    volume = read_volume(_write(tmp_path, SliceLocationVector=[0, 2, 4, 0, 2, 4]))
    assert (volume.axes, volume.shape[:2]) == ("tzyx", (2, 3))
    assert np.array_equal(volume.array[1], FRAMES[3:])
    assert not volume.is_time_declared
    assert FrameGrid.of(volume, at={"t": 0}).frame_axis == "z"
    assert "not taken for time" in " ".join(volume.source.notes)


def test_planes_of_an_ultrasound_volume_lie_in_the_frame_of_its_transducer(tmp_path) -> None:
    def group(height: float) -> Dataset:
        item, plane = Dataset(), Dataset()
        plane.ImagePositionVolume = [1.0, 2.0, height]
        item.PlanePositionVolumeSequence = [plane]
        return item

    orientation, shared = Dataset(), Dataset()
    orientation.ImageOrientationVolume = list(AXIAL)
    shared.PlaneOrientationVolumeSequence = [orientation]
    path = _write(
        tmp_path,
        position=None,
        Modality="US",
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=[group(-0.5 * n) for n in range(6)],
    )
    volume = read_volume(path)
    assert (volume.axes, volume.spacing) == ("zyx", pytest.approx((0.5, 0.8, 0.7)))
    assert _of_frame(volume, 0) == pytest.approx([1, 2, 0])
    assert "transducer" in " ".join(volume.source.notes)


# ---------------------------------------------------------------------- nuclear medicine


def _detector(position: tuple[float, float, float] = (-40.0, -30.0, 100.0)) -> Dataset:
    item = Dataset()
    item.ImagePositionPatient, item.ImageOrientationPatient = list(position), list(AXIAL)
    return item


def _nuclear(folder: Path, kind: str, **elements: object) -> Path:
    image_type = ["ORIGINAL", "PRIMARY", kind, "EMISSION"]
    return _write(folder, position=None, Modality="NM", ImageType=image_type, **elements)


@pytest.mark.parametrize(
    "elements", [{"NumberOfSlices": 6}, {"SliceVector": [1, 2, 3, 4, 5, 6], "DetectorVector": [1] * 6}, {}]
)
def test_reconstructed_slices_lie_at_the_detectors_position(tmp_path, elements) -> None:
    path = _nuclear(
        tmp_path, "RECON TOMO", SpacingBetweenSlices=-4.4, DetectorInformationSequence=[_detector()], **elements
    )
    volume = read_volume(path)
    assert (volume.axes, volume.spacing[0]) == ("zyx", pytest.approx(4.4))
    for number in range(6):
        assert _of_frame(volume, number) == pytest.approx([-40, -30, 100 - 4.4 * number])


def test_slices_of_detectors_with_positions_of_their_own_lie_there(tmp_path) -> None:
    detectors = [_detector((0.0, 0.0, 10.0 - 3 * n)) for n in range(6)]
    path = _nuclear(
        tmp_path,
        "RECON TOMO",
        DetectorVector=[1, 2, 3, 4, 5, 6],
        SpacingBetweenSlices=3,
        DetectorInformationSequence=detectors,
    )
    volume = read_volume(path)
    assert (volume.axes, volume.spacing[0]) == ("zyx", pytest.approx(3))
    assert _of_frame(volume, 5) == pytest.approx([0, 0, -5])


def test_frames_at_one_place_that_were_taken_at_different_times_are_a_film(tmp_path) -> None:
    def group(time: str) -> Dataset:
        item, content, plane = Dataset(), Dataset(), Dataset()
        content.FrameAcquisitionDateTime, plane.ImagePositionPatient = time, [0.0, 0.0, 5.0]
        item.FrameContentSequence, item.PlanePositionSequence = [content], [plane]
        return item

    times = [f"2026010112000{n}.5" for n in (5, 4, 3, 2, 1, 0)]
    path = _write(tmp_path, position=None, ImageOrientationPatient=list(AXIAL))
    ds = dcmread(path, force=True)
    ds.PerFrameFunctionalGroupsSequence = [group(t) for t in times]
    ds.save_as(path)
    volume = read_volume(path)
    assert volume.axes == "tyx"
    assert np.array_equal(volume.array, FRAMES[::-1])


def test_a_gated_reconstruction_is_time_slots_of_slices(tmp_path) -> None:
    gated, data = Dataset(), Dataset()
    data.FrameTime = 80.0
    gated.DataInformationSequence = [data]
    volume = read_volume(
        _nuclear(
            tmp_path,
            "RECON GATED TOMO",
            TimeSlotVector=[1, 1, 1, 2, 2, 2],
            SliceVector=[1, 2, 3, 1, 2, 3],
            SpacingBetweenSlices=5,
            GatedInformationSequence=[gated],
            DetectorInformationSequence=[_detector()],
        )
    )
    assert volume.axes == "tzyx"
    assert np.array_equal(volume.array, FRAMES.reshape(2, 3, 4, 5))
    assert volume.spacing == pytest.approx((0.08, 5, 0.8, 0.7))


def test_a_dynamic_study_is_a_film_by_phase_and_time_slice(tmp_path) -> None:
    phase = Dataset()
    phase.ActualFrameDuration = 2000
    volume = read_volume(
        _nuclear(
            tmp_path,
            "DYNAMIC",
            PhaseVector=[2, 2, 2, 1, 1, 1],
            TimeSliceVector=[1, 2, 3, 1, 2, 3],
            PhaseInformationSequence=[phase, phase],
        )
    )
    assert volume.axes == "tyx"
    assert np.array_equal(volume.array, FRAMES[[3, 4, 5, 0, 1, 2]])
    assert volume.spacing_of("t") == pytest.approx(2.0)


def test_views_of_two_detectors_are_images_of_their_own(tmp_path) -> None:
    path = _nuclear(
        tmp_path,
        "DYNAMIC",
        DetectorVector=[1, 1, 1, 2, 2, 2],
        TimeSliceVector=[1, 2, 3, 1, 2, 3],
        DetectorInformationSequence=[_detector(), _detector((40.0, 30.0, 100.0))],
    )
    with pytest.raises(SeveralSeriesError, match="detector 1"):
        read_volume(path)
    assert [s.kind for s in list_series(path)] == ["detector 1", "detector 2"]
    second = read_volume(path, series=1)
    assert np.array_equal(second.array, FRAMES[3:])
    assert second.affine[:3, 3] == pytest.approx([40, 30, 100])


def test_projections_are_neither_slices_nor_time_without_a_note(tmp_path) -> None:
    volume = read_volume(_nuclear(tmp_path, "TOMO", AngularViewVector=[1, 2, 3, 4, 5, 6], RotationVector=[1] * 6))
    assert volume.axes == "zyx"
    assert "projections" in " ".join(volume.source.notes)
