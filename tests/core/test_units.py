"""Units of length and time, in all the spellings of headers."""

from __future__ import annotations

import pytest

from napari_sam2.core.units import in_one_unit, length_unit, millimetres_per_unit, seconds_per_unit, step_of


@pytest.mark.parametrize(
    ("spellings", "millimetres"),
    [
        (("nm", "nanometer", "Nanometres"), 1e-6),
        (("um", "µm", "\u03bcm", "\\u00B5m", "\u00c2\u00b5m", "micron", "microns", "micrometre"), 1e-3),
        (("mm", "MM", "millimeters"), 1.0),
        (("cm", "centimetre"), 10.0),
        (("m", "meter", "metres"), 1000.0),
        (("inch", "inches", "in"), 25.4),
        (("Å", "\u212b", "\\u00C5", "angstrom", "Ångström"), 1e-7),
        (("pm", "picometer"), 1e-9),
        (("pixel", "px", "", None, "parsec", "Mm", "second"), None),
    ],
)
def test_every_spelling_of_a_length(spellings, millimetres) -> None:
    for name in spellings:
        assert millimetres_per_unit(name) == (None if millimetres is None else pytest.approx(millimetres)), name


def test_volumes_carry_few_names() -> None:
    assert {length_unit(u)[0] for u in ("Å", "um", "inch", "foot", "km")} == {"nm", "micrometer", "mm", "cm", "m"}


def test_times() -> None:
    units = {"s": 1, "sec": 1, "ms": 1e-3, "µs": 1e-6, "minutes": 60, "h": 3600, "day": 86400, "frame": None, "": None}
    assert {u: seconds_per_unit(u) for u in units} == units


def test_lengths_come_to_the_unit_of_x() -> None:
    lengths, unit = in_one_unit({"z": 500.0, "y": 0.25, "x": 0.25}, {"z": "nm", "y": "um", "x": "micron"}, [])
    assert (lengths, unit) == ({"z": pytest.approx(0.5), "y": 0.25, "x": 0.25}, "micrometer")
    assert in_one_unit({"x": 2.0}, {"x": "inch"}, []) == ({"x": pytest.approx(50.8)}, "mm")


@pytest.mark.parametrize(
    ("units", "words"),
    [
        ({"z": "um", "x": None}, "no unit of length along x"),
        ({"z": "parsec", "x": "um"}, "'parsec' is no known length along z"),
        ({}, "the file names no unit of length;"),
    ],
)
def test_without_a_known_unit_lengths_are_proportions_and_a_note_says_so(units, words) -> None:
    notes: list[str] = []
    assert in_one_unit({"z": 3.0, "x": 0.25}, units, notes) == ({"z": 3.0, "x": 0.25}, None)
    assert words in notes[0]


def test_the_sign_of_a_step_is_no_part_of_its_size() -> None:
    assert [step_of(v) for v in (-2.5, "-2.5", 3, 0, "nan", "inf", "wide", None)] == [2.5, 2.5, 3.0, *[None] * 5]
