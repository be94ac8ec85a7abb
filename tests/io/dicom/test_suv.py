"""Body-weight SUV from headers; the values are worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.errors import ReadError
from napari_sam2.io.dicom.suv import factor_of
from support.pet import HALF, WHOLE, header, pet_series


def factor(*args, **changes):
    return factor_of([header(*args, **changes)], "pet")


@pytest.mark.parametrize(
    ("drug", "changes", "expected"),
    [
        ({}, {}, HALF),
        # Fractions of a second, and no seconds at all.
        ({"RadiopharmaceuticalStartTime": "0820"}, {"SeriesTime": "100000.000", "AcquisitionTime": "100000.5"}, HALF),
        # A second bed position, or a later frame: decay is corrected to the start of the series.
        ({}, {"AcquisitionTime": "102500"}, HALF),
        # Corrected to the injection: no decay in between.
        ({}, {"DecayCorrection": "ADMIN"}, WHOLE),
        ({}, {"DecayCorrection": "ADMIN", "SeriesTime": None, "AcquisitionTime": None}, WHOLE),
        # 23:10 to 00:50 of the next day.
        (
            {"RadiopharmaceuticalStartTime": "231000"},
            {"SeriesTime": "005000", "AcquisitionTime": "005000"},
            HALF,
        ),
        ({"RadiopharmaceuticalStartDateTime": "20240305082000"}, {}, HALF),
        ({"RadiopharmaceuticalStartDateTime": "20240305082000.00", "RadiopharmaceuticalStartTime": None}, {}, HALF),
        (
            {"RadiopharmaceuticalStartDateTime": "20240304231000"},
            {"SeriesTime": "005000", "AcquisitionTime": "005000"},
            HALF,
        ),
        # 09:20 in a zone an hour further east is 08:20 here; a zone of the injection alone is the scanner's.
        ({"RadiopharmaceuticalStartDateTime": "20240305092000+0200"}, {"TimezoneOffsetFromUTC": "+0100"}, HALF),
        ({"RadiopharmaceuticalStartDateTime": "20240305082000+0100"}, {}, HALF),
        # A tracer of 60000 s that was injected a day and 33600 s before: 120000 s are two half-lives.
        (
            {"RadionuclideHalfLife": 60000, "RadiopharmaceuticalStartDateTime": "20240304004000"},
            {},
            4 * WHOLE,
        ),
    ],
)
def test_the_factor_by_hand(drug, changes, expected):
    assert factor(drug, **changes) == pytest.approx(expected, rel=1e-6)


def test_a_series_that_was_made_later_takes_the_start_of_the_scan_from_ge():
    made_later = header(SeriesTime="170000")
    block = made_later.private_block(0x0009, "GEMS_PETD_01", create=True)
    block.add_new(0x0D, "DT", "20240305100000.00")
    assert factor_of([made_later], "pet") == pytest.approx(HALF, rel=1e-6)


def test_a_series_that_was_made_later_takes_it_from_its_frames():
    # Frames as long as the half-life: the count rate is average at ln(ln 2 / 0.5) / ln 2 = 0.47123 of it.
    average = 6000 * math.log(math.log(2) / 0.5) / math.log(2)
    assert average == pytest.approx(2827.40, abs=0.01)
    common = {"SeriesTime": "170000", "ActualFrameDuration": 6_000_000}
    first = header(**common, AcquisitionTime="100000", FrameReferenceTime=average * 1000)
    second = header(**common, AcquisitionTime="114000", FrameReferenceTime=(average + 6000) * 1000)
    assert factor_of([first, second], "pet") == pytest.approx(HALF, rel=1e-4)


@pytest.mark.parametrize(
    ("drug", "changes", "part"),
    [
        ({}, {"Modality": "CT"}, "no PET series"),
        ({}, {"Units": "CNTS"}, "in CNTS, not in Bq/mL"),
        ({}, {"Units": None}, "no unit that is named"),
        ({}, {"CorrectedImage": ["ATTN"]}, "not corrected for decay"),
        ({}, {"CorrectedImage": None}, "attenuation and decay"),
        ({}, {"PhotometricInterpretation": "MONOCHROME1"}, "inverted"),
        ({}, {"DecayCorrection": "NONE"}, "but NONE"),
        ({}, {"PatientWeight": None}, "weight of the patient is missing"),
        ({}, {"PatientWeight": 0}, "weight of the patient is missing"),
        ({}, {"RadiopharmaceuticalInformationSequence": None}, "no radiopharmaceutical"),
        ({"RadionuclideTotalDose": None}, {}, "dose is missing"),
        ({"RadionuclideTotalDose": 400}, {}, "400 Bq cannot be"),
        ({"RadionuclideHalfLife": None}, {}, "half-life is missing"),
        ({"RadiopharmaceuticalStartTime": None}, {}, "time of injection is missing"),
        ({"RadiopharmaceuticalStartTime": "100100"}, {}, "after the start"),
        ({"RadiopharmaceuticalStartDateTime": "20240306082000"}, {}, "after the start"),
        ({"RadiopharmaceuticalStartDateTime": "20230305082000"}, {}, "half-lives before the scan"),
        # Zr-89 is scanned days later, and the day is not told.
        ({"RadionuclideHalfLife": 282276}, {}, "day of the injection is missing"),
        ({}, {"SeriesTime": "170000"}, "nothing says when the scan began"),
        ({}, {"SeriesTime": None, "AcquisitionTime": None}, "nothing says when the scan began"),
    ],
)
def test_what_a_header_does_not_allow_is_refused_in_a_sentence(drug, changes, part):
    with pytest.raises(ReadError) as caught:
        factor(drug, **changes)
    assert part in str(caught.value)
    assert str(caught.value).startswith("There is no SUV of pet: ")
    assert "\n" not in str(caught.value)


def test_slices_of_different_doses_are_refused():
    with pytest.raises(ReadError, match="differ between its slices"):
        factor_of([header(), header({"RadionuclideTotalDose": 3e8})], "pet")


def test_a_series_in_files_is_measured_in_suv(tmp_path):
    stored = pet_series(tmp_path / "pet")
    volume = ns.read_volume(tmp_path / "pet")
    unit = ns.suv_unit(volume)
    assert unit.factor == pytest.approx(HALF, rel=1e-6)
    labels = np.zeros((4, 6, 8), np.uint8)
    labels[1, 2:4, 3:6] = 1
    table = ns.measure_objects(labels, volume, unit=unit)
    expected = stored[1, 2:4, 3:6] * 100 * HALF
    assert table["mean_intensity"][0] == pytest.approx(expected.mean(), rel=1e-6)
    assert table["sd_intensity"][0] == pytest.approx(expected.std(), rel=1e-6)
    assert table["max_intensity"][0] == pytest.approx(expected.max(), rel=1e-6)
    assert table["p95_intensity"][0] == pytest.approx(np.percentile(expected, 95), rel=1e-6)
    assert table.attrs["units"]["mean_intensity"] == "SUVbw g/mL"
    frames = ns.measure_frames(labels, volume, unit=unit)
    assert frames["mean_intensity"][0] == pytest.approx(expected.mean(), rel=1e-6)


def test_an_image_from_elsewhere_and_a_file_that_is_gone_are_told(tmp_path):
    with pytest.raises(ReadError, match="not read from DICOM"):
        ns.suv_unit(ns.ImageVolume(np.zeros((2, 3, 4))))
    pet_series(tmp_path / "pet")
    volume = ns.read_volume(tmp_path / "pet")
    (tmp_path / "pet" / "002.dcm").unlink()
    with pytest.raises(ReadError, match=r"002\.dcm cannot be read"):
        ns.suv_unit(volume)
