"""The recipe of docs/contributing/add_file_format.md: one module and one row, and the format is there everywhere."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.errors import ReadError, WriteError
from napari_sam2.io import api, formats
from napari_sam2.io.formats import Format
from support import plane_text

PLANE_TEXT = Format(
    "Plane text",
    "plane-text",
    (".planes",),
    (".planes",),
    "plane_text:read_plane_text",
    "plane_text:read_plane_text_labels",
    "plane_text:write_plane_text_labels",
)


@pytest.fixture
def added(monkeypatch):
    """The module stands in `io` and the row in the table, as they would after an edit of `io/formats.py`."""
    monkeypatch.setitem(sys.modules, "napari_sam2.io.plane_text", plane_text)
    table = (*formats.FORMATS, PLANE_TEXT)
    monkeypatch.setattr(formats, "FORMATS", table)
    monkeypatch.setattr(formats.by_suffix, "__defaults__", (table,))
    monkeypatch.setattr(api, "NAMED_FORMATS", (*formats.NAMED_FORMATS, PLANE_TEXT))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "head.planes"
    path.write_text("3 0.5 0.5\n1 2 3/4 5 6\n7 8 9/10 11 12")
    return path


@pytest.mark.usefixtures("added")
def test_an_image_of_the_new_format_is_read(file):
    volume = ns.read_volume(file)
    assert volume.array.tolist() == [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]]
    assert volume.spacing == (3, 0.5, 0.5)
    assert volume.source.format == "plane-text"
    assert volume.source.opened == file


@pytest.mark.usefixtures("added")
def test_labels_of_the_new_format_come_back(file, tmp_path):
    volume = ns.read_volume(file)
    labels = np.zeros((2, 2, 3), np.uint8)
    labels[1, 0, 1:] = 7
    ns.write_labels(tmp_path / "organ.planes", labels, volume)
    assert np.array_equal(ns.read_labels(tmp_path / "organ.planes", volume), labels)


@pytest.mark.usefixtures("added")
def test_dialogs_and_messages_name_the_new_format(file, tmp_path):
    assert "Plane text" in formats.volume_names()
    assert formats.label_formats("plane-text")[0] is PLANE_TEXT
    with pytest.raises(WriteError, match=r"\.planes"):
        ns.write_labels(tmp_path / "organ.png", np.zeros((2, 2, 3), np.uint8), ns.read_volume(file))


@pytest.mark.usefixtures("added")
def test_a_damaged_file_of_the_new_format_is_a_clear_error(tmp_path):
    (tmp_path / "bad.planes").write_text("3 0.5 0.5\none two")
    with pytest.raises(ReadError, match=r"bad\.planes is no plane text"):
        ns.read_volume(tmp_path / "bad.planes")


def test_without_the_row_the_file_is_unknown(file):
    with pytest.raises(ReadError):
        ns.read_volume(file)
