"""``evaluate``, with the bundled model on a small set."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.cli import main
from napari_sam2.evaluation import score


def test_evaluate_writes_table_csv_and_picture(stack, tmp_path, capsys):
    _, image, truth = stack
    data = tmp_path / "sets"
    data.mkdir()
    label, spacing = truth.astype(np.uint8), (3.0, 1.0, 1.0)
    np.savez(data / "disc.npz", image=image, label=label, spacing=spacing, names='{"1": "disc"}')
    out = tmp_path / "result"
    asked = ["--prompts", "box,mask", "--corrections", "1", "--distance", "--out", str(out)]
    assert main(["evaluate", str(data), *asked]) == 0
    printed = capsys.readouterr().out
    assert "mean of sets" in printed
    assert "box corrected" in printed
    assert "slices away" in printed
    table = (out / "evaluation.csv").read_text().splitlines()
    assert len(table) == 3
    assert (out / "worst.png").exists()
    assert "| disc | disc | box |" in (out / "evaluation.md").read_text()


def test_evaluate_refuses_what_is_no_set(tmp_path, capsys):
    (tmp_path / "bad.npz").write_bytes(b"no zip")
    assert main(["evaluate", str(tmp_path), "--out", str(tmp_path / "o")]) == 2
    assert "bad.npz" in capsys.readouterr().err
    assert main(["evaluate", str(tmp_path / "none"), "--out", str(tmp_path / "o")]) == 2


@pytest.mark.parametrize(
    ("words", "text"),
    [(["--prompts", "box,box"], "names a kind twice"), (["--prompts", "box,lasso"], "not lasso")],
)
def test_evaluate_refuses_kinds_of_prompt_that_say_nothing(tmp_path, capsys, words, text):
    assert main(["evaluate", str(tmp_path), *words, "--out", str(tmp_path / "o")]) == 2
    assert text in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_evaluate_tracks_by_the_rules_that_are_asked_for(stack, tmp_path, capsys, monkeypatch):
    _, image, truth = stack
    data, made = tmp_path / "disc.npz", []
    np.savez(data, image=image, label=truth.astype(np.uint8), spacing=(1.0, 1.0, 1.0), axes="TYX")
    session = score.VideoSession

    def watched(*args, **rules):
        made.append(session(*args, **rules))
        return made[-1]

    monkeypatch.setattr(score, "VideoSession", watched)
    asked = ["--memory", "selected", "--mask", "first", "--motion", "--prompts", "click", "--out", str(tmp_path / "o")]
    assert main(["evaluate", str(data), *asked]) == 0
    assert [(s.memory, s.click_mask, s.motion) for s in made] == [("selected", "first", True)]
    assert "starter, memory='selected', click_mask='first', motion=True" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["evaluate", str(data), "--mask", "best"])
    assert "surest" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--corrections", "--max-objects"])
def test_evaluate_counts_from_nothing_on(tmp_path, capsys, option):
    with pytest.raises(SystemExit) as exit_:
        main(["evaluate", str(tmp_path), option, "-1"])
    assert exit_.value.code == 2
    assert option in capsys.readouterr().err
