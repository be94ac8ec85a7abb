"""The status of the doctor."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from napari_sam2.cli.main import main


@pytest.mark.parametrize(("problems", "status"), [([], 0), (["no torch"], 1)])
def test_the_status_says_whether_there_is_a_problem(monkeypatch, capsys, problems, status):
    asked = []

    def examine(device):
        asked.append(device)
        return SimpleNamespace(text="the report", problems=problems)

    monkeypatch.setattr("napari_sam2.engine.diagnostics.self_check.examine", examine)
    assert main(["doctor", "--device", "cpu"]) == status
    assert capsys.readouterr().out == "the report\n"
    assert asked == ["cpu"]
