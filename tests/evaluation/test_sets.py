"""Labelled sets and packs, and what is said of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile

import napari_sam2 as ns
from napari_sam2.cli import main
from napari_sam2.errors import ReadError
from napari_sam2.evaluation import evaluate, find_entries, find_sets, load_set, objects_of


def write_pack(path: Path, cases: list[dict[str, Any]]) -> Path:
    arrays: dict[str, Any] = {}
    index = []
    for number, case in enumerate(cases):
        key = f"{number:03d}"
        arrays |= {f"{kind}_{key}": case[kind] for kind in ("image", "label", "spacing") if kind in case}
        index.append({"key": key} | {k: v for k, v in case.items() if k not in ("image", "label", "spacing")})
    np.savez(path, index=json.dumps(index), **arrays)
    return path


def case(name: str, pixel: float = 1.0, **about: Any) -> dict[str, Any]:
    """A ball of 3 pixels (label 1) beside a block of 20 (label 2)."""
    label = np.zeros((6, 40, 40), np.uint8)
    label[1:5, 4:7, 4:7] = 1
    label[1:5, 12:32, 12:32] = 2
    image = (label > 0).astype(np.int16) * 300
    spacing = np.array([3.0, pixel, pixel])
    return {"name": name, "image": image, "label": label, "spacing": spacing, "modality": "CT", **about}


def flat(name: str) -> dict[str, Any]:
    return {"name": name, "image": np.ones((9, 9)), "label": np.ones((9, 9), np.uint8), "axes": "YX"}


def test_cases_of_a_pack_are_named_after_it(tmp_path: Path) -> None:
    write_pack(tmp_path / "heads_val.npz", [case("a", names={"1": "cord"}), case("b", modality="MR")])
    first, second = find_entries([tmp_path])
    assert (first.name, second.name) == ("heads_val/000", "heads_val/001")
    one, other = first.load(), second.load()
    assert one.names == {1: "cord"}
    assert (one.volume.is_hu, other.volume.is_hu) == (True, False)
    assert one.volume.spacing == (3, 1, 1)
    assert one.volume.axes == "zyx"
    np.testing.assert_array_equal(one.truth, case("a")["label"])


def test_all_labels_of_a_case_may_be_one_object(tmp_path: Path) -> None:
    write_pack(tmp_path / "heads_val.npz", [case("a")])
    whole = find_entries([tmp_path], known=["heads_val"])[0].load(whole=True)
    assert [label for label, _ in objects_of(whole.truth, None)] == [1]
    assert (whole.truth == 1).sum() == 4 * (9 + 400)
    assert whole.names == {1: "whole"}


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("a", ["p/001", "q"]),
        ("p", ["q"]),
        ("p/001", ["p/000", "q"]),
        ("q", ["p/000", "p/001"]),
        ("p/*", ["q"]),
        ("bet*", ["p/000", "q"]),
    ],
)
def test_sets_packs_and_cases_can_be_left_out(tmp_path: Path, pattern: str, left: list[str]) -> None:
    write_pack(tmp_path / "p.npz", [case("a"), case("beta")])
    np.savez(tmp_path / "q.npz", **{k: v for k, v in case("q").items() if k != "name"})
    assert [e.name for e in find_entries([tmp_path], exclude=[pattern])] == left


def test_a_name_that_fits_nothing_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pack(tmp_path / "p.npz", [case("a")])
    for option in ("--exclude", "--merge"):
        assert main(["evaluate", str(tmp_path), option, "hipocampus", "--out", str(tmp_path / "out")]) == 2
        assert "hipocampus; there are p." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "coarse"),
    [
        ({"pixel": 3.0}, True),
        ({"pixel": 4.7}, True),
        ({"pixel": 2.9}, False),
        ({"pixel": 4.7, "units": "um"}, False),
        ({"pixel": 4.7, "axes": "TYX"}, False),
    ],
)
def test_sets_are_coarse_from_pixels_of_three_millimetres_on(
    tmp_path: Path, changes: dict[str, Any], coarse: bool
) -> None:
    write_pack(tmp_path / "p.npz", [case("a", **changes)])
    found = find_entries([tmp_path])[0].load()
    assert found.is_coarse == coarse
    # The ball of 9 pixels counts where pixels are coarse alone.
    assert [label for label, _ in objects_of(found.truth, None, found.least_area)] == ([1, 2] if coarse else [2])


def test_an_image_with_labels_beside_it_is_a_set(tmp_path: Path) -> None:
    image = tmp_path / "disc.tif"
    truth = np.zeros((7, 96, 96), np.uint8)
    truth[:, 30:70, 20:60] = 1
    tifffile.imwrite(image, truth.astype(np.uint16) * 2000, imagej=True, metadata={"axes": "ZYX"})
    ns.write_labels(tmp_path / "disc_labels.tif", truth, ns.read_volume(image))
    assert find_sets(tmp_path) == [image]
    found = load_set(image)
    assert np.array_equal(found.truth, truth)
    assert [label for label, _ in objects_of(found.truth, 6)] == [1]


def test_thick_slices_alone_do_not_make_a_set_coarse(tmp_path: Path) -> None:
    given = case("a") | {"spacing": np.array([7.0, 0.8, 0.8])}
    write_pack(tmp_path / "p.npz", [given])
    assert not find_entries([tmp_path])[0].load().is_coarse


def test_a_set_without_a_spacing_is_sharp(tmp_path: Path) -> None:
    given = case("a")
    del given["spacing"]
    write_pack(tmp_path / "p.npz", [given])
    np.savez(tmp_path / "s.npz", image=given["image"], label=given["label"])
    assert not find_entries([tmp_path / "p.npz"])[0].load().is_coarse
    assert not load_set(tmp_path / "s.npz").is_coarse


def test_images_and_label_maps_are_left_out_with_a_reason(tmp_path: Path) -> None:
    no_image = case("map")
    del no_image["image"]
    write_pack(tmp_path / "p.npz", [flat("nuclei"), no_image, case("good")])
    np.savez(tmp_path / "single.npz", image=np.ones((9, 9)), label=np.ones((9, 9), np.uint8))
    reasons = {e.name: e.reason for e in find_entries([tmp_path])}
    assert "single image" in reasons["p/000"]
    assert reasons["p/001"] == "has no image"
    assert reasons["p/002"] == ""
    assert "single image" in reasons["single"]


def test_a_pack_of_images_alone_cannot_be_scored(tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "dsb.npz", [flat("a"), flat("b")])
    with pytest.raises(ReadError, match=r"Not scored: 2 of dsb: each is a single image"):
        evaluate(None, pack, tmp_path / "out")  # type: ignore[arg-type]


@pytest.mark.parametrize("index", ["no json", "[{}]", "3", '[{"key": "000", "axes": 7}]'])
def test_a_broken_index_is_an_error_that_names_the_file(tmp_path: Path, index: str) -> None:
    np.savez(tmp_path / "bad.npz", index=index)
    with pytest.raises(ReadError, match=r"bad\.npz is no labelled set"):
        find_entries([tmp_path])


def test_a_case_of_two_shapes_is_an_error_that_names_it(tmp_path: Path) -> None:
    wrong = case("a") | {"image": np.zeros((5, 40, 40), np.int16)}
    write_pack(tmp_path / "p.npz", [wrong])
    with pytest.raises(ReadError, match=r"p\.npz: p/000: image \(5, 40, 40\)"):
        find_entries([tmp_path])[0].load()


def test_packs_are_evaluated_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack = write_pack(tmp_path / "heads_val.npz", [case("a", 4.0), case("noise"), flat("b")])
    np.savez(tmp_path / "set.npz", image=case("s")["image"], label=case("s")["label"])
    out = tmp_path / "out"
    options = ["--merge", "heads_val", "--exclude", "noise", "--prompts", "mask", "--out", str(out)]
    assert main(["evaluate", str(pack), str(tmp_path / "set.npz"), *options]) == 0
    table = pd.read_csv(out / "evaluation.csv")
    assert table["set"].tolist() == ["heads_val/000", "set"]
    assert table["coarse"].tolist() == [True, False]
    assert table["name"].tolist()[0] == "whole"
    printed = capsys.readouterr().out
    assert "| heads_val (coarse) | 1 |" in printed
    assert "mean of coarse sets" in printed
    assert "Not scored: heads_val, which is a single image" in printed
