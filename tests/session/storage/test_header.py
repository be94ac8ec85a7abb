"""The header of a session file: what is missing is said, and what another version wrote stays."""

from __future__ import annotations

import json
import re
import sqlite3
import zlib

import pytest

from napari_sam2.core.intensity_mapping import IntensityMapping
from napari_sam2.errors import SessionFileError
from napari_sam2.session import VideoSession
from napari_sam2.session.storage.header import SessionHeader
from napari_sam2.session.storage.locations import peek
from support.predictors import FakePredictor, numbered_volume


@pytest.fixture
def path(tmp_path):
    session = VideoSession(FakePredictor(), numbered_volume(), contrast_limits=(3, 5000), overlap="score")
    session.add_box(1, 7, (4, 5, 10, 12))
    session.save(tmp_path / "case.sam2")
    session.close()
    return tmp_path / "case.sam2"


def rows(path):
    with sqlite3.connect(path) as db:
        found = {name: json.loads(value) for name, value in db.execute("SELECT name, value FROM setting")}
    db.close()
    return found


def write(path, name, value):
    row = (name, json.dumps(value, sort_keys=True, separators=(",", ":")))
    with sqlite3.connect(path) as db:
        db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?, ?)", (*row, zlib.crc32(repr(row).encode())))
    db.close()


def test_the_header_becomes_the_rows_that_it_was_read_from(path):
    found = rows(path)
    assert SessionHeader.from_json(found).to_json() == {name: found[name] for name in found if name != "open"}


def test_a_file_says_what_it_is_about_without_being_opened(path):
    header = peek(path).header
    assert header.image.shape == (20, 24, 32)
    assert header.image.path is None
    assert (header.settings.frame_axis, header.settings.mapping) == ("z", IntensityMapping.of((3, 5000)))
    assert header.settings.overlap == "score"
    assert header.model.name == "fake"
    assert not header.is_open


@pytest.mark.parametrize(("row", "name"), [("settings", "zoom"), ("settings", "window"), ("image", "hash")])
def test_a_header_with_something_missing_is_an_error_that_names_it(path, row, name):
    values = rows(path)[row]
    del values[name]
    write(path, row, values)
    before = path.read_bytes()
    with pytest.raises(SessionFileError, match=f"is damaged: '{name}' is missing"):
        peek(path)
    with pytest.raises(SessionFileError, match=f"is damaged: '{name}' is missing"):
        VideoSession.open(path, FakePredictor(), numbered_volume())
    assert path.read_bytes() == before


def test_settings_of_another_version_stay(path):
    write(path, "settings", {**rows(path)["settings"], "of_tomorrow": [1, 2]})
    session = VideoSession.open(path, FakePredictor(), numbered_volume())
    session.set_contrast_limits(1, 77)
    session.overlap = "keep"
    session.close()
    settings = rows(path)["settings"]
    assert settings["of_tomorrow"] == [1, 2]
    assert (settings["window"], settings["overlap"]) == ([1, 77], "keep")


def test_values_of_a_kind_that_is_not_known_are_those_of_a_newer_version(path):
    with sqlite3.connect(path) as db:
        *row, _ = db.execute("SELECT * FROM value WHERE kind = 'object'").fetchone()
        row[0] = "of_tomorrow"
        db.execute("INSERT INTO value VALUES (?, ?, ?, ?, ?)", (*row, zlib.crc32(repr(tuple(row)).encode())))
    db.close()
    before = path.read_bytes()
    with pytest.raises(SessionFileError, match=r"written by a newer version.*'of_tomorrow'"):
        VideoSession.open(path, FakePredictor(), numbered_volume())
    assert path.read_bytes() == before


def test_contrast_limits_that_are_none_are_a_sentence(path):
    write(path, "settings", {**rows(path)["settings"], "window": {"contrast_limits": [5, 1], "gamma": 1}})
    with pytest.raises(SessionFileError, match=re.escape(str(path))):
        VideoSession.open(path, FakePredictor(), numbered_volume())
