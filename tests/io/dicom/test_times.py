"""Times of acquisition, and their order."""

from __future__ import annotations

from napari_sam2.io.dicom.times import Moment, acquired, in_order


def test_times_are_read_in_every_form_of_the_standard() -> None:
    def of(**elements: str) -> Moment | None:
        return acquired(elements)  # type: ignore[arg-type]

    assert of(AcquisitionTime="10") == Moment(36_000, False)
    assert of(AcquisitionTime="10:30:00") == Moment(37_800, False)
    assert of(AcquisitionTime="noon") is None
    dated = of(AcquisitionDate="2026.03.01", AcquisitionTime="000000")
    assert dated == of(AcquisitionDateTime="20260301000000.000000")
    assert of(AcquisitionDateTime="20260301010000+0100") == dated
    assert of(AcquisitionDate="20261399", AcquisitionTime="10") == Moment(36_000, False)


def test_times_with_and_without_a_date_have_no_order() -> None:
    assert in_order([Moment(5, True), Moment(6, False)]) is None
    assert in_order([Moment(5, False), None]) is None
    assert in_order([Moment(86_390, False), Moment(10, False)]) == [86_390, 86_410]
