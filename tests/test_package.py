"""What the installed package promises: a light import, a valid manifest, a wheel that works by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import napari_sam2

ROOT = Path(__file__).resolve().parents[1]


def run(*command, **kwargs):
    return subprocess.run(command, capture_output=True, text=True, check=True, **kwargs).stdout


def test_import_loads_neither_torch_nor_napari_nor_qt():
    code = (
        "import napari_sam2, sys; dir(napari_sam2); "
        "print([m for m in ('torch', 'napari', 'qtpy', 'pydicom', 'nibabel', 'pandas') if m in sys.modules])"
    )
    assert run(sys.executable, "-c", code).strip() == "[]"


def test_every_public_name_resolves():
    for name in napari_sam2.__all__:
        assert getattr(napari_sam2, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = napari_sam2.no_such_name


def test_manifest_is_valid_and_its_commands_exist():
    from npe2 import PluginManifest

    manifest = PluginManifest.from_file(Path(napari_sam2.__file__).with_name("napari.yaml"))
    manifest.validate_imports()
    assert (ROOT / "napari.yaml").resolve() == (ROOT / "src/napari_sam2/napari.yaml").resolve()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT))
    return next(out.glob("*.whl"))


def test_wheel_holds_manifest_weights_and_samples(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for needed in (
        "napari_sam2/napari.yaml",
        "napari_sam2/py.typed",
        "napari_sam2/engine/weights/starter.safetensors",
        "napari_sam2/_sample_data/brain_mr.nii.gz",
        "napari_sam2/_sample_data/dividing_cells.tif",
        "napari_sam2/_sample_data/ct_abdomen/slice_000.dcm",
        "napari_sam2/_sample_data/ct_abdomen_labels.nii.gz",
    ):
        assert needed in names
    assert wheel.stat().st_size < 20e6


def test_installed_wheel_validates_and_runs_the_demo(wheel, tmp_path):
    """In an environment of its own, which borrows the dependencies but not this checkout."""
    home = tmp_path / "env"
    run(sys.executable, "-m", "venv", str(home))
    python = home / "bin" / "python"
    site = Path(run(str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    run(str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    # Appended, so that the wheel comes first; .pth files in the borrowed folder (the editable install) are not read.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    where = run(str(python), "-c", "import napari_sam2; print(napari_sam2.__file__)", env=env, cwd=tmp_path).strip()
    assert Path(where).is_relative_to(site)
    validate = run(str(python), "-m", "npe2", "validate", "napari_sam2", env=env, cwd=tmp_path)
    assert "valid" in validate.lower()
    out = run(str(home / "bin" / "napari-sam2"), "demo", "--out", "demo", env=env, cwd=tmp_path)
    lines = [line.removeprefix("Dice ").rsplit(" ", 1) for line in out.splitlines() if line.startswith("Dice ")]
    dice = {name: float(value) for name, value in lines}
    assert set(dice) == {"right kidney", "left kidney", "aorta", "spleen", "liver"}
    assert min(dice.values()) >= 0.8
    assert (tmp_path / "demo/ct_abdomen_labels.nii.gz").exists()
    assert (tmp_path / "demo/ct_abdomen_overlay.png").stat().st_size > 10_000
