"""Several DICOM pictures at one position: what orders them, as dates and times and not as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydicom import dcmread

from napari_sam2.core.frames import FrameGrid
from napari_sam2.errors import ReadError
from napari_sam2.io import list_series, read_volume
from support.dicom import write_series

if TYPE_CHECKING:
    from pathlib import Path

STORED = np.random.default_rng(3).integers(0, 999, (2, 3, 4, 5)).astype(np.uint16)


def _write(folder: Path, earlier: dict[str, object], later: dict[str, object]) -> None:
    """Two time points; names and instance numbers run against time."""
    for prefix, stored, elements in (("b", STORED[0], earlier), ("a", STORED[1], later)):
        names = [f"{prefix}{z}.dcm" for z in range(3)]
        write_series(folder, stored, names=names, RescaleIntercept=0, **elements)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ({"AcquisitionTime": "120000"}, {"AcquisitionTime": "120000.5"}),
        ({"AcquisitionTime": "120000.05"}, {"AcquisitionTime": "120000.1"}),
        ({"AcquisitionTime": "1200"}, {"AcquisitionTime": "120010"}),
        ({"AcquisitionTime": "235950"}, {"AcquisitionTime": "000010"}),
        (
            {"AcquisitionDate": "20251231", "AcquisitionTime": "235950"},
            {"AcquisitionDate": "20260101", "AcquisitionTime": "000010"},
        ),
        ({"AcquisitionDateTime": "20260301235950.5"}, {"AcquisitionDateTime": "20260302000010"}),
        ({"AcquisitionDateTime": "20260301130000+0200"}, {"AcquisitionDateTime": "20260301120000+0000"}),
        (
            {"AcquisitionDateTime": "20260301120000", "TimezoneOffsetFromUTC": "+0100"},
            {"AcquisitionDateTime": "20260301113000", "TimezoneOffsetFromUTC": "-0100"},
        ),
        (
            {"AcquisitionTime": "120000", "FrameReferenceTime": 9500.0},
            {"AcquisitionTime": "120000", "FrameReferenceTime": 10500.0},
        ),
        ({"TriggerTime": 90}, {"TriggerTime": 450}),
        ({"TemporalPositionIdentifier": 2}, {"TemporalPositionIdentifier": 10}),
        ({"NominalPercentageOfCardiacPhase": 5}, {"NominalPercentageOfCardiacPhase": 75}),
    ],
)
def test_time_points_run_with_their_times(tmp_path, earlier, later) -> None:
    _write(tmp_path, earlier, later)
    volume = read_volume(tmp_path)
    assert volume.axes == "tzyx"
    assert np.array_equal(volume.array, STORED)
    assert volume.is_time_declared


def test_pictures_of_two_acquisitions_without_times_are_not_taken_for_time(tmp_path) -> None:
    _write(tmp_path, {"AcquisitionNumber": 1}, {"AcquisitionNumber": 2})
    volume = read_volume(tmp_path)
    assert (volume.axes, volume.is_time_declared) == ("tzyx", False)
    assert np.array_equal(volume.array, STORED)
    assert FrameGrid.of(volume, at={"t": 1}).frame_axis == "z"
    assert "not taken for time" in " ".join(volume.source.notes)


def test_directions_of_diffusion_are_not_time_though_they_were_taken_one_after_the_other(tmp_path) -> None:
    common = {"DiffusionBValue": 1000.0}
    _write(
        tmp_path,
        {**common, "AcquisitionTime": "120000", "DiffusionGradientOrientation": [1.0, 0.0, 0.0]},
        {**common, "AcquisitionTime": "120100", "DiffusionGradientOrientation": [0.0, 1.0, 0.0]},
    )
    assert not read_volume(tmp_path).is_time_declared


def test_b_values_are_compared_as_numbers(tmp_path) -> None:
    _write(
        tmp_path,
        {"DiffusionBValue": 0.0, "AcquisitionTime": "120000"},
        {"DiffusionBValue": 800.0, "AcquisitionTime": "120100"},
    )
    assert [s.kind for s in list_series(tmp_path)] == ["b-value 800", "b-value 0"]


def test_a_b_value_in_private_elements_makes_a_picture_of_another_kind(tmp_path) -> None:
    for index, value in enumerate((0, 800)):
        for path in write_series(
            tmp_path, STORED[index], names=[f"{index}{z}" for z in range(3)], AcquisitionTime="12"
        ):
            ds = dcmread(path, force=True)
            ds.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "IS", value)
            ds.AcquisitionTime = f"12000{index}"
            ds.save_as(path)
    assert [s.kind for s in list_series(tmp_path)] == ["b-value 0", "b-value 800"]


def test_the_same_picture_twice_without_any_time_is_refused(tmp_path) -> None:
    _write(tmp_path, {}, {})
    with pytest.raises(ReadError, match="do not say that they are time points"):
        read_volume(tmp_path)
