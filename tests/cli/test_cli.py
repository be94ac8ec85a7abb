"""The command line, with the bundled model on small files."""

from __future__ import annotations

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.cli import main
from napari_sam2.core.masks import deepest_pixel
from napari_sam2.evaluation.evaluate import find_sets, load_set, objects_of


@pytest.fixture
def stack(tmp_path):
    """A TIFF of a bright disc on noise, seven slices, and its truth."""
    import tifffile

    rng = np.random.default_rng(0)
    yy, xx = np.mgrid[:96, :96]
    disc = (yy - 50) ** 2 + (xx - 40) ** 2 < 20**2
    truth = np.stack([disc] * 7)
    image = (np.where(truth, 3000, 1000) + rng.normal(0, 150, truth.shape)).astype(np.uint16)
    path = tmp_path / "disc.tif"
    tifffile.imwrite(path, image, imagej=True, metadata={"axes": "ZYX", "spacing": 3.0, "unit": "mm"})
    return path, image, truth


def test_segment_writes_labels_on_the_image_grid(stack, tmp_path, capsys):
    path, _, truth = stack
    out = tmp_path / "labels.tif"
    status = main(
        ["segment", str(path), "--object", "3", "--box", "3,30,20,71,61", "--point", "3,5,5,neg", "--out", str(out)]
    )
    assert status == 0
    labels = ns.read_labels(out, ns.read_volume(path))
    assert set(np.unique(labels)) == {0, 3}
    found = labels == 3
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.85
    assert "wrote" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--box", "3,1,2"], "Z,Y0,X0,Y1,X1"),
        (["--point", "3,a,b"], "Z,Y,X"),
        ([], "nothing to segment"),
        (["--point", "99,5,5"], "no slice 99"),
        (["--box", "3,30,20,71,61", "--model", "sam9"], "sam9"),
        (["--box", "3,30,20,71,61", "--model", "sam2.1-tiny"], "download"),
        (["--box", "3,30,20,71,61", "--device", "abacus"], "abacus"),
        (["--box", "3,30,20,71,61", "--window", "5,1"], "window"),
        (["--box", "3,30,20,71,61", "--axis", "q"], "no axis"),
    ],
)
def test_errors_are_one_sentence_and_status_two(stack, tmp_path, capsys, monkeypatch, arguments, text):
    monkeypatch.setenv("NAPARI_SAM2_MODELS", str(tmp_path / "none"))
    out = tmp_path / "labels.tif"
    assert main(["segment", str(stack[0]), *arguments, "--out", str(out)]) == 2
    assert text in capsys.readouterr().err
    assert not out.exists()


def test_missing_image(tmp_path, capsys):
    assert main(["segment", str(tmp_path / "none.nii"), "--point", "0,1,1", "--out", "x.nii"]) == 2
    assert "none.nii" in capsys.readouterr().err


def test_info(capsys):
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert "starter" in out
    assert "bundled" in out
    assert "cpu" in out


def test_evaluate_writes_table_csv_and_picture(stack, tmp_path, capsys):
    _, image, truth = stack
    data = tmp_path / "sets"
    data.mkdir()
    label, spacing = truth.astype(np.uint8), (3.0, 1.0, 1.0)
    np.savez(data / "disc.npz", image=image, label=label, spacing=spacing, names='{"1": "disc"}')
    out = tmp_path / "result"
    asked = ["--prompts", "box,mask", "--corrections", "1", "--distance", "--out", str(out)]
    assert main(["evaluate", str(data), *asked]) == 0
    printed = capsys.readouterr().out
    assert "mean of sets" in printed
    assert "box corrected" in printed
    assert "slices away" in printed
    table = (out / "evaluation.csv").read_text().splitlines()
    assert len(table) == 3
    assert (out / "worst.png").exists()
    assert "| disc | disc | box |" in (out / "evaluation.md").read_text()


def test_evaluate_refuses_what_is_no_set(tmp_path, capsys):
    (tmp_path / "bad.npz").write_bytes(b"no zip")
    assert main(["evaluate", str(tmp_path), "--out", str(tmp_path / "o")]) == 2
    assert "bad.npz" in capsys.readouterr().err
    assert main(["evaluate", str(tmp_path / "none"), "--out", str(tmp_path / "o")]) == 2


def test_image_with_labels_beside_it(stack, tmp_path):
    path, _, truth = stack
    ns.write_labels(tmp_path / "disc_labels.tif", truth.astype(np.uint8), ns.read_volume(path))
    assert find_sets(tmp_path) == [path]
    case = load_set(path)
    assert np.array_equal(case.truth == 1, truth)
    assert [label for label, _ in objects_of(case.truth, 6)] == [1]


def test_deepest_pixel_is_inside_a_ring():
    yy, xx = np.mgrid[:40, :40]
    distance = np.hypot(yy - 20, xx - 20)
    ring = (distance < 15) & (distance > 7)
    y, x = deepest_pixel(ring)
    assert ring[y, x]
    assert abs(np.hypot(y - 20, x - 20) - 11) < 1.5


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--box", "3,30,20,71,61", "--out", "{image}"], "the image itself"),
        (["--box", "3,30,20,71,61", "--out", "{folder}/labels.xyz"], "suffix"),
        (["--box", "3,30,20,71,61", "--out", "{folder}/none/labels.tif"], "does not exist"),
        (["--box", "3.5,30,20,71,61", "--out", "{folder}/labels.tif"], "whole number"),
        (["--point", "nan,30,20", "--out", "{folder}/labels.tif"], "not of the form"),
        (["--point", "3,30,20", "--at", "t", "--out", "{folder}/labels.tif"], "AXIS=INDEX"),
    ],
)
def test_segment_refuses_before_it_works(stack, tmp_path, capsys, arguments, text):
    path, image, _ = stack
    words = [a.format(image=path, folder=tmp_path) for a in arguments]
    assert main(["segment", str(path), *words]) == 2
    assert text in capsys.readouterr().err
    assert np.array_equal(ns.read_volume(path).array, image)


def test_results_cannot_go_where_a_file_stands(stack, tmp_path, capsys):
    path, _, _ = stack
    assert main(["demo", "--out", str(path)]) == 2
    assert "cannot be made a folder" in capsys.readouterr().err


def test_segment_one_time_point_of_a_4d_image(stack, tmp_path):
    import tifffile

    _, image, _ = stack
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, np.stack([image[::-1], image]), imagej=True, metadata={"axes": "TZYX"})
    out = tmp_path / "labels.tif"
    asked = ["--axis", "z", "--at", "t=1", "--box", "3,30,20,71,61", "--out", str(out)]
    assert main(["segment", str(path), *asked]) == 0
    labels = ns.read_labels(out, ns.read_volume(path))
    assert labels[1].any()
    assert not labels[0].any()


BOX, OTHER = ["--box", "3,30,20,71,61"], ["--box", "2,30,20,71,61"]


@pytest.mark.parametrize(
    ("words", "objects"),
    [
        (["--object", "3", *BOX], {3}),
        ([*BOX, "--object", "3"], {3}),
        ([*BOX, "--object", "3", "--point", "3,5,5,neg"], {3}),
        ([*BOX, "--object", "2", *OTHER, "--object", "4", "--point", "3,5,5"], {1, 2, 4}),
        (["--obj", "5", "--bo", BOX[1]], {5}),
    ],
)
def test_an_object_number_counts_for_the_prompts_after_it_and_a_single_one_for_all(stack, tmp_path, words, objects):
    out = tmp_path / "labels.tif"
    assert main(["segment", str(stack[0]), *words, "--out", str(out)]) == 0
    labels = ns.read_labels(out, ns.read_volume(stack[0]))
    assert set(np.unique(labels)) - {0} <= objects
    assert max(objects) in labels


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--object", "3"], "nothing to segment"),
        (["--object", "2", "--object", "3", *BOX], "--object 2 has no effect"),
        ([*BOX, "--object", "2", *OTHER, "--object", "3"], "--object 3 has no effect"),
        ([*BOX, "--object", "x"], "--object x"),
        ([*BOX, "--box", "3,1,1,9,9"], "--box 3,30,20,71,61 has no effect"),
        ([*BOX, "--series", "0"], "--series has no effect"),
        ([*BOX, "--at", "t=0", "--at", "t=1"], "two indices, 0 and 1"),
    ],
)
def test_an_option_of_segment_without_effect_is_an_error(stack, tmp_path, capsys, words, text):
    out = tmp_path / "labels.tif"
    assert main(["segment", str(stack[0]), *words, "--out", str(out)]) == 2
    assert text in capsys.readouterr().err.splitlines()[0]
    assert not out.exists()


@pytest.mark.parametrize(
    "words",
    [
        ["segment", "a.tif", *BOX, "--window", "0,1", "--window", "-5,9", "--out", "b.tif"],
        ["segment", "a.tif", *BOX, "--out", "b.tif", "--out", "c.tif"],
        ["segment", "a.tif", *BOX, "--direction", "both", "--direction", "forward", "--out", "b.tif"],
        ["demo", "--device", "cpu", "--device", "cpu"],
        ["evaluate", "sets", "--corrections", "1", "--corrections", "2"],
    ],
)
def test_an_option_that_is_given_twice_is_an_error(words, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(words)
    assert exit_.value.code == 2
    assert "is given twice" in capsys.readouterr().err


def test_the_direction_of_a_single_frame_is_an_error(stack, tmp_path, capsys):
    import tifffile

    _, image, _ = stack
    tifffile.imwrite(tmp_path / "plain.tif", image[3])
    asked = ["segment", str(tmp_path / "plain.tif"), "--box", "0,30,20,71,61", "--out", str(tmp_path / "labels.tif")]
    assert main([*asked, "--direction", "forward"]) == 2
    assert "single frame" in capsys.readouterr().err
    assert main(asked) == 0


def test_a_licence_is_accepted_only_where_there_is_one(capsys):
    assert main(["download", "starter", "--accept-licence"]) == 2
    assert "no terms to accept" in capsys.readouterr().err
    assert main(["download", "starter"]) == 0


@pytest.mark.parametrize(
    ("words", "text"),
    [(["--prompts", "box,box"], "names a kind twice"), (["--prompts", "box,lasso"], "not lasso")],
)
def test_evaluate_refuses_kinds_of_prompt_that_say_nothing(tmp_path, capsys, words, text):
    assert main(["evaluate", str(tmp_path), *words, "--out", str(tmp_path / "o")]) == 2
    assert text in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("option", ["--corrections", "--max-objects"])
def test_evaluate_counts_from_nothing_on(tmp_path, capsys, option):
    with pytest.raises(SystemExit) as exit_:
        main(["evaluate", str(tmp_path), option, "-1"])
    assert exit_.value.code == 2
    assert option in capsys.readouterr().err
