"""``info``."""

from __future__ import annotations

from napari_sam2.cli import main


def test_info(capsys):
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert "starter" in out
    assert "bundled" in out
    assert "cpu" in out
