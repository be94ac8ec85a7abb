"""Tracks of a time-lapse: for napari, as a table, and by the rules of the Cell Tracking Challenge."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import tifffile

import napari_sam2 as ns
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import VolumeError, WriteError
from napari_sam2.io.ctc import ctc_tracks
from napari_sam2.io.tracks import napari_tracks, track_table
from support.predictors import FakePredictor

if TYPE_CHECKING:
    from pathlib import Path

LINEAGE = {4: 1, 5: 1, 8: 7}


def _labels() -> np.ndarray:
    """Cell 1 divides into 4 and 5 at frame 3; 2 is away in frames 2 and 3; 7 stays on as 8 is budded off at frame 4."""
    labels = np.zeros((6, 12, 20), np.uint16)
    for t in range(3):
        labels[t, 1:3, t : t + 4] = 1
    labels[3:5, 1:3, 8:10], labels[3:, 4, 8:11] = 4, 5
    for t in (0, 1, 4, 5):
        labels[t, 6:8, 2:4] = 2
    labels[:, 9:11, 2:4] = 7
    labels[4:, 9:11, 6:8] = 8
    return labels


VOLUME = ImageVolume(np.zeros((6, 12, 20), np.uint8), "tyx", (30.0, 0.5, 0.25), "micrometer")


def _session(labels: np.ndarray, volume: ImageVolume = VOLUME, **more: object) -> SimpleNamespace:
    return SimpleNamespace(labels=lambda: labels, volume=volume, **more)


def broken_rules(folder: Path, stem: str = "mask", text: str = "res_track.txt") -> list[str]:
    """What in a folder breaks the rules of the Cell Tracking Challenge, from its files alone."""
    broken = []
    names = sorted(p.name for p in folder.iterdir() if p.suffix == ".tif")
    wanted = [f"{stem}{t:03d}.tif" for t in range(len(names))]
    broken += [] if names == wanted else [f"masks are named {names}"]
    masks = [tifffile.imread(folder / name) for name in names]
    broken += [f"{n} is {m.dtype}" for n, m in zip(names, masks, strict=True) if m.dtype != np.uint16]
    tracks = {}
    for line in (folder / text).read_text().splitlines():
        if re.fullmatch(r"\d+ \d+ \d+ \d+", line) is None:
            broken.append(f"line {line!r}")
            continue
        label, *rest = map(int, line.split())
        broken += [f"label {label} twice"] * (label in tracks) + [f"label {label}"] * (label < 1)
        tracks[label] = rest
    for t, mask in enumerate(masks):
        there = {int(v) for v in np.unique(mask)} - {0}
        expected = {label for label, (begin, end, _) in tracks.items() if begin <= t <= end}
        broken += [f"frame {t} has {there}, the text {expected}"] * (there != expected)
    for label, (begin, end, parent) in tracks.items():
        broken += [f"{label} ends before it begins"] * (end < begin) + [f"{label} ends late"] * (end >= len(masks))
        broken += [f"the parent of {label} is unknown"] * (parent != 0 and parent not in tracks)
        broken += [f"the parent of {label} is still there"] * (parent in tracks and tracks[parent][1] >= begin)
    return broken


def test_a_folder_keeps_the_rules_and_says_the_lineage(tmp_path) -> None:
    labels = _labels()
    ns.write_tracks(tmp_path / "01_RES", _session(labels, lineage=LINEAGE))
    assert broken_rules(tmp_path / "01_RES") == []
    lines = (tmp_path / "01_RES" / "res_track.txt").read_text().splitlines()
    tracks = {line.split()[0]: line for line in lines}
    assert set(lines) == {
        "1 0 2 0", "4 3 4 1", "5 3 5 1", "2 0 1 0", "7 0 3 0", "8 4 5 7", "9 4 5 2", "10 4 5 7",
    }  # fmt: skip
    assert len(tracks) == len(lines)
    for t, before in enumerate(labels):
        mask = tifffile.imread(tmp_path / "01_RES" / f"mask{t:03d}.tif")
        assert np.array_equal(mask > 0, before > 0)
    assert set(np.unique(mask)) == {0, 5, 8, 9, 10}


def test_the_files_of_a_ground_truth_have_their_names(tmp_path) -> None:
    ns.write_tracks(tmp_path / "TRA", _session(_labels(), lineage=LINEAGE), truth=True)
    assert broken_rules(tmp_path / "TRA", "man_track", "man_track.txt") == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("res_track.txt", lambda p: p.write_text(p.read_text().replace("4 3 4 1", "4 3 4 5"))),
        ("res_track.txt", lambda p: p.write_text(p.read_text().replace("9 4 5 2", "9 2 5 2"))),
        ("res_track.txt", lambda p: p.write_text(p.read_text().replace("9 4 5 2\n", ""))),
        ("mask002.tif", lambda p: p.unlink()),
        ("mask002.tif", lambda p: tifffile.imwrite(p, tifffile.imread(p).astype(np.uint8))),
    ],
)
def test_the_check_of_the_rules_finds_what_breaks_them(tmp_path, name, change) -> None:
    ns.write_tracks(tmp_path / "01_RES", _session(_labels(), lineage=LINEAGE))
    change(tmp_path / "01_RES" / name)
    assert broken_rules(tmp_path / "01_RES") != []


@pytest.mark.parametrize("seed", range(20))
def test_random_objects_and_divisions_keep_the_rules(tmp_path, seed) -> None:
    random = np.random.default_rng(seed)
    labels = np.zeros((9, 8, 16), np.uint16)
    for obj_id in range(1, 9):
        labels[random.random(9) < 0.6, obj_id - 1, : int(random.integers(1, 16))] = obj_id
    # A parent may begin after its daughter, overlap with it, or never be there.
    lineage = {d: int(random.integers(1, 12)) for d in range(1, 9) if random.random() < 0.6}
    lineage = {d: p for d, p in lineage.items() if d != p}
    volume = ImageVolume(labels, "tyx")
    ns.write_tracks(tmp_path / "out", _session(labels, volume, lineage=lineage))
    assert broken_rules(tmp_path / "out") == []


def test_a_daughter_after_a_gap_is_linked_over_it() -> None:
    tracks = ctc_tracks({3: [0, 1], 6: [5, 6]}, {6: 3})
    assert [(t.label, t.begin, t.end, t.parent) for t in tracks] == [(3, 0, 1, 0), (6, 5, 6, 3)]


def test_volumes_are_written_as_stacks_and_many_frames_with_more_digits(tmp_path) -> None:
    labels = np.zeros((1001, 2, 3, 4), np.uint8)
    labels[:, 1, 1:, 2] = 6
    ns.write_tracks(tmp_path / "out", _session(labels, ImageVolume(labels, "tzyx")))
    assert tifffile.imread(tmp_path / "out" / "mask1000.tif").shape == (2, 3, 4)
    assert (tmp_path / "out" / "mask0000.tif").exists()
    assert (tmp_path / "out" / "res_track.txt").read_text() == "6 0 1000 0\n"


def test_a_folder_with_other_files_is_left_alone(tmp_path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "notes.txt").write_text("important")
    with pytest.raises(WriteError, match=r"notes\.txt, which would be lost"):
        ns.write_tracks(folder, _session(_labels()))
    assert [p.name for p in folder.iterdir()] == ["notes.txt"]
    (folder / "notes.txt").unlink()
    ns.write_tracks(folder, _session(_labels()))
    ns.write_tracks(folder, _session(_labels()[:3], ImageVolume(np.zeros((3, 12, 20), np.uint8), "tyx")))
    assert sorted(p.name for p in folder.iterdir()) == ["mask000.tif", "mask001.tif", "mask002.tif", "res_track.txt"]


def test_napari_gets_points_and_a_graph_of_what_is_there() -> None:
    from napari.layers import Tracks

    labels = _labels()
    data, graph = napari_tracks(labels, VOLUME, {**LINEAGE, 4: 1, 30: 1})
    assert graph == {4: [1], 5: [1], 8: [7]}
    assert data.shape == (3 + 4 + 2 + 3 + 6 + 2, 4)
    assert data[0].tolist() == [1, 0, 1.5, 1.5]
    assert [tuple(r) for r in data[:, :2]] == sorted(tuple(r) for r in data[:, :2])
    layer = Tracks(data, graph=graph)
    assert len(layer.data) == len(data)
    for obj_id, t, y, x in data.tolist():
        place = np.argwhere(labels[int(t)] == obj_id).mean(axis=0)
        assert (y, x) == pytest.approx(tuple(place))


def test_axes_in_another_order_are_the_same_tracks() -> None:
    labels = np.zeros((4, 3, 5, 6), np.uint8)
    labels[1:3, 1, 2:4, 3] = 2
    data, _ = napari_tracks(labels, ImageVolume(labels, "tzyx"))
    assert data.tolist() == [[2, 1, 1, 2.5, 3], [2, 2, 1, 2.5, 3]]
    turned = labels.transpose(2, 0, 3, 1)
    assert napari_tracks(turned, ImageVolume(turned, "ytxz"))[0].tolist() == data.tolist()


def test_the_table_has_pixels_and_units(tmp_path) -> None:
    table = track_table(_labels(), VOLUME, LINEAGE, {1: "mother"})
    assert list(table.columns) == [
        *("object", "name", "frame", "time_s", "centroid_y", "centroid_x", "position_y_um", "position_x_um"),
        *("voxels", "area_um2", "parent"),
    ]
    row = table[(table["object"] == 1) & (table["frame"] == 2)].iloc[0]
    assert (row["name"], row["time_s"], row["voxels"], row["parent"]) == ("mother", 60.0, 8, 0)
    assert (row["centroid_y"], row["centroid_x"]) == (1.5, 3.5)
    assert (row["position_y_um"], row["position_x_um"], row["area_um2"]) == (0.75, 0.875, 1.0)
    assert set(table[table["object"] == 5]["parent"]) == {1}
    names = {i: SimpleNamespace(name=f"cell {i}") for i in (1, 2, 4, 5, 7, 8)}
    ns.write_tracks(tmp_path / "tracks.csv", _session(_labels(), lineage=LINEAGE, objects=names))
    again = pd.read_csv(tmp_path / "tracks.csv")
    assert list(again["name"][:3]) == ["cell 1"] * 3
    pd.testing.assert_frame_equal(again.drop(columns="name"), table.drop(columns="name"))


def test_a_volume_in_millimetres_is_measured_in_millilitres() -> None:
    labels = np.ones((2, 2, 5, 5), np.uint8)
    table = track_table(labels, ImageVolume(labels, "tzyx", (10.0, 2.0, 2.0), "mm"))
    assert "time_s" not in table
    assert table["volume_ml"].tolist() == pytest.approx([2.0, 2.0])
    assert table["position_z_mm"].tolist() == [5.0, 5.0]


def test_a_session_is_read_frame_by_frame(tmp_path, monkeypatch) -> None:
    volume = ImageVolume(np.random.default_rng(0).random((4, 16, 18)).astype(np.float32), "tyx")
    session = ns.VideoSession(FakePredictor(), volume)
    session.add_box(1, 0, (2, 3, 6, 8))
    for _ in session.propagate():
        pass
    labels = session.labels()
    monkeypatch.setattr(type(session), "labels", None)
    ns.write_tracks(tmp_path / "out", session)
    assert broken_rules(tmp_path / "out") == []
    for t in range(4):
        assert np.array_equal(tifffile.imread(tmp_path / "out" / f"mask{t:03d}.tif"), labels[t])
    ns.write_tracks(tmp_path / "tracks.csv", session)
    assert pd.read_csv(tmp_path / "tracks.csv")["name"].unique().tolist() == [session.objects[1].name]


def test_lazy_labels_are_read_a_frame_at_a_time() -> None:
    class Lazy:
        shape, dtype = (6, 12, 20), np.dtype(np.uint16)
        largest = 0

        def __getitem__(self, index):
            part = _labels()[index]
            Lazy.largest = max(Lazy.largest, part.size)
            return part

    assert len(napari_tracks(Lazy(), VOLUME)[0]) == 20
    assert Lazy.largest == 12 * 20


def test_what_has_no_tracks_says_why(tmp_path) -> None:
    still = ImageVolume(np.zeros((4, 5, 6), np.uint8))
    with pytest.raises(WriteError, match="has no time"):
        ns.write_tracks(tmp_path / "t.csv", _session(np.zeros((4, 5, 6), np.uint8), still))
    with pytest.raises(WriteError, match=r"tracks cannot be written as '\.xml'"):
        ns.write_tracks(tmp_path / "t.xml", _session(_labels()))
    with pytest.raises(VolumeError, match="the shape"):
        napari_tracks(_labels()[:2], VOLUME)
    with pytest.raises(VolumeError, match="whole numbers"):
        napari_tracks(_labels().astype(float), VOLUME)
    for bad in ({4: 4}, {4: [1]}, [(4, 1)]):
        with pytest.raises(VolumeError, match="parent of each daughter"):
            napari_tracks(_labels(), VOLUME, bad)
    many = np.full((1, 1, 1), 70_000, np.uint32)
    with pytest.raises(WriteError, match="16 bits"):
        ns.write_tracks(tmp_path / "out", _session(many, ImageVolume(many, "tyx")))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_folder(tmp_path, monkeypatch) -> None:
    ns.write_tracks(tmp_path / "out", _session(_labels()))
    before = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(WriteError, match="No space left"):
        ns.write_tracks(tmp_path / "out", _session(_labels()[:, ::-1]))
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
