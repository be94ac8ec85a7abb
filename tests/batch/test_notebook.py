"""The notebook of a study, executed cell by cell as a user does."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pandas as pd
import pytest

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "notebooks" / "study.ipynb"
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.timeout(900)]


def execute(path):
    """Execute the code cells in order; return the names that they leave and what each shows last."""
    names, shown = {"__name__": "notebook"}, []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        assert not cell["outputs"], "committed without outputs"
        body = ast.parse("".join(cell["source"]))
        last = body.body.pop() if isinstance(body.body[-1], ast.Expr) else None
        exec(compile(body, str(path), "exec"), names)
        shown.append(None if last is None else eval(compile(ast.Expression(last.value), str(path), "eval"), names))
    return names, shown


@pytest.mark.slow
def test_the_notebook_goes_from_dicom_to_dicom_seg_and_a_table() -> None:
    names, shown = execute(NOTEBOOK)
    checked, table, measured, dice = (s for s in shown if s is not None)
    assert list(checked["status"]) == ["to do"] * 2
    assert list(table["status"]) == ["done"] * 2, list(table["error"])
    assert all(value > 0.8 for value in dice.values()), dice
    assert set(dice) == {"patient-01", "patient-02"}
    written = pd.read_csv(names["study"] / "results" / "measurements.csv")
    truth_ml = names["liver"].sum() * names["sample"].volume.spacing[0] * names["sample"].volume.spacing[1] ** 2 / 1000
    assert written["volume_ml"].to_numpy() == pytest.approx(measured["volume_ml"].to_numpy())
    assert written["volume_ml"].to_numpy() == pytest.approx(truth_ml, rel=0.3)
    print(dice, truth_ml, list(written["volume_ml"]), list(table["seconds"]))
