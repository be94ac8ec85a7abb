"""Values of elements in plain types."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from napari_sam2.io.dicom.elements import floats_of, integer_of, items_of, number_of, text_of, values_of


@pytest.fixture
def header():
    ds = Dataset()
    ds.PixelSpacing = [0.8, 0.7]
    ds.SliceThickness = None
    ds.SeriesDescription = " liver "
    ds.EchoTime = "12.5"
    ds.InstanceNumber = 7
    ds.ReferencedImageSequence = [Dataset(), Dataset()]
    return ds


def test_values_are_plain(header):
    assert [float(v) for v in values_of(header, "PixelSpacing")] == [0.8, 0.7]
    assert text_of(header, "SeriesDescription") == "liver"
    assert number_of(header, "EchoTime") == 12.5
    assert integer_of(header, "InstanceNumber") == 7
    assert len(items_of(header, "ReferencedImageSequence")) == 2


def test_what_is_empty_or_absent_is_nothing(header):
    for keyword in ("SliceThickness", "RepetitionTime"):
        assert values_of(header, keyword) == []
        assert text_of(header, keyword) == ""
        assert number_of(header, keyword) is None
        assert integer_of(header, keyword) is None
        assert items_of(header, keyword) == []


def test_so_many_numbers_or_none(header):
    assert floats_of(header, "PixelSpacing", 2) == (0.8, 0.7)
    assert floats_of(header, "PixelSpacing", 3) is None
    assert floats_of({"ImagePositionPatient": [0.0, float("nan"), 1.0]}, "ImagePositionPatient", 3) is None
    assert number_of({"EchoTime": float("inf")}, "EchoTime") is None
