"""``python -m benchmarks``: both sides on the same slices, and what is written about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import gpu, peers
from benchmarks import measure as measuring
from benchmarks.__main__ import main

SMALL = ["--size", "128", "--frames", "4", "--frames-vanish", "10", "--repeats", "1", "--threads", "1"]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    pytest.importorskip("transformers")
    path = tmp_path_factory.mktemp("benchmark") / "result.json"
    assert main([*SMALL, "--objects", "2", "--no-memory", "--json", str(path)]) == 0
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_both_sides_give_the_same_masks(result: dict[str, Any]) -> None:
    assert result["iou"] >= 0.99
    assert result["iou_vanish"] >= 0.99
    # Neither empty nor full, else the comparison would say nothing.
    assert 0.02 < result["mean_area"] < 0.98


def test_ratios_are_seconds_of_the_peer_over_ours(result: dict[str, Any]) -> None:
    for task in ("first", "again", "vanish"):
        seconds = {side: min(result["seconds"][side][task]) for side in ("ours", "peer")}
        assert result[f"ratio_{task}"] == pytest.approx(seconds["peer"] / seconds["ours"])
        assert len(result["seconds"]["ours"][task]) == 1
    # A correction leaves no slice to encode, and after the object has gone only five are tracked on.
    assert result["ratio_cpu"]["again"] > result["ratio_cpu"]["first"]
    assert result["machine"]["threads"] == 1
    assert result["versions"]["peer"]


def test_without_the_peer_ours_alone_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(peers.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(measuring, "random_model", lambda *_: pytest.fail("the starter has weights of its own"))
    assert main([*SMALL, "--peer", "sam2", "--model", "starter", "--json", "-"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["ratio_first"] is None
    assert "no peer can run" in shown["peer_missing"]
    assert 'pip install --no-deps --no-build-isolation "sam2==1.1.0"' in peers.why_not("sam2")


def test_json_is_written_where_it_was_asked(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    assert main([*SMALL, "--model", "starter", "--json", str(path)]) == 0
    assert json.loads(path.read_text())["setting"]["model"] == "starter"


def test_what_needs_a_gpu_says_so_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for given in (["--gpu"], ["--device", "cuda"]):
        assert main(given) == 1
        assert "no CUDA device" in capsys.readouterr().err


def test_the_gpu_part_keeps_within_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What there is no time for, and what fails, is named; the rest is there."""
    now = iter(range(0, 10_000, 40))
    done: list[Any] = []

    def measured(setting: Any, _say: Any) -> dict[str, Any]:
        done.append(setting)
        if setting.objects == 4:
            raise RuntimeError("CUDA out of memory")
        return {"setting": setting.model}

    monkeypatch.setattr(gpu, "measure", measured)
    monkeypatch.setattr(gpu, "half_against_full", lambda *_: {"iou": 1.0})
    monkeypatch.setattr(gpu, "waits_of_a_step", lambda *_: {"1_objects": 3.0})
    monkeypatch.setattr(gpu.time, "perf_counter", lambda: next(now))
    found = gpu.measure_gpu("transformers", "cpu", 7, lambda _: None, seconds=400)
    assert len(found["runs"]) + len(found["left_out"]) == len(gpu.plan("transformers", "cpu", 7))
    assert {"what": "sam2.1-tiny at 1024, 4 objects", "why": "CUDA out of memory"} in found["left_out"]
    assert any("s were left" in left["why"] for left in found["left_out"])
    assert done[0].size == 1024
