"""What the dock widget says of a model."""

from __future__ import annotations

from napari_sam2.engine.catalog import registry
from napari_sam2.widgets.controllers.model_texts import describe

ENTRY = registry.ModelEntry(
    "toy",
    title="Toy",
    filename="toy.safetensors",
    input_size=64,
    parameters=1_000_000,
    licence="MIT",
    good_for="playing",
    source_repo="us/toy",
)


def test_descriptions_have_all_that_is_known():
    text = describe(ENTRY)
    assert text == "Toy\n4 MB · MIT · sees 64 px\nGood for: playing.\nFrom us/toy."
