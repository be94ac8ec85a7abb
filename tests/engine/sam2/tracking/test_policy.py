"""Which behaviours a network gets around it."""

from dataclasses import asdict

import pytest

from napari_sam2.engine.sam2 import PromptHint, Sam2Config, released_config
from napari_sam2.engine.sam2.network.released_configs import RELEASED_NAMES
from napari_sam2.engine.sam2.tracking.policy import TrackingPolicy


@pytest.mark.parametrize("name", RELEASED_NAMES)
def test_released_networks_only_get_their_holes_filled(name):
    chosen = asdict(TrackingPolicy.of(released_config(name)))
    assert {key for key, value in chosen.items() if value} == {"fills_holes"}


def test_networks_with_drawn_prompts_get_all_help_and_keep_their_holes():
    chosen = asdict(TrackingPolicy.of(Sam2Config(prompt_hint=PromptHint())))
    assert {key for key, value in chosen.items() if not value} == {"fills_holes"}
