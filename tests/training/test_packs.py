"""Labelled sets and packs: which are read, how often each comes, and what is made of them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from training import checkpoint
from training.ahead import Ahead
from training.cases import read_cases
from training.command import main
from training.real import RealStacks
from training.recipe import Real, load_recipe
from training.resample import resample
from training.steps import StepMaker
from training.synthesis import LabelMap

RNG = np.random.default_rng(0)


def write_pack(path: Path, cases: list[dict[str, Any]]) -> Path:
    """A pack: each case has ``label``, perhaps ``image`` and ``spacing``, and what the index says of it."""
    arrays: dict[str, Any] = {}
    index = []
    for number, case in enumerate(cases):
        key = f"{number:03d}"
        for kind in ("image", "label", "spacing"):
            if kind in case:
                arrays[f"{kind}_{key}"] = case[kind]
        entry = {k: v for k, v in case.items() if k not in ("image", "label", "spacing")}
        index.append({"key": key, "axes": "ZYX", "names": {}, "modality": "MR", **entry})
    np.savez(path, index=json.dumps(index), **arrays)
    return path


def volume(*labels: int, side: int = 40) -> dict[str, Any]:
    """Blocks of these labels, one beside the other, brighter with each label."""
    label = np.zeros((30, side, side), np.uint8)
    for place, value in enumerate(labels):
        label[5:25, 5:35, 2 + 10 * place : 10 + 10 * place] = value
    image = (label * 20 + RNG.normal(0, 2, label.shape) + 10).astype(np.int16)
    return {"image": image, "label": label, "spacing": np.ones(3)}


def flat() -> dict[str, Any]:
    label = np.zeros((48, 48), np.uint16)
    label[4:20, 4:20], label[30:44, 30:44] = 1, 300
    return {"image": (label > 0).astype(np.uint8) * 100, "label": label, "spacing": np.ones(2), "axes": "YX"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "more"
    place.mkdir()
    write_pack(place / "brains_train.npz", [{"name": f"brain{i}", **volume(1, 2, 3)} for i in range(2)])
    write_pack(place / "nuclei_train.npz", [{"name": f"nuclei{i}", **flat()} for i in range(2)])
    codes = np.array([0, 4, 17, 530], np.uint16)
    write_pack(place / "maps_train.npz", [{"name": "map", "label": codes[volume(1, 2, 3)["label"]]}])
    write_pack(place / "brains_val.npz", [{"name": "secret", **volume(1)}])
    one = volume(1, 2)
    np.savez(place / "ct.npz", image=one["image"], label=one["label"], spacing=np.ones(3), modality="CT", axes="ZYX")
    return place


def real(**changes: Any) -> Real:
    return dataclasses.replace(load_recipe().real, **changes)


def test_packs_and_single_sets_of_a_folder_are_read_and_validation_is_passed_over(folder: Path) -> None:
    cases = read_cases([folder], real())
    assert [(c.group, c.name) for c in cases] == [
        ("brains", "brain0"),
        ("brains", "brain1"),
        ("sets", "ct"),
        ("maps", "map"),
        ("nuclei", "nuclei0"),
        ("nuclei", "nuclei1"),
    ]
    by_name = {c.name: c for c in cases}
    assert [c.name for c in cases if c.is_hu] == ["ct"]
    assert [c.name for c in cases if c.is_flat] == ["nuclei0", "nuclei1"]
    assert by_name["nuclei0"].labels.shape == (1, 48, 48)
    assert by_name["nuclei0"].labels.max() == 300  # uint16 labels are not cut to a byte
    assert getattr(by_name["brain0"].image, "dtype", None) == np.int16
    assert by_name["map"].image is None


def test_several_places_may_be_given_and_none_counts_twice(folder: Path) -> None:
    pack = folder / "brains_train.npz"
    assert len(read_cases([pack, folder, folder], real())) == 6
    assert len(read_cases([pack], real())) == 2


@pytest.mark.parametrize("name", ["brains_val.npz", "other_VAL.npz", "val.npz", "x_validation.npz"])
def test_a_validation_pack_is_refused(folder: Path, name: str) -> None:
    (folder / "brains_val.npz").rename(folder / name)
    with pytest.raises(ValueError, match="must not be trained on"):
        read_cases([folder / name], real())


def test_a_validation_pack_is_known_under_another_name(folder: Path) -> None:
    link = folder / "fine_train.npz"
    link.symlink_to(folder / "brains_val.npz")
    with pytest.raises(ValueError, match="must not be trained on"):
        read_cases([link], real())
    assert "secret" not in {c.name for c in read_cases([folder], real())}


@pytest.mark.parametrize("inside", [".", "ct.npz"])
def test_a_validation_folder_is_refused(folder: Path, inside: str) -> None:
    place = folder.parent / "val"
    folder.rename(place)
    with pytest.raises(ValueError, match="must not be trained on"):
        RealStacks([place / inside], real(), 0)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="neither a file nor a folder"):
        read_cases([tmp_path / "none.npz"], real())
    with pytest.raises(ValueError, match=r"holds no \.npz"):
        read_cases([tmp_path], real())


def test_the_recipe_records_its_start(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    start = load_recipe().start
    recorded = Path(__file__).resolve().parents[3] / "shared" / "weights" / start.file
    if not recorded.exists():
        pytest.skip(f"needs {start.file} from ../shared/weights")
    assert recorded.stat().st_size == start.bytes
    assert checkpoint.load(recorded).step == start.step
    small = ["--set", "network.image_size=64", "--device", "cpu", "--steps", "0"]
    main(["train", "--start", str(recorded), "--out", str(tmp_path / "one.pt"), *small])
    assert "not the checkpoint" not in caplog.text
    main(["train", "--start", str(tmp_path / "one.pt"), "--out", str(tmp_path / "two.pt"), *small])
    assert f"one.pt is not the checkpoint that the recipe was made for ({start.file})" in caplog.text


def test_the_recipe_leaves_out_merges_and_chooses_labels(folder: Path) -> None:
    recipe = real(skip=["brain1", "maps"], merge={"brains": [[1, 2]]}, only={"ct": [2]})
    cases = {c.name: c for c in read_cases([folder], recipe)}
    assert set(cases) == {"brain0", "ct", "nuclei0", "nuclei1"}
    assert set(np.unique(cases["brain0"].labels)) == {0, 1, 3}
    assert (cases["brain0"].labels == 1).sum() == 2 * 20 * 30 * 8
    assert cases["ct"].only == {2}


def test_one_image_with_two_kinds_of_labels_weighs_as_one(tmp_path: Path) -> None:
    cases = [{"name": n, "source": s, **volume(1)} for n, s in (("a", "x"), ("b", "x"), ("c", "y"))]
    found = read_cases([write_pack(tmp_path / "p.npz", cases)], real())
    assert [c.weight for c in found] == [1, 1, 2]


def test_windows_of_a_case_are_those_of_its_percentiles(tmp_path: Path) -> None:
    case = {"name": "a", "percentiles": {"0.5": 11, "50": 30, "99.5": 25}, **volume(1)}
    stacks = RealStacks([write_pack(tmp_path / "p.npz", [case])], _unchanged(), 0)
    lowest, low, high, highest = stacks.draw("p", np.random.default_rng(0), 0, 3).levels
    assert (lowest, highest) == (11, 25)
    assert 11 <= low <= high <= 25


def _unchanged(**changes: Any) -> Real:
    """Without variants."""
    settings = real(**changes)
    return dataclasses.replace(settings, resampled=dataclasses.replace(settings.resampled, share=0.0))


def test_shares_of_groups_are_those_of_the_recipe_and_images_serve_single_frames_only(folder: Path) -> None:
    shares = {"brains": 2.0, "nuclei": 1.0, "sets": 0.0, "maps": 1.0}
    stacks = RealStacks([folder], real(shares=shares), 0)
    rng = np.random.default_rng(0)
    for frames, expected in ((1, {"brains": 0.5, "nuclei": 0.25, "maps": 0.25}), (3, {"brains": 0.67, "maps": 0.33})):
        drawn = [stacks.group(rng, frames) for _ in range(1500)]
        assert set(drawn) == set(expected)
        for name, share in expected.items():
            assert drawn.count(name) / 1500 == pytest.approx(share, abs=0.05)
    assert len(stacks.draw("nuclei", rng, 0, 1)) == 1


def test_a_pack_without_an_entry_has_the_share_of_others(folder: Path) -> None:
    stacks = RealStacks([folder], real(shares={"sets": 0.3}, other_share=0.1), 0)
    drawn = [stacks.group(np.random.default_rng(seed), 3) for seed in range(600)]
    assert drawn.count("sets") / 600 == pytest.approx(0.6, abs=0.07)
    with pytest.raises(ValueError, match="a share"):
        RealStacks([folder], real(shares={}, other_share=0.0), 0)


def test_clips_of_images_alone_are_refused(folder: Path) -> None:
    stacks = RealStacks([folder / "nuclei_train.npz"], real(), 0)
    assert stacks.group(np.random.default_rng(0), 1) == "nuclei"
    with pytest.raises(ValueError, match="single images"):
        stacks.group(np.random.default_rng(0), 2)


def test_volumes_are_seen_along_their_axes_and_time_lapses_are_not(tmp_path: Path) -> None:
    anisotropic = volume(1) | {"spacing": np.array([3.0, 1.0, 1.0])}
    pack = [{"name": "a", **volume(1, 2)}, {"name": "t", **volume(1), "axes": "TYX"}, {"name": "z", **anisotropic}]
    write_pack(tmp_path / "p.npz", pack)
    stacks = RealStacks([tmp_path], _unchanged(), 0)
    rng = np.random.default_rng(0)
    drawn = [stacks.draw("p", rng, 0, 3) for _ in range(120)]
    assert {s.labels.shape for s in drawn} == {(30, 40, 40), (40, 30, 40)}
    turned = [s for s in drawn if len(s) == 40]
    assert all(len(s.areas) == 2 for s in turned)  # of the first case alone


# --------------------------------------------------------------------------------------------------------- resampling


def test_coarser_volumes_are_averaged_and_keep_their_place() -> None:
    label = np.zeros((12, 24, 24), np.uint8)
    label[4:8, 6:18, 6:18] = 1
    image = label.astype(np.int16) * 900
    coarse, labels = resample(image, label, (6, 8, 8))
    assert (coarse.dtype, labels.dtype) == (np.int16, np.uint8)
    expected = np.zeros((6, 8, 8), np.uint8)
    expected[2:4, 2:6, 2:6] = 1
    np.testing.assert_array_equal(labels, expected)
    np.testing.assert_array_equal(coarse, expected.astype(np.int16) * 900)
    offset = np.roll(image, 2, axis=0)
    assert resample(offset, label, (3, 8, 8))[0].max() == 450  # of two slices each the object fills a half


def test_finer_volumes_are_interpolated() -> None:
    ramp = np.broadcast_to(np.arange(8, dtype=np.float32) * 10, (4, 8, 8))
    label = (ramp >= 40).astype(np.uint8) * 7
    fine, labels = resample(ramp, label, (4, 8, 12))
    assert fine[0, 0, 1:-1] == pytest.approx((np.arange(1, 11) + 0.5) * 80 / 12 - 5)
    np.testing.assert_array_equal(labels[0, 0], [0] * 6 + [7] * 6)


def test_the_label_that_fills_most_of_a_voxel_wins_and_others_are_left_out() -> None:
    label = np.zeros((4, 8, 8), np.uint8)
    label[:, :, :3], label[:, :, 3:8] = 1, 2
    _, labels = resample(label, label, (4, 4, 2))
    assert [set(labels[..., x].ravel()) for x in range(2)] == [{1}, {2}]
    assert set(np.unique(resample(label, label, (4, 4, 2), only=[2])[1])) == {0, 2}


def test_variants_have_the_spacing_that_is_asked_for(tmp_path: Path) -> None:
    write_pack(tmp_path / "p.npz", [{"name": "a", **volume(1, 2, 3, side=80)}])
    settings = dataclasses.replace(real().resampled, share=1.0, spacing=(2.0, 2.0))
    stacks = RealStacks([tmp_path], real(resampled=settings), 0)
    drawn = [stacks.draw("p", np.random.default_rng(s), 0, 3).labels.shape for s in range(20)]
    assert set(drawn) == {(15, 40, 40)}  # too few slices now to be looked at from the side


# ---------------------------------------------------------------------------------------------------------- synthesis


def blocks() -> LabelMap:
    label = np.zeros((32, 48, 48), np.uint8)
    label[4:28, 4:44, 4:44] = 1
    label[8:24, 10:20, 10:38] = 2
    label[8:24, 28:38, 10:38] = 3
    return LabelMap(label, {1: "tissue", 2: "left kernel", 3: "right kernel"})


def test_synthetic_pictures_show_the_objects_that_may_be_asked_for() -> None:
    maps = blocks()
    kinds, edges = set(), []
    for seed in range(30):
        made = maps.draw(np.random.default_rng(seed))
        kinds.add(made.is_hu)
        assert made.picture.shape == made.labels.shape
        assert made.picture.dtype == (np.int16 if made.is_hu else np.uint8)
        for label in made.only & {2, 3}:
            inside = made.labels == label
            around = ndimage.binary_dilation(inside, iterations=3) & ~inside
            if inside.sum() > 500 and around.sum() > 500:
                ours, theirs = (float(made.picture[part].mean(dtype=float)) for part in (inside, around))
                edges.append(abs(ours - theirs) > (10 if made.is_hu else 5))
    assert kinds == {True, False}
    assert len(edges) > 20
    assert np.mean(edges) > 0.9


def test_left_and_right_mostly_look_the_same_and_regions_of_one_grey_value_are_one_object() -> None:
    maps = blocks()
    groups = [maps._groups(np.random.default_rng(seed)) for seed in range(60)]
    assert sum(looks[2] == looks[3] for looks, _ in groups) > 40
    grouped = [(looks, objects) for looks, objects in groups if looks[1] == looks[2]]
    assert grouped
    assert all(objects[1] == objects[2] for _, objects in grouped)
    apart = [objects for looks, objects in groups if looks[2] == looks[3] != looks[1]]
    assert all(objects[2] != objects[3] for objects in apart)  # they do not touch


def test_the_same_number_gives_the_same_picture_and_another_another() -> None:
    one, two, other = (blocks().draw(np.random.default_rng(seed)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one.picture, two.picture)
    assert not np.array_equal(one.picture, other.picture)


# -------------------------------------------------------------------------------------------------------------- steps

SMALL = [
    "scenes.pool=3",
    "scenes.frames=4",
    "scenes.pixels=64",
    "network.image_size=64",
    "clips.batch_factor=0.5",
    "tasks=["
    "{'share': 1, 'size': 64, 'frames': [2, 3], 'clips': 6},"
    "{'share': 1, 'size': 64, 'frames': [1, 1], 'clips': 6}]",
    "warm_up=[]",
]


def test_a_step_follows_from_its_number_also_with_packs(folder: Path) -> None:
    recipe = load_recipe(overrides=SMALL)
    one, other = (StepMaker(recipe, [folder], False) for _ in range(2))
    one.make(0)  # what was made before makes no difference
    for number in (7, 400):
        first, second = one.make(number), other.make(number)
        assert torch.equal(first.clips.images, second.clips.images)
        assert torch.equal(first.clips.masks, second.clips.masks)
        assert len(first.clips.images) == 3  # half of the clips of the task


def test_workers_make_the_same_steps_from_packs(folder: Path) -> None:
    recipe = load_recipe(overrides=SMALL)
    maker = StepMaker(recipe, [folder], False)
    with Ahead(recipe, [folder], False, workers=1) as ahead:
        for number in (20, 21):
            one, other = maker.make(number), ahead.make(number)
            assert one.plan == other.plan
            assert torch.equal(one.clips.images, other.clips.images)
            assert torch.equal(one.clips.masks, other.clips.masks)


@pytest.mark.parametrize("rank", [0, 1])
def test_the_share_of_synthetic_clips_is_kept_in_each_process(
    folder: Path, rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe(overrides=[*SMALL, "real.share=0.7"])
    maker = StepMaker(recipe, [folder], False, rank)
    counts = {"real": 0, "scenes": 0}
    draw = maker._real.group  # type: ignore[union-attr]

    def group(*given: Any) -> str:
        counts["real"] += 1
        return draw(*given)

    monkeypatch.setattr(maker._real, "group", group)
    total = sum(len(maker.make(number).clips.images) for number in range(60))
    assert counts["real"] / total == pytest.approx(0.7, abs=0.08)


def test_processes_see_different_variants(folder: Path) -> None:
    one, other = (RealStacks([folder / "maps_train.npz"], real(), seed) for seed in (1, 2))
    first, second = (s.draw("maps", np.random.default_rng(0), 0, 3).picture for s in (one, other))
    assert first.shape != second.shape or not np.array_equal(first, second)


def test_packs_are_trained_on_from_the_command_line(folder: Path, tmp_path: Path) -> None:
    asked = [part for text in SMALL for part in ("--set", text)]
    places = ["--data", str(folder / "ct.npz"), "--data", str(folder / "nuclei_train.npz")]
    out = tmp_path / "run.pt"
    given = ["--out", str(out), "--device", "cpu", "--steps", "1", "--save-every", "1"]
    main(["train", "--start", "nothing", *given, *places, *asked])
    assert out.exists()
    with pytest.raises(ValueError, match="must not be trained on"):
        main(["train", *given, "--data", str(folder / "brains_val.npz"), *asked])
