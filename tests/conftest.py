import gc
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch, tmp_path):
    """No test writes into the folders of the user who runs it."""
    monkeypatch.setenv("NAPARI_SAM2_DATA", str(tmp_path / "napari-sam2-data"))


@pytest.fixture(autouse=True, scope="module")
def _quick_collection():
    """What earlier modules left stays: else the teardown of each window walks through all of it several times."""
    gc.collect()
    gc.freeze()
