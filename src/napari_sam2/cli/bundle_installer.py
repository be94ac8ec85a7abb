"""Install napari-sam2 from this folder, without internet: ``python install.py``.

``napari-sam2 bundle`` copies this file beside the wheels. It needs Python's own library alone.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent


def check_files(folder: Path) -> list[str]:
    """Return the files that are missing or not what they were when the bundle was made.

    Parameters
    ----------
    folder
        The bundle, with its ``SHA256SUMS``.
    """
    wrong = []
    for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        expected, _, name = line.partition("  ")
        path = folder / name
        if not path.is_file():
            wrong.append(name)
            continue
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                wrong.append(name)
    return wrong


def install(folder: Path, target: Path) -> Path:
    """Make the environment, install the wheels and put the models in their place; return the environment's Python.

    Parameters
    ----------
    folder
        The bundle.
    target
        Folder of the virtual environment.
    """
    venv.create(target, with_pip=True)
    python = target / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    pip = [str(python), "-m", "pip", "install", "--no-index", "--find-links", str(folder / "wheels")]
    subprocess.run([*pip, "-r", str(folder / "requirements.txt")], check=True)
    ask = "from napari_sam2.engine.catalog.model_files import models_dir; print(models_dir())"
    told = subprocess.run([str(python), "-c", ask], check=True, capture_output=True, text=True)
    models = Path(told.stdout.strip())
    models.mkdir(parents=True, exist_ok=True)
    for path in sorted((folder / "models").iterdir()):
        shutil.copyfile(path, models / path.name)
        print(f"{path.name} -> {models}")
    return python


def main() -> int:
    """Check, install, and let the installation check itself."""
    parser = argparse.ArgumentParser(description="Install napari-sam2 from this folder, without internet.")
    parser.add_argument("--into", type=Path, default=Path("napari-sam2"), help="folder of the virtual environment")
    target = parser.parse_args().into.resolve()
    wrong = check_files(HERE)
    if wrong:
        print(f"Damaged or missing: {', '.join(wrong)}. Copy the bundle again.", file=sys.stderr)
        return 2
    try:
        python = install(HERE, target)
    except subprocess.CalledProcessError as error:
        print("Not installed: what a program said above tells why. Nothing else was changed.", file=sys.stderr)
        return int(error.returncode)
    print(f"\nInstalled. Start the window with {python.with_name('napari')}\n", flush=True)
    return subprocess.run([str(python), "-m", "napari_sam2.cli", "doctor"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
