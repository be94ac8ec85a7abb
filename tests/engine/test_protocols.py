"""What counts as a predictor."""

from pathlib import Path

import pytest

from napari_sam2.engine.protocols import check_model
from napari_sam2.errors import NapariSam2Error
from napari_sam2.interaction.loaded_model import UnloadedModel
from support.predictors import FakePredictor


@pytest.mark.parametrize("predictor", [FakePredictor(), UnloadedModel("starter")])
def test_what_has_all_members_is_a_predictor(predictor):
    check_model(predictor, "auto")


def test_fingerprint_and_device_are_not_computed_by_the_check():
    class Costly(FakePredictor):
        @property
        def fingerprint(self):
            raise AssertionError("the weights were read")

        device = fingerprint

    check_model(Costly(), None)


def test_a_path_is_no_predictor_though_it_has_a_name_and_opens():
    with pytest.raises(NapariSam2Error, match=r"not \w*Path\.\nIt has no device, notes, fingerprint, unload\."):
        check_model(Path("starter.safetensors"), "auto")


def test_a_predictor_that_lacks_one_member_is_told_which():
    class Nameless:
        device, notes, fingerprint = "cpu", (), None
        open = unload = None

    with pytest.raises(NapariSam2Error, match=r"not Nameless\.\nIt has no name\."):
        check_model(Nameless(), "auto")
