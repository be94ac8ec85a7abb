"""``bundle``: a folder from which napari-sam2 is installed on a computer without internet."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import napari_sam2 as ns
from napari_sam2.errors import WriteError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from napari_sam2.cli.options import SubParsers

_INSTALLER = Path(__file__).with_name("bundle_installer.py")
_README = """napari-sam2 {version}, to be installed without internet

    python install.py

on a computer with the operating system and the Python for which this folder was made: {target}. It checks every
file against SHA256SUMS, makes a virtual environment in the folder napari-sam2 beside you (--into FOLDER: elsewhere),
installs from the folder wheels alone, puts the models where napari-sam2 looks for them, and runs napari-sam2 doctor.

Models in here: {models}. Nothing is sent anywhere. Not a medical device.
"""


def add_parser(commands: SubParsers) -> None:
    """Add the command and its options."""
    bundle = commands.add_parser("bundle", help="make a folder that installs napari-sam2 without internet")
    bundle.add_argument("out", type=Path, metavar="FOLDER", help="of the bundle; new or empty")
    bundle.add_argument("--model", action="append", default=[], help="a published model to take along; may be repeated")
    bundle.add_argument("--accept-licence", action="store_true", help="accept the terms of a model that has some")
    bundle.add_argument("--package", help="requirement or wheel to install, with its window (default: this version)")
    bundle.add_argument("--also", action="append", default=[], metavar="REQUIREMENT", help="a further package")
    bundle.add_argument("--platform", action="append", default=[], help="of the other computer, such as win_amd64")
    bundle.add_argument("--python", metavar="VERSION", help="of the other computer, such as 3.12")
    bundle.add_argument(
        "--torch-index", metavar="URL", help="where torch is looked for too, such as PyTorch's CPU index"
    )
    bundle.add_argument("--find-links", metavar="FOLDER", help="of further wheels")
    bundle.add_argument("--no-index", action="store_true", help="take wheels from --find-links alone")
    bundle.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Fill the folder, and print how it is used."""
    out: Path = arguments.out
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise WriteError(f"{out} is there and not an empty folder.\nName a new folder for the bundle.")
    # Models first: an unknown name or a missing consent should not cost the download of the wheels.
    models = [(name, ns.download_model(name, accept_licence=arguments.accept_licence)) for name in arguments.model]
    wheels = out / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    package = arguments.package or f"napari-sam2[all]=={ns.__version__}"
    # A wheel's path names no extra, but the window comes with one.
    asked = f"{package}[all]" if package.endswith(".whl") else package
    _download([asked, "pip", *arguments.also], wheels, arguments)
    (out / "models").mkdir()
    for _, path in models:
        # What lies in the cache is a link; the bundle holds the bytes.
        shutil.copyfile(path, out / "models" / path.name)
    shutil.copyfile(_INSTALLER, out / "install.py")
    (out / "requirements.txt").write_text(_installed(package, arguments.also), encoding="utf-8")
    target = " ".join(
        [*arguments.platform, f"Python {arguments.python or f'{sys.version_info[0]}.{sys.version_info[1]}'}"]
    )
    names = ", ".join(["starter", *(name for name, _ in models)])
    text = _README.format(version=ns.__version__, target=target, models=names)
    (out / "README.txt").write_text(text, encoding="utf-8")
    files = [path for path in sorted(out.rglob("*")) if path.is_file()]
    sums = "".join(f"{_sha256(path)}  {path.relative_to(out).as_posix()}\n" for path in files)
    (out / "SHA256SUMS").write_text(sums, encoding="utf-8")
    size = sum(path.stat().st_size for path in files) / 1e6
    print(f"{out}: {len(list(wheels.iterdir()))} wheels, models {names}, {size:.0f} MB.")
    print("Carry the folder to the other computer and run there: python install.py")


def _download(requirements: Sequence[str], wheels: Path, arguments: argparse.Namespace) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(wheels), *requirements]
    if arguments.no_index:
        command.append("--no-index")
    if arguments.find_links:
        command += ["--find-links", arguments.find_links]
    if arguments.torch_index:
        command += ["--extra-index-url", arguments.torch_index]
    # Only wheels: nothing has to be built on the other computer, where compilers are missing too.
    command += ["--only-binary=:all:"]
    for platform in arguments.platform:
        command += ["--platform", platform]
    if arguments.python:
        command += ["--python-version", arguments.python]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(wheels)  # so that the same command can be given again
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()[-3:]
        raise WriteError("The wheels could not be fetched by pip:\n" + "\n".join(lines))


def _installed(package: str, also: Sequence[str]) -> str:
    """Return what the installer asks for: the wheel of a path by its name, which is in the folder of wheels by then."""
    if package.endswith(".whl"):
        name, version = Path(package).name.split("-")[:2]
        package = f"{name}[all]=={version}"
    return "\n".join([package, *also]) + "\n"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
