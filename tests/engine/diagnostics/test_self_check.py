"""The self-check: what it says when all is well, and what it notices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_sam2.cli import main
from napari_sam2.engine import load_predictor
from napari_sam2.engine.diagnostics import self_check
from napari_sam2.engine.diagnostics.self_check import REFERENCE, answers, compare, examine, without_home
from napari_sam2.errors import NapariSam2Error


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of its own; every default place lies in it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NAPARI_SAM2_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("NAPARI_SAM2_SETTINGS", str(tmp_path / "settings.json"))
    for name in ("HF_HUB_OFFLINE", "HF_ENDPOINT", "HF_HOME", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def _finding(report: Any, topic: str) -> Any:
    return next(finding for finding in report.findings if finding.topic == topic)


def test_all_is_well(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_check, "_LOW_DISK", 0)
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy:1")
    assert main(["doctor", "--device", "cpu"]) == 0
    text = capsys.readouterr().out
    assert text.rstrip().endswith("Nothing is wrong.")
    for part in ("torch ", "cpu (CPU", "model starter: 7.2 MB, in order", "masks IoU 1.0000", "ms to encode"):
        assert part in text
    assert "HTTPS_PROXY is set" in text
    assert "secret" not in text
    assert str(home) not in text
    assert "~/settings.json" in text
    assert "NAPARI_SAM2_MODELS=~/models" in text


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_trial_in_every_precision(precision: str) -> None:
    off, iou = compare(answers(load_predictor("starter", device="cpu", precision=precision)))
    assert off <= self_check._TOLERANCE[precision]
    assert iou > 0.99


def test_recorded_answers_show_the_disc() -> None:
    with np.load(REFERENCE) as file:
        logits, scores = file["logits"], file["scores"]
    assert logits.shape == (4, 56, 56)
    assert (scores > 0).all()
    areas = (logits > 0).sum(axis=(1, 2))
    assert ((areas > 200) & (areas < 1500)).all()
    assert REFERENCE.stat().st_size < 60_000


def test_wrong_computation_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = self_check.answers

    def wrong(predictor: Any) -> Any:
        found = right(predictor)
        found["logits"][2, :10] += 9
        return found

    monkeypatch.setattr(self_check, "answers", wrong)
    trial = _finding(examine("cpu"), "trial")
    assert "cpu computes other masks than it should" in trial.advice


def test_failing_computation_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(predictor: Any) -> Any:
        raise RuntimeError("no kernel for this device")

    monkeypatch.setattr(self_check, "answers", fail)
    report = examine("cpu")
    assert "no kernel for this device" in _finding(report, "trial").advice
    assert "mend, marked with '!'" in report.text


def test_other_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_check, "sha256_of", lambda path: "0" * 64)
    with pytest.raises(NapariSam2Error, match="belong to other weights"):
        compare(answers(load_predictor("starter", device="cpu")))


def test_what_is_not_there(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "settings.json").write_text('{"models": {"mine": {"path": "/nowhere/mine.pt"}}}')
    monkeypatch.setattr(self_check, "_PACKAGES", ("numpy", "no_such_package"))
    monkeypatch.setattr(self_check.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(self_check, "_LOW_DISK", 1e18)
    report = examine("cuda")
    advice = {finding.topic: finding.advice for finding in report.problems}
    assert advice["packages"].startswith("no_such_package missing")
    assert "install torch with CUDA" in advice["devices"]
    assert "set NAPARI_SAM2_MODELS" in advice["downloads"]
    assert "remove 'mine' from the settings" in advice["model mine"]
    assert "no device 'cuda' here" in advice["trial"]
    assert main(["doctor"]) == 1
    capsys.readouterr()


def test_broken_settings(home: Path) -> None:
    (home / "settings.json").write_text("{")
    settings = _finding(examine("cpu"), "settings")
    assert "~/settings.json cannot be read" in settings.advice


def test_paths_outside_of_the_home_folder_stay(home: Path) -> None:
    assert without_home(home / "a" / "b") == str(Path("~/a/b"))
    assert without_home(Path("/data")) == "/data"


def _loaded(tmp_path: Path, precision: str) -> Any:
    """The bundled weights as if they were a file of the user's."""
    path = tmp_path / "mine.safetensors"
    path.write_bytes((self_check.BUNDLED_DIR / "starter.safetensors").read_bytes())
    return load_predictor(path, device="cpu", precision=precision)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_loaded_model_is_compared_with_itself_on_the_cpu(home: Path, precision: str) -> None:
    finding = _finding(examine("cpu", loaded=_loaded(home, precision)), "loaded model")
    assert f"~/mine.safetensors on cpu in {precision}" in finding.text
    assert not finding.advice


def test_loaded_model_that_computes_nonsense_is_noticed(home: Path) -> None:
    predictor = _loaded(home, "float32")
    with torch.no_grad():
        predictor.model.no_mem_embed.fill_(float("nan"))
    finding = _finding(examine("cpu", loaded=predictor), "loaded model")
    assert "not finite" in finding.text
    assert "download it again" in finding.advice


def test_what_is_not_ours_or_unloaded_is_passed_over(home: Path) -> None:
    predictor = _loaded(home, "float32")
    predictor.unload()
    for loaded in (predictor, object(), None):
        assert "loaded model" not in [finding.topic for finding in examine("cpu", loaded=loaded).findings]


def test_a_cache_that_cannot_be_written_is_not_called_full(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "file").write_text("not a folder")
    monkeypatch.setenv("NAPARI_SAM2_MODELS", str(home / "file" / "below"))
    found = self_check._room(home / "file" / "below")
    assert "cannot be written: Not a directory" in found.text
    assert "NAPARI_SAM2_MODELS" in found.advice
    assert "room" not in found.advice
    full = OSError(28, "No space left on device")
    monkeypatch.setattr("tempfile.TemporaryFile", lambda dir: (_ for _ in ()).throw(full))
    assert self_check._room(home).advice.startswith("Free some space")
