"""A plane's own elements count before those of its file."""

from __future__ import annotations

from pydicom.dataset import Dataset

from napari_sam2.io.dicom.frame import Frame


def test_own_elements_count_before_those_of_the_file():
    ds = Dataset()
    ds.SliceThickness, ds.Rows = 5.0, 64
    frame = Frame(ds, 3, {"SliceThickness": 2.0, "EchoTime": None})
    assert frame.get("SliceThickness") == 2.0
    assert frame.get("Rows") == 64
    assert frame.get("EchoTime", 7) is None, "said to be empty for this frame"
    assert frame.get("Columns", 7) == 7
    assert "SliceThickness" in frame
    assert "Rows" in frame
    assert "Columns" not in frame
