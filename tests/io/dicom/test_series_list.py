"""The list of the series in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_sam2.errors import ReadError, SeveralSeriesError
from napari_sam2.io import list_series, read_volume
from support.dicom import AXIAL, SAGITTAL, dataset, write_series

STORED = np.random.default_rng(0).integers(0, 3000, (3, 6, 7)).astype(np.uint16)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
TILTED = (1.0, 0.0, 0.0, 0.0, 0.8, 0.6)


def _stack(folder: Path, orientation: tuple[float, ...], count: int, **elements: Any) -> None:
    normal = np.cross(orientation[:3], orientation[3:])
    for n in range(count):
        ds = dataset(STORED[0], tuple(2.5 * n * normal), orientation, InstanceNumber=n + 1, **elements)
        ds.save_as(folder / f"{abs(hash(orientation)) % 10**6}_{n}.dcm")


def test_the_list_of_series_tells_them_apart_by_what_a_reader_looks_at(tmp_path) -> None:
    for orientation, count in ((AXIAL, 3), (CORONAL, 4), (SAGITTAL, 5), (TILTED, 6)):
        _stack(tmp_path, orientation, count, AcquisitionDate="20240131")
    with pytest.raises(SeveralSeriesError) as caught:
        read_volume(tmp_path)
    lines = {line.split(", ")[1]: line for line in str(caught.value).splitlines()[2:]}
    assert set(lines) == {"axial", "coronal", "sagittal", "oblique axial"}
    assert "4 slices of 6 × 7, 2.5 × 0.8 × 0.7 mm, 2024-01-31" in lines["coronal"]
    assert {s.plane: s.shape[0] for s in list_series(tmp_path)}["sagittal"] == 5


def test_the_list_of_series_counts_time_points_apart_from_slices(tmp_path) -> None:
    for t in range(2):
        names = [f"{t}{z}" for z in range(3)]
        write_series(tmp_path, STORED, names=names, TemporalPositionIdentifier=t + 1)
    (series,) = list_series(tmp_path)
    assert "3 slices of 6 × 7 × 2 time points" in str(series)
    assert series.date == ""


def test_a_series_without_a_place_has_no_plane(tmp_path) -> None:
    ds = dataset(STORED[0], None, NumberOfFrames=3, SpacingBetweenSlices=2)
    ds.PixelData = STORED.tobytes()
    ds.save_as(tmp_path / "a.dcm")
    assert list_series(tmp_path)[0].plane == ""


def test_kinds_of_picture_at_one_position_are_series_of_their_own(tmp_path, stored) -> None:
    write_series(tmp_path, stored, names=[f"a{i}" for i in range(5)], EchoTime=5.0)
    write_series(tmp_path, stored + 1, names=[f"b{i}" for i in range(5)], EchoTime=10.0)
    with pytest.raises(SeveralSeriesError) as caught:
        read_volume(tmp_path)
    assert len(caught.value.series) == 2
    assert read_volume(tmp_path, series=1).array[0, 0, 0] == int(stored[0, 0, 0]) + 1 - 1024


def test_two_series_must_be_chosen_from(tmp_path, stored) -> None:
    write_series(tmp_path / "a", stored)
    write_series(tmp_path / "b", stored[:3], series="1.2.3.5", SeriesDescription="short")
    with pytest.raises(SeveralSeriesError, match="short") as caught:
        read_volume(tmp_path)
    assert "holds 2 series" in caught.value.headline
    assert [s.shape for s in list_series(tmp_path)] == [(5, 6, 7), (3, 6, 7)]
    assert read_volume(tmp_path, series="1.2.3.5").shape == (3, 6, 7)
    assert read_volume(tmp_path, series=0).shape == (5, 6, 7)
    assert read_volume(tmp_path, series="1").shape == (3, 6, 7)
    with pytest.raises(ReadError, match=r"no series '9\.9'"):
        read_volume(tmp_path, series="9.9")
