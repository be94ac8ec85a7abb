"""The command line of the training."""

from __future__ import annotations

from pathlib import Path

import pytest

import napari_sam2 as ns
from support.small_training import SMALL_MIXED_RECIPE, SMALL_RECIPE
from training import run_checkpoint
from training.command import main
from training.recipe import Recipe, load_recipe


def test_commands(tmp_path: Path, recipe: Recipe) -> None:
    out, weights, compact = (tmp_path / name for name in ("run.pt", "w.safetensors", "compact.pt"))
    overrides = [part for text in SMALL_RECIPE for part in ("--set", text)]
    main(["train", "--start", "nothing", "--out", str(out), "--device", "cpu", "--steps", "1", *overrides])
    larger = ["--set", "network.image_size=96"]
    main(["train", "--out", str(out), "--device", "cpu", "--steps", "1", "--cool-down", "5", *overrides, *larger])
    state = run_checkpoint.load(out)
    assert (state.step, state.cool_down_start, state.cool_down_steps) == (2, 1, 5)
    assert state.network["image_size"] == 96
    main(["export", str(out), str(weights), "--compact", str(compact)])
    assert ns.load_predictor(weights).name
    assert run_checkpoint.load(compact).step == 2


def test_processes_are_for_the_cpu(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="take --workers"):
        main(["train", "--out", str(tmp_path / "run.pt"), "--device", "cpu", "--processes", "2", "--workers", "1"])


def test_packs_are_trained_on_from_the_command_line(folder: Path, tmp_path: Path) -> None:
    asked = [part for text in SMALL_MIXED_RECIPE for part in ("--set", text)]
    places = ["--data", str(folder / "ct.npz"), "--data", str(folder / "nuclei_train.npz")]
    out = tmp_path / "run.pt"
    given = ["--out", str(out), "--device", "cpu", "--steps", "1", "--save-every", "1"]
    main(["train", "--start", "nothing", *given, *places, *asked])
    assert out.exists()
    with pytest.raises(ValueError, match="must not be trained on"):
        main(["train", *given, "--data", str(folder / "brains_val.npz"), *asked])


def test_the_recipe_records_its_start(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    start = load_recipe().start
    recorded = Path(__file__).resolve().parents[3] / "shared" / "weights" / start.file
    if not recorded.exists():
        pytest.skip(f"needs {start.file} from ../shared/weights")
    assert recorded.stat().st_size == start.bytes
    assert run_checkpoint.load(recorded).step == start.step
    small = ["--set", "network.image_size=64", "--device", "cpu", "--steps", "0"]
    main(["train", "--start", str(recorded), "--out", str(tmp_path / "one.pt"), *small])
    assert "not the checkpoint" not in caplog.text
    main(["train", "--start", str(tmp_path / "one.pt"), "--out", str(tmp_path / "two.pt"), *small])
    assert f"one.pt is not the checkpoint that the recipe was made for ({start.file})" in caplog.text
