"""What stands on the command line, whatever the command."""

from __future__ import annotations

import pytest

from napari_sam2.cli import main

BOX = ["--box", "3,30,20,71,61"]


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
