"""``demo``; the whole of it is run by the installed wheel, in test_package."""

from __future__ import annotations

from napari_sam2.cli import main


def test_results_cannot_go_where_a_file_stands(stack, tmp_path, capsys):
    path, _, _ = stack
    assert main(["demo", "--out", str(path)]) == 2
    assert "cannot be made a folder" in capsys.readouterr().err
