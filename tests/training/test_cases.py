"""Labelled sets and packs: which are read, and what of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from support.packs import settings, volume, write_pack
from training.cases import read_cases
from training.labelled_sets import LabelledSets


def test_packs_and_single_sets_of_a_folder_are_read_and_validation_is_passed_over(folder: Path) -> None:
    cases = read_cases([folder], settings())
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
    assert len(read_cases([pack, folder, folder], settings())) == 6
    assert len(read_cases([pack], settings())) == 2


@pytest.mark.parametrize("name", ["brains_val.npz", "other_VAL.npz", "val.npz", "x_validation.npz"])
def test_a_validation_pack_is_refused(folder: Path, name: str) -> None:
    (folder / "brains_val.npz").rename(folder / name)
    with pytest.raises(ValueError, match="must not be trained on"):
        read_cases([folder / name], settings())


def test_a_validation_pack_is_known_under_another_name(folder: Path) -> None:
    link = folder / "fine_train.npz"
    link.symlink_to(folder / "brains_val.npz")
    with pytest.raises(ValueError, match="must not be trained on"):
        read_cases([link], settings())
    assert "secret" not in {c.name for c in read_cases([folder], settings())}


@pytest.mark.parametrize("inside", [".", "ct.npz"])
def test_a_validation_folder_is_refused(folder: Path, inside: str) -> None:
    place = folder.parent / "val"
    folder.rename(place)
    with pytest.raises(ValueError, match="must not be trained on"):
        LabelledSets([place / inside], settings(), 0)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="neither a file nor a folder"):
        read_cases([tmp_path / "none.npz"], settings())
    with pytest.raises(ValueError, match=r"holds no \.npz"):
        read_cases([tmp_path], settings())


def test_the_recipe_leaves_out_merges_and_chooses_labels(folder: Path) -> None:
    chosen = settings(skip=["brain1", "maps"], merge={"brains": [[1, 2]]}, only={"ct": [2]})
    cases = {c.name: c for c in read_cases([folder], chosen)}
    assert set(cases) == {"brain0", "ct", "nuclei0", "nuclei1"}
    assert set(np.unique(cases["brain0"].labels)) == {0, 1, 3}
    assert (cases["brain0"].labels == 1).sum() == 2 * 20 * 30 * 8
    assert cases["ct"].only == {2}


def test_one_image_with_two_kinds_of_labels_weighs_as_one(tmp_path: Path) -> None:
    cases = [{"name": n, "source": s, **volume(1)} for n, s in (("a", "x"), ("b", "x"), ("c", "y"))]
    found = read_cases([write_pack(tmp_path / "p.npz", cases)], settings())
    assert [c.weight for c in found] == [1, 1, 2]
