"""``bundle``: wheels from a small local index and a model from a hub on loopback, installed in a new environment."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import napari_sam2 as ns
from napari_sam2.cli import main
from napari_sam2.engine.catalog import registry
from support.hub import TOY, FakeHub

MODEL_FILES = "import os, pathlib\ndef models_dir():\n    return pathlib.Path(os.environ['NAPARI_SAM2_MODELS'])\n"


def make_wheel(folder: Path, name: str, version: str, files: dict[str, str], requires: str = "") -> Path:
    """Write a wheel by hand: pip asks for no more than this."""
    stem = name.replace("-", "_")
    info = f"{stem}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}"
    files = {
        **files,
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / f"{stem}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for place, text in files.items():
            archive.writestr(place, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{place},,\n" for place in [*files, f"{info}/RECORD"]))
    return path


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Stand-ins of this version and of one package that it needs, and pip itself by its name."""
    folder = tmp_path / "index"
    folder.mkdir()
    ours = {
        "napari_sam2/__init__.py": "",
        "napari_sam2/cli/__init__.py": "",
        "napari_sam2/cli/__main__.py": "import needed\nprint('doctor: Nothing is wrong.')\n",
        "napari_sam2/engine/catalog/model_files.py": MODEL_FILES,
    }
    extra = "Provides-Extra: all\nRequires-Dist: needed>=1; extra == 'all'\n"
    make_wheel(folder, "napari-sam2", ns.__version__, ours, extra)
    make_wheel(folder, "needed", "1.2", {"needed.py": ""})
    make_wheel(folder, "pip", "99.0", {"not_pip.py": ""})
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    content = os.urandom(50_000)
    served = FakeHub(TOY.source_repo, TOY.filename, content)
    served.stand_in(monkeypatch, tmp_path)
    monkeypatch.setitem(registry.MODELS, TOY.name, TOY)
    yield served
    served.close()


def test_a_bundle_installs_without_an_index(index, hub, tmp_path, capsys):
    out = tmp_path / "bundle"
    assert main(["bundle", str(out), "--model", "toy", "--no-index", "--find-links", str(index)]) == 0
    assert "models starter, toy" in capsys.readouterr().out
    assert {path.name.split("-")[0] for path in (out / "wheels").iterdir()} == {"napari_sam2", "needed", "pip"}
    models = tmp_path / "models of the other computer"
    env = {**os.environ, "NAPARI_SAM2_MODELS": str(models), "PIP_NO_INDEX": "1"}
    env.pop("PYTHONPATH", None)
    command = [sys.executable, str(out / "install.py"), "--into", str(tmp_path / "env")]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing is wrong." in done.stdout
    assert (models / "toy.safetensors").read_bytes() == hub.content

    (out / "models" / "toy.safetensors").write_bytes(b"other")
    (out / "wheels" / "needed-1.2-py3-none-any.whl").unlink()
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "models/toy.safetensors, wheels/needed-1.2-py3-none-any.whl" in done.stderr


def test_a_bundle_of_a_wheel_has_the_window_too(index, tmp_path):
    wheel = next(index.glob("napari_sam2-*.whl")).rename(tmp_path / f"napari_sam2-{ns.__version__}-py3-none-any.whl")
    out = tmp_path / "bundle"
    assert main(["bundle", str(out), "--package", str(wheel), "--no-index", "--find-links", str(index)]) == 0
    assert {path.name.split("-")[0] for path in (out / "wheels").iterdir()} == {"napari_sam2", "needed", "pip"}

    (out / "wheels" / "needed-1.2-py3-none-any.whl").unlink()
    sums = (out / "SHA256SUMS").read_text(encoding="utf-8").splitlines(keepends=True)
    (out / "SHA256SUMS").write_text("".join(line for line in sums if "needed" not in line), encoding="utf-8")
    command = [sys.executable, str(out / "install.py"), "--into", str(tmp_path / "env")]
    env = {**os.environ, "PIP_NO_INDEX": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Not installed" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bundle_that_cannot_be_made_says_why(index, tmp_path, capsys):
    out = tmp_path / "bundle"
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    assert main(["bundle", str(out), "--no-index", "--find-links", str(nothing)]) == 2
    assert "could not be fetched by pip" in capsys.readouterr().err
    assert main(["bundle", str(index)]) == 2
    assert "not an empty folder" in capsys.readouterr().err
    assert main(["bundle", str(tmp_path / "other"), "--model", "no-such-model"]) == 2
    assert not (tmp_path / "other").exists()
