"""Tables as CSV and as Excel sheets."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

import napari_sam2 as ns
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import WriteError

TABLE = pd.DataFrame(
    {
        "object": np.array([1, 300], np.int64),
        "name": ["Zelle, groß", "=HYPERLINK(1)"],
        "volume_ml": [0.1234567890123, np.nan],
        "locked": np.array([True, False]),
    }
)


def test_a_csv_comes_back(tmp_path) -> None:
    ns.write_table(tmp_path / "t.csv", TABLE)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "t.csv"), TABLE)
    assert "Zelle, groß" in (tmp_path / "t.csv").read_text(encoding="utf-8")


def test_a_sheet_comes_back_with_its_header(tmp_path) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="needs openpyxl, which the package depends on")
    ns.write_table(tmp_path / "t.xlsx", TABLE)
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx").active
    rows = [list(row) for row in sheet.iter_rows(values_only=True)]
    assert rows[0] == ["object", "name", "volume_ml", "locked"]
    assert rows[1] == [1, "Zelle, groß", 0.1234567890123, True]
    assert rows[2] == [300, "=HYPERLINK(1)", None, False]
    # Not a formula, which a program would compute.
    assert [cell.data_type for cell in sheet[3]] == ["n", "s", "n", "b"]
    assert all(cell.font.bold for cell in sheet[1])
    assert sheet.freeze_panes == "A2"


def test_what_a_sheet_cannot_hold_is_written_as_it_can_be(tmp_path) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="needs openpyxl, which the package depends on")
    odd = pd.DataFrame({"a": [np.inf, 1.5], "b": ["bell \a", "x"], "c": [(1, 2), None]})
    ns.write_table(tmp_path / "t.xlsx", odd)
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx").active
    assert [[c.value for c in row] for row in sheet.iter_rows(min_row=2)] == [
        ["inf", "bell ", "(1, 2)"],
        [1.5, "x", None],
    ]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_measurements_of_objects_are_written_with_their_units(tmp_path, suffix) -> None:
    if suffix == ".xlsx":
        pytest.importorskip("openpyxl", reason="needs openpyxl, which the package depends on")
    labels = np.zeros((4, 5, 6), np.uint8)
    labels[1:3, 1:3, 1:3] = 2
    table = ns.measure_objects(labels, ImageVolume(labels, spacing=(2, 1, 1), units="mm"))
    ns.write_table(tmp_path / f"t{suffix}", table)
    again = (pd.read_csv if suffix == ".csv" else pd.read_excel)(tmp_path / f"t{suffix}")
    assert list(again.columns) == list(table.columns)
    assert again["volume_ml"].tolist() == pytest.approx([0.016])


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_units_that_names_do_not_tell_stand_in_the_header(tmp_path, suffix) -> None:
    labels = np.ones((2, 3, 4), np.uint8)
    table = ns.measure_objects(labels, ImageVolume(labels, units="mm", is_hu=True))
    ns.write_table(tmp_path / f"t{suffix}", table)
    again = (pd.read_csv if suffix == ".csv" else pd.read_excel)(tmp_path / f"t{suffix}")
    assert {"volume_ml", "mean_intensity [HU]", "p95_intensity [HU]"} <= set(again.columns)
    assert "mean_intensity" in table.columns


def test_other_suffixes_and_no_tables_are_refused(tmp_path) -> None:
    with pytest.raises(WriteError, match=r"as '\.ods'.*\n.*\.csv, \.xlsx"):
        ns.write_table(tmp_path / "t.ods", TABLE)
    with pytest.raises(WriteError, match=r"pandas\.DataFrame, not list"):
        ns.write_table(tmp_path / "t.csv", [[1, 2]])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch, suffix) -> None:
    if suffix == ".xlsx":
        pytest.importorskip("openpyxl", reason="needs openpyxl, which the package depends on")
    path = tmp_path / f"t{suffix}"
    ns.write_table(path, TABLE)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(WriteError, match="No space left"):
        ns.write_table(path, TABLE[:1])
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_without_openpyxl_the_error_says_what_to_install(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(WriteError, match=r"pip install openpyxl, or write \.csv"):
        ns.write_table(tmp_path / "t.xlsx", TABLE)
    assert list(tmp_path.iterdir()) == []
