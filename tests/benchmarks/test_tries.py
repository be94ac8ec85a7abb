"""Tries in processes of their own, and the table of what they found."""

from __future__ import annotations

import subprocess

import pytest

from benchmarks.tries import run_alone, run_in_turn, tries_table, why_it_failed

MODULE = """
import json, os, sys
print("a line of the library")
print(json.dumps({"slices": len(sys.argv[2]), "process": os.getpid()}))
"""


def test_kinds_run_in_turn_each_in_a_process_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "tried.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    tries = run_in_turn("tried", "--kind", ("one", "three"), 2)
    assert {kind: [found["slices"] for found in each] for kind, each in tries.items()} == {
        "one": [3, 3],
        "three": [5, 5],
    }
    assert len({found["process"] for each in tries.values() for found in each}) == 4


def test_a_try_that_fails_ends_the_measurement(tmp_path, monkeypatch):
    (tmp_path / "tried.py").write_text("raise SystemExit(3)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(subprocess.CalledProcessError):
        run_in_turn("tried", "--kind", ("one",), 1)


def test_a_quiet_failure_says_why(tmp_path, monkeypatch, capfd):
    (tmp_path / "tried.py").write_text("raise SystemExit('no memory is left')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run_alone("tried", quietly=True)
    assert why_it_failed(failed.value) == "no memory is left"
    assert capfd.readouterr().err == ""


def test_the_table_has_medians_with_least_and_most():
    tries = {
        "with": [{"ms": 30.0, "s": 1.0}, {"ms": 10.4, "s": 1.5}, {"ms": 20.0, "s": 9.0}],
        "without": [{"ms": 99.0}],
    }
    assert tries_table(tries, {"ms": "click, ms", "s": "panel, s"}).splitlines() == [
        "| median (least to most) | with | without |",
        "|---|---|---|",
        "| click, ms | 20 (10 to 30) | 99 (99 to 99) |",
        "| panel, s | 1.50 (1.00 to 9.00) | – |",
    ]
