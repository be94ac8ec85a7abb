"""The self-check: what is installed, what is here, whether the network computes what it should, and how fast.

Its text can be pasted into a bug report: the home folder is written as ``~``, and addresses of proxies are left out.

``python -m napari_sam2.engine.diagnostics.self_check`` records the reference answers anew;
that is needed when the bundled weights change.
"""

from __future__ import annotations

import argparse
import copy
import errno
import importlib.metadata
import os
import platform
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import torch

from napari_sam2._version import __version__
from napari_sam2.core.prompts import PromptSet, make_box
from napari_sam2.engine.catalog.model_files import (
    BUNDLED_DIR,
    cache_variable,
    check_integrity,
    hub_cache,
    models_dir,
    path_of,
    resolve,
    sha256_of,
)
from napari_sam2.engine.catalog.registry import MODELS, known_models
from napari_sam2.engine.catalog.user_models import load_settings, settings_path
from napari_sam2.engine.device import choose_device, list_devices
from napari_sam2.engine.diagnostics.resource_estimate import calibrate
from napari_sam2.engine.protocols import ConditioningFrame
from napari_sam2.engine.sam2 import loader
from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor
from napari_sam2.errors import NapariSam2Error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

REFERENCE = BUNDLED_DIR / "starter_check.npz"
_PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "napari",
    "safetensors",
    "huggingface_hub",
    "pydicom",
    "nibabel",
    "tifffile",
)
_VARIABLES = ("HF_HUB_OFFLINE", "HF_ENDPOINT", "HF_HOME", "NAPARI_SAM2_MODELS", "NAPARI_SAM2_SETTINGS")
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
_FRAMES, _SHAPE, _BOX = 4, (96, 112), (28.0, 30.0, 68.0, 70.0)
# Of the largest logit. float32 differs by the order of sums only; half precision by its rounding.
_TOLERANCE = {"float32": 1e-3, "bfloat16": 0.1, "float16": 0.02}
_LEAST_IOU = 0.99
_LOW_DISK = 2e9


@dataclass(frozen=True)
class Finding:
    """One line of the report; ``advice`` says how to mend what is wrong, and is empty where nothing is."""

    topic: str
    text: str
    advice: str = ""


@dataclass
class Report:
    """All findings, in order."""

    findings: list[Finding] = field(default_factory=list)

    @property
    def problems(self) -> list[Finding]:
        """Findings that ask for something to be done."""
        return [finding for finding in self.findings if finding.advice]

    @property
    def text(self) -> str:
        """The report as plain text."""
        lines = [f"{f.topic}: {f.text}" + (f"\n  ! {f.advice}" if f.advice else "") for f in self.findings]
        count = len(self.problems)
        last = "Nothing is wrong." if not count else f"{count} thing{'s' * (count > 1)} to mend, marked with '!'."
        return "\n".join([*lines, last])


def examine(device: str = "auto", precision: str = "auto", loaded: object = None) -> Report:
    """Check the installation, the bundled model on a device, and a model that is loaded.

    Parameters
    ----------
    device, precision : str
        As for ``load_predictor``.
    loaded : VideoPredictor, optional
        A predictor at work. No answers are recorded for other weights than the bundled ones, so it is compared with a
        copy of itself on the CPU in float32. Predictors that are not ours are passed over.
    """
    report = Report()
    for part in (_versions(), _devices(), _places(), _models(), _environment(), _trial(device, precision)):
        report.findings.extend(part)
    if isinstance(loaded, Sam2VideoPredictor) and loaded.is_loaded and loaded.name != "starter":
        report.findings.extend(_trial_of(loaded))
    return report


def without_home(path: Path) -> str:
    """Return a path with the home folder as ``~``."""
    try:
        return str(Path("~") / path.absolute().relative_to(Path.home()))
    except ValueError:
        return str(path)


# ---------------------------------------------------------------------- what is here


def _versions() -> Iterator[Finding]:
    yield Finding("napari-sam2", f"{__version__}, Python {platform.python_version()}, {platform.platform()}")
    found, missing = [], []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    advice = f"{', '.join(missing)} missing: install napari-sam2 again with pip." if missing else ""
    yield Finding("packages", ", ".join(found), advice)


def _devices() -> Iterator[Finding]:
    devices = list_devices()
    shown = [f"{d.name} ({d.title}{'' if d.memory is None else f', {d.memory / 1e9:.0f} GB'})" for d in devices]
    idle_gpu = len(devices) == 1 and shutil.which("nvidia-smi") is not None
    advice = ""
    if idle_gpu:
        advice = "An NVIDIA driver is here, but this torch cannot use it: install torch with CUDA (pytorch.org)."
    yield Finding("devices", ", ".join(shown), advice)
    cuda = torch.version.cuda or "none"
    memory = psutil.virtual_memory()
    yield Finding("torch", f"CUDA {cuda}, {torch.get_num_threads()} threads")
    yield Finding("memory", f"{memory.available / 1e9:.1f} of {memory.total / 1e9:.1f} GB free")


def _places() -> Iterator[Finding]:
    try:
        own = len(load_settings().models)
        yield Finding("settings", f"{without_home(settings_path())}, {own} own model{'s' * (own != 1)}")
    except NapariSam2Error as error:
        yield Finding("settings", "not readable", _anonymous(str(error)))
    yield Finding("models folder", without_home(models_dir()))
    cache = hub_cache()
    yield _room(cache)


def _room(cache: Path) -> Finding:
    """Return whether models can be downloaded to a folder, which may have to be made yet."""
    there = next(folder for folder in (cache, *cache.parents) if os.path.exists(folder))
    try:
        # Permissions say too little about shares, read-only disks and the system's own folders.
        with tempfile.TemporaryFile(dir=there):
            free = shutil.disk_usage(there).free
    except OSError as error:
        reason = f"{without_home(cache)}, cannot be written: {error.strerror or error}"
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "Free some space there" if full else f"Make {without_home(there)} a folder that you may write to"
        return Finding("downloads", reason, f"{advice}, or set {cache_variable()} to another folder.")
    advice = f"Little room for models and embeddings: free some, or set {cache_variable()} to another disk."
    return Finding("downloads", f"{without_home(cache)}, {free / 1e9:.1f} GB free", advice if free < _LOW_DISK else "")


def _models() -> Iterator[Finding]:
    for name, entry in known_models().items():
        path = path_of(entry)
        if path is None:
            continue
        if not path.is_file():
            yield Finding(f"model {name}", "its file is gone", f"Put it back or remove '{name}' from the settings.")
            continue
        try:
            check_integrity(entry)
            yield Finding(f"model {name}", f"{path.stat().st_size / 1e6:.1f} MB, in order")
        except NapariSam2Error as error:
            yield Finding(f"model {name}", "damaged", _anonymous(str(error)))


def _environment() -> Iterator[Finding]:
    shown = [f"{name}={_anonymous(os.environ[name])}" for name in _VARIABLES if os.environ.get(name)]
    shown += [f"{name} is set" for name in _PROXIES if os.environ.get(name) or os.environ.get(name.lower())]
    yield Finding("environment", ", ".join(shown) or "nothing of ours is set")


def _anonymous(text: str) -> str:
    return text.replace(str(Path.home()), "~").replace("\n", " ")


# ---------------------------------------------------------------------- the trial


def _trial(device: str, precision: str) -> Iterator[Finding]:
    """Let the bundled model work: the same answers as recorded, and its speed."""
    try:
        predictor = _load_starter(choose_device(device), precision)
    except NapariSam2Error as error:
        yield Finding("trial", "the bundled model does not load", _anonymous(str(error)))
        return
    where = f"starter on {predictor.device} in {predictor.precision}"
    for note in predictor.notes:
        yield Finding("precision", note)
    try:
        off, iou = compare(answers(predictor))
    except (NapariSam2Error, RuntimeError, OSError) as error:
        yield Finding("trial", f"{where}: failed", f"{_anonymous(str(error))} {_elsewhere(predictor)}and report this.")
        return
    good = off <= _TOLERANCE[predictor.precision] and iou >= _LEAST_IOU
    advice = f"{predictor.device} computes other masks than it should. {_elsewhere(predictor)}and report this."
    text = f"{where}: logits off by {off:.1e}, masks IoU {iou:.4f} with the recorded ones"
    yield Finding("trial", text, "" if good else advice)
    speed = calibrate(predictor, (256, 256))
    yield Finding("speed", f"{where}: {speed.encode_s * 1e3:.0f} ms to encode, {speed.step_s * 1e3:.0f} ms to track")


def _load_starter(device: str, precision: str) -> Sam2VideoPredictor:
    return loader.load(resolve("starter"), "starter", device, MODELS["starter"].input_size, precision)


def _elsewhere(predictor: Sam2VideoPredictor) -> str:
    """Return the advice to use the CPU, where that is not what failed."""
    return "Install torch again, " if torch.device(predictor.device).type == "cpu" else "Choose the device 'cpu', "


def _trial_of(predictor: Sam2VideoPredictor) -> Iterator[Finding]:
    """Compare a loaded model with itself on the CPU in float32."""
    where = f"{_anonymous(predictor.name)} on {predictor.device} in {predictor.precision}"
    try:
        found = answers(Sam2VideoPredictor(predictor.model, predictor.name))
        copied = copy.deepcopy(predictor.model).to(device="cpu", dtype=torch.float32)
        wanted = answers(Sam2VideoPredictor(copied, predictor.name))
    except (NapariSam2Error, RuntimeError, OSError) as error:
        yield Finding("loaded model", f"{where}: failed", f"{_anonymous(str(error))} Choose the device 'cpu'.")
        return
    if not all(np.isfinite(values).all() for values in found.values()):
        advice = "It computes numbers that are not finite: download it again, or choose the device 'cpu'."
        yield Finding("loaded model", f"{where}: not finite", advice)
        return
    off, iou = _difference(found["logits"], wanted["logits"])
    good = off <= _TOLERANCE[predictor.precision]
    advice = "" if good else f"{predictor.device} computes other masks than the CPU: choose the device 'cpu'."
    text = f"{where}: logits off by {off:.1e}, masks IoU {iou:.4f} with those of the CPU in float32"
    yield Finding("loaded model", text, advice)


class _Frames:
    """A disc that moves and shrinks over waves: made by arithmetic, the same everywhere."""

    def __len__(self) -> int:
        return _FRAMES

    def __getitem__(self, frame: int) -> NDArray[np.float32]:
        y, x = np.mgrid[: _SHAPE[0], : _SHAPE[1]]
        waves = 0.08 * np.sin(y / 5.0) * np.sin(x / 7.0)
        disc = (y - 48 - frame) ** 2 + (x - 50 - 2 * frame) ** 2 < (18 - frame) ** 2
        picture: NDArray[np.float32] = (0.3 + 0.45 * disc + waves).astype(np.float32)
        return picture[..., None]


def answers(predictor: Sam2VideoPredictor) -> dict[str, NDArray[Any]]:
    """Let a predictor find a disc from a box and follow it.

    Returns
    -------
    dict
        ``logits (T, S/4, S/4) float32`` in the windows of the object, and ``scores (T,) float32``.
    """
    stream = predictor.open(_Frames())
    first = stream.predict(0, PromptSet(box=make_box(_BOX, _SHAPE)))
    track = stream.track(ConditioningFrame(0, first.state), (), 1)
    found = [first] + [stream.advance([track])[0] for _ in range(1, _FRAMES)]
    logits = np.stack([p.state.low_res_logits[0, 0].float().cpu().numpy() for p in found])
    return {"logits": logits, "scores": np.array([p.scores.object_score for p in found], np.float32)}


def compare(found: dict[str, NDArray[Any]]) -> tuple[float, float]:
    """Compare answers of the bundled model with the recorded ones.

    Returns
    -------
    off : float
        Largest difference of logits, over the largest logit.
    iou : float
        Of the masks, all frames together.

    Raises
    ------
    NapariSam2Error
        Where the recorded answers belong to other weights.
    """
    with np.load(REFERENCE) as file:
        recorded = dict(file)
    if str(recorded["sha256"]) != sha256_of(resolve("starter")):
        raise NapariSam2Error("The recorded answers belong to other weights of the bundled model.")
    return _difference(found["logits"], recorded["logits"].astype(np.float32))


def _difference(ours: NDArray[Any], theirs: NDArray[Any]) -> tuple[float, float]:
    """Largest difference over the largest value, and IoU of what is above 0."""
    off = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    inside, wanted = ours > 0, theirs > 0
    return off, float((inside & wanted).sum() / max((inside | wanted).sum(), 1))


def record() -> None:
    """Record the answers of the bundled model on this machine's CPU, in float32."""
    found = answers(_load_starter("cpu", "float32"))
    checksum = np.array(sha256_of(resolve("starter")))
    np.savez_compressed(REFERENCE, sha256=checksum, logits=found["logits"], scores=found["scores"])


if __name__ == "__main__":
    argparse.ArgumentParser(description=f"Record the answers of the bundled model anew, in {REFERENCE}.").parse_args()
    record()
