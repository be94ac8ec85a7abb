"""``download`` as a command; how a file comes here is in tests/engine/catalog."""

from __future__ import annotations

from napari_sam2.cli import main


def test_a_licence_is_accepted_only_where_there_is_one(capsys):
    assert main(["download", "starter", "--accept-licence"]) == 2
    assert "no terms to accept" in capsys.readouterr().err
    assert main(["download", "starter"]) == 0
