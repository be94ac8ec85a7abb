"""The parser of all commands, and what their errors become."""

from __future__ import annotations

import runpy
import sys

import pytest

import napari_sam2 as ns
from napari_sam2.cli import info
from napari_sam2.cli.main import build_parser, main
from napari_sam2.errors import ReadError


def raising(error):
    def run(arguments):
        raise error

    return run


def test_an_error_of_a_command_is_its_text_and_status_two(monkeypatch, capsys):
    monkeypatch.setattr(info, "run", raising(ReadError("a.nii is damaged.\nGet a whole copy of it.")))
    assert main(["info"]) == 2
    assert capsys.readouterr().err == "napari-sam2: a.nii is damaged.\nGet a whole copy of it.\n"


def test_an_interrupted_command_has_the_status_of_shells(monkeypatch, capsys):
    monkeypatch.setattr(info, "run", raising(KeyboardInterrupt()))
    assert main(["info"]) == 130
    assert capsys.readouterr().err == "napari-sam2: interrupted\n"


def test_a_fault_of_ours_is_not_hidden(monkeypatch):
    monkeypatch.setattr(info, "run", raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        main(["info"])


def test_the_help_lists_every_command():
    text = build_parser().format_help()
    assert all(name in text for name in ("segment", "demo", "download", "info", "doctor", "evaluate"))


def test_the_package_can_be_run(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["napari-sam2", "--version"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("napari_sam2.cli", run_name="__main__")
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"napari-sam2 {ns.__version__}\n"
