"""The shares, views and variants of labelled sets."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from support.packs import settings, settings_without_variants, volume, write_pack
from training.labelled_sets import LabelledSets


def test_windows_of_a_case_are_those_of_its_percentiles(tmp_path: Path) -> None:
    case = {"name": "a", "percentiles": {"0.5": 11, "50": 30, "99.5": 25}, **volume(1)}
    sets = LabelledSets([write_pack(tmp_path / "p.npz", [case])], settings_without_variants(), 0)
    lowest, low, high, highest = sets.draw("p", np.random.default_rng(0), 0, 3).percentiles
    assert (lowest, highest) == (11, 25)
    assert 11 <= low <= high <= 25


def test_shares_of_groups_are_those_of_the_recipe_and_images_serve_single_frames_only(folder: Path) -> None:
    shares = {"brains": 2.0, "nuclei": 1.0, "sets": 0.0, "maps": 1.0}
    sets = LabelledSets([folder], settings(shares=shares), 0)
    rng = np.random.default_rng(0)
    for frames, expected in ((1, {"brains": 0.5, "nuclei": 0.25, "maps": 0.25}), (3, {"brains": 0.67, "maps": 0.33})):
        drawn = [sets.draw_group(rng, frames) for _ in range(1500)]
        assert set(drawn) == set(expected)
        for name, share in expected.items():
            assert drawn.count(name) / 1500 == pytest.approx(share, abs=0.05)
    assert len(sets.draw("nuclei", rng, 0, 1)) == 1


def test_a_pack_without_an_entry_has_the_share_of_others(folder: Path) -> None:
    sets = LabelledSets([folder], settings(shares={"sets": 0.3}, other_share=0.1), 0)
    drawn = [sets.draw_group(np.random.default_rng(seed), 3) for seed in range(600)]
    assert drawn.count("sets") / 600 == pytest.approx(0.6, abs=0.07)
    with pytest.raises(ValueError, match="a share"):
        LabelledSets([folder], settings(shares={}, other_share=0.0), 0)


def test_clips_of_images_alone_are_refused(folder: Path) -> None:
    sets = LabelledSets([folder / "nuclei_train.npz"], settings(), 0)
    assert sets.draw_group(np.random.default_rng(0), 1) == "nuclei"
    with pytest.raises(ValueError, match="single images"):
        sets.draw_group(np.random.default_rng(0), 2)


def test_volumes_are_seen_along_their_axes_and_time_lapses_are_not(tmp_path: Path) -> None:
    anisotropic = volume(1) | {"spacing": np.array([3.0, 1.0, 1.0])}
    pack = [{"name": "a", **volume(1, 2)}, {"name": "t", **volume(1), "axes": "TYX"}, {"name": "z", **anisotropic}]
    write_pack(tmp_path / "p.npz", pack)
    sets = LabelledSets([tmp_path], settings_without_variants(), 0)
    rng = np.random.default_rng(0)
    drawn = [sets.draw("p", rng, 0, 3) for _ in range(120)]
    assert {s.labels.shape for s in drawn} == {(30, 40, 40), (40, 30, 40)}
    turned = [s for s in drawn if len(s) == 40]
    assert all(len(s.areas) == 2 for s in turned)  # of the first case alone


def test_variants_have_the_spacing_that_is_asked_for(tmp_path: Path) -> None:
    write_pack(tmp_path / "p.npz", [{"name": "a", **volume(1, 2, 3, side=80)}])
    resampled = dataclasses.replace(settings().resampled, share=1.0, spacing=(2.0, 2.0))
    sets = LabelledSets([tmp_path], settings(resampled=resampled), 0)
    drawn = [sets.draw("p", np.random.default_rng(s), 0, 3).labels.shape for s in range(20)]
    assert set(drawn) == {(15, 40, 40)}  # too few slices now to be looked at from the side


def test_processes_see_different_variants(folder: Path) -> None:
    one, other = (LabelledSets([folder / "maps_train.npz"], settings(), seed) for seed in (1, 2))
    first, second = (s.draw("maps", np.random.default_rng(0), 0, 3).image for s in (one, other))
    assert first.shape != second.shape or not np.array_equal(first, second)
