"""The table of codes and its search."""

from __future__ import annotations

import pytest
from pydicom.sr._concepts_dict import concepts

from napari_sam2.io.dicom.terminology import TISSUE, code_for, search_codes


def test_every_code_is_one_of_dicoms() -> None:
    known = {value for names in concepts["SCT"].values() for value in names}
    codes = search_codes("", limit=1000)
    assert len(codes) > 100
    for code in codes:
        assert code.value in known
        assert code.category[0] in known
    meanings = [c.meaning for c in codes]
    assert len(set(meanings)) == len(meanings)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("liver", "Liver"),
        ("left kid", "Kidney, left"),
        ("kidney", "Kidney"),
        ("LV", "Left ventricle"),
        ("right ventricle", "Right ventricle"),
        ("left lateral ventricle", "Lateral Ventricle, left"),
        ("tumour", "Neoplasm"),
        ("bone", "Bone"),
    ],
)
def test_the_search_finds_what_was_meant_first(text, first) -> None:
    assert search_codes(text)[0].title == first


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("kidney L", "Kidney, left"),
        ("urinary bladder", "Bladder"),
        ("GTV", "Neoplasm, Primary"),
        ("Right_lung", "Lung, right"),
    ],
)
def test_a_known_name_is_coded(name, title) -> None:
    code = code_for(name)
    assert code is not None
    assert code.title == title


@pytest.mark.parametrize("name", ["", "gland", "wall", "liver lesion 3", "object 1", "left", "left liver"])
def test_an_unknown_name_is_not_guessed(name) -> None:
    assert code_for(name) is None
    assert TISSUE.meaning == "Tissue"
