"""The loader of SAM 2's family."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from napari_sam2.engine import Loader
from napari_sam2.engine.sam2.loader import load
from napari_sam2.errors import NapariSam2Error
from support.networks import SMALL


def test_it_is_what_load_predictor_calls() -> None:
    expected = [name for name in inspect.signature(Loader.__call__).parameters if name != "self"]
    assert list(inspect.signature(load).parameters) == expected


def test_a_checkpoint_becomes_a_predictor_of_that_name_on_that_device(small_file: Path) -> None:
    predictor = load(small_file, "mine", "cpu", None, "auto")
    assert (predictor.name, predictor.device, predictor.precision) == ("mine", "cpu", "float32")
    assert predictor.model.image_size == SMALL["image_size"]
    assert predictor.notes == []


def test_a_device_that_is_not_there_is_named(small_file: Path) -> None:
    with pytest.raises(NapariSam2Error, match="no device 'cuda:9' here"):
        load(small_file, "mine", "cuda:9", None, "auto")
