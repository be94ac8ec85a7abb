"""``segment``, with the bundled model on small files."""

from __future__ import annotations

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.cli import main


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


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--box", "3,30,20,71,61", "--out", "{image}"], "the image itself"),
        (["--box", "3,30,20,71,61", "--out", "{folder}/labels.xyz"], "suffix"),
        (["--box", "3,30,20,71,61", "--out", "{folder}/none/labels.tif"], "does not exist"),
        # The file is refused before the model is looked for.
        (["--box", "3,30,20,71,61", "--out", "{folder}/liver.dcm", "--model", "sam9"], "was not read from one"),
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


def test_the_direction_of_a_single_frame_is_an_error(stack, tmp_path, capsys):
    import tifffile

    _, image, _ = stack
    tifffile.imwrite(tmp_path / "plain.tif", image[3])
    asked = ["segment", str(tmp_path / "plain.tif"), "--box", "0,30,20,71,61", "--out", str(tmp_path / "labels.tif")]
    assert main([*asked, "--direction", "forward"]) == 2
    assert "single frame" in capsys.readouterr().err
    assert main(asked) == 0
