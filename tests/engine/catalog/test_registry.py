"""The models that are known."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import napari_sam2
from napari_sam2.engine.catalog.registry import MODELS, find_by_filename


def test_registry_names_are_unique_files() -> None:
    assert len({entry.filename for entry in MODELS.values()}) == len(MODELS)
    assert find_by_filename("MedSAM2_latest.pt") is MODELS["medsam2"]
    assert find_by_filename("anything.pt") is None
    assert MODELS["medsam2"].input_size == 512
    assert MODELS["medsam2"].notice
    assert MODELS["starter"].bundled
    assert not MODELS["starter"].source_repo
    assert MODELS["sam2.1-base-plus"].source_repo == "facebook/sam2.1-hiera-base-plus"
    assert MODELS["sam2.1-base-plus"].filename == "sam2.1_hiera_base_plus.pt"
    for entry in MODELS.values():
        assert entry.licence
        assert entry.good_for
        assert entry.approximate_bytes > 4_000_000


def test_registry_and_config_do_not_import_torch() -> None:
    code = "import sys, napari_sam2.engine.catalog.registry; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env=_environment())


def _environment() -> dict[str, str]:
    source = str(Path(next(iter(napari_sam2.__path__))).parent)
    return {**os.environ, "PYTHONPATH": source}
