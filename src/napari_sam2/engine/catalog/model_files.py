"""Where checkpoints lie on this computer, and whether they are what was downloaded. No torch here.

A published model lies in the cache that all tools of Hugging Face share. What the hub said about the file when it was
downloaded, its SHA-256 above all, is kept in a small record in the folder of models, and checked at every load.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.core.atomic_write import replacing
from napari_sam2.core.paths import NOT_THERE, check_file, checked_path, why_no_file
from napari_sam2.core.user_folders import data_folder
from napari_sam2.engine.catalog.registry import MODELS, ModelEntry, known_models, own_models
from napari_sam2.errors import CheckpointError, ModelNotDownloadedError

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

MODELS_VARIABLE = "NAPARI_SAM2_MODELS"
"""Environment variable that moves downloaded models out of the shared cache into a folder of one's own."""
BUNDLED_DIR = Path(__file__).parents[1] / "weights"
SUFFIXES = (".pt", ".pth", ".safetensors")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Download:
    """The hub's answer about a file when it was downloaded.

    Attributes
    ----------
    repo, filename : str
        The repository, and the file in it.
    revision : str
        The commit.
    sha256 : str
        Hexadecimal; the hub's own statement, never computed from what came in.
    size : int
        Bytes.
    """

    repo: str
    filename: str
    revision: str
    sha256: str
    size: int


def models_dir() -> Path:
    """Return the folder of download records and of checkpoints put there by hand; it need not exist."""
    moved = os.environ.get(MODELS_VARIABLE)
    return Path(moved) if moved else data_folder() / "models"


def hub_cache() -> Path:
    """Return the folder where downloads go: Hugging Face's shared cache, unless `MODELS_VARIABLE` moves it."""
    if os.environ.get(MODELS_VARIABLE):
        return models_dir() / "hub"
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def cache_variable() -> str:
    """Return the environment variable that moves `hub_cache`."""
    return MODELS_VARIABLE if os.environ.get(MODELS_VARIABLE) else "HF_HOME"


def repo_folder(repo: str) -> Path:
    """Return a repository's folder in the cache.

    huggingface_hub documents the layout: ``blobs`` holds contents under their checksums, ``snapshots`` a folder of
    names for every commit.
    """
    return hub_cache() / f"models--{repo.replace('/', '--')}"


def path_of(entry: ModelEntry) -> Path | None:
    """Return where a known model's file lies; None where it was not downloaded."""
    if entry.path:
        return Path(entry.path).expanduser()
    if entry.bundled:
        return BUNDLED_DIR / entry.filename
    by_hand = models_dir() / entry.filename
    if by_hand.is_file():
        return by_hand
    found = downloaded(entry)
    return None if found is None else found[0]


def downloaded(entry: ModelEntry) -> tuple[Path, Download] | None:
    """Return a published model's file in the cache and what the hub said about it; None where it is not there.

    A file that another tool downloaded counts too, as long as the cache still tells the hub's checksum: the cache
    names the file's content by it.
    """
    snapshots, record = repo_folder(entry.source_repo) / "snapshots", read_record(entry)
    if record is not None:
        path = snapshots / record.revision / entry.filename
        return (path, record) if path.is_file() else None
    for path in sorted(snapshots.glob(f"*/{entry.filename}"), key=lambda p: p.lstat().st_mtime, reverse=True):
        content = path.resolve()
        if content.is_file() and _SHA256.fullmatch(content.name):
            size = content.stat().st_size
            return path, Download(entry.source_repo, entry.filename, path.parent.name, content.name, size)
    return None


def _record_path(entry: ModelEntry) -> Path:
    return models_dir() / f"{entry.name}.json"


def read_record(entry: ModelEntry) -> Download | None:
    """Return what was remembered of a download; None where there is nothing, or nothing of use."""
    path = _record_path(entry)
    try:
        record = Download(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        logger.warning("the download record %s is not readable (%s)", path, error)
        return None
    usable = record.repo == entry.source_repo and record.filename == entry.filename and isinstance(record.sha256, str)
    return record if usable and _SHA256.fullmatch(record.sha256) else None


def write_record(entry: ModelEntry, record: Download) -> None:
    """Remember a download."""
    path = _record_path(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")


def sha256_of(path: Path, step: Callable[[int], None] | None = None) -> str:
    """Return a file's SHA-256 in hexadecimal; ``step`` is called with the bytes read so far (about 1 s per GB)."""
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            done += len(chunk)
            if step is not None:
                step(done)
    return digest.hexdigest()


def check_integrity(entry: ModelEntry) -> None:
    """Check that a downloaded model is what the hub published.

    Raises
    ------
    CheckpointError
        Where the file changed since. A file put there by hand has no checksum to check; that is logged.
    """
    if entry.bundled or entry.path:
        return
    if (models_dir() / entry.filename).is_file():
        logger.warning("%s was not downloaded by napari-sam2: no checksum is known for it", entry.filename)
        return
    found = downloaded(entry)
    if found is None:
        return
    path, record = found
    if path.stat().st_size != record.size or sha256_of(path) != record.sha256:
        raise CheckpointError(
            f"The downloaded model '{entry.name}' is damaged: {path} is not what the hub published "
            f"(its SHA-256 differs). {how_to_download(entry)}"
        )


def check_checkpoint(path: Path) -> None:
    """Raise a CheckpointError where a checkpoint is not there, or is no regular file that can be read."""
    if why_no_file(path) == NOT_THERE:
        raise CheckpointError(f"There is no checkpoint file {path}.")
    check_file(path, CheckpointError)


def resolve(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the checkpoint file of a model.

    Parameters
    ----------
    name_or_path : str or path
        The name of a known or of an own model, or a ``.pt``, ``.pth`` or ``.safetensors`` file.

    Raises
    ------
    ModelNotDownloadedError
        Where the model is known but its file is not there. Nothing is ever downloaded here.
    CheckpointError
        Where it is neither a known name nor an existing file.
    SettingsError
        Where it may be one of the user's own models, but the settings cannot be read.
    """
    path: Path | None
    named = checked_path(name_or_path, CheckpointError, "name or path of a model")
    entry = MODELS.get(str(name_or_path))
    if entry is not None:
        path = path_of(entry)
        if path is not None and path.is_file():
            return path
        if entry.bundled:
            raise ModelNotDownloadedError(
                f"The bundled model '{entry.name}' is missing from the installation ({path}); reinstall napari-sam2."
            )
        raise ModelNotDownloadedError(f"The model '{entry.name}' is not on this computer. {how_to_download(entry)}")
    if named.is_file():
        return named
    if named.suffix.lower() in SUFFIXES or named.parent != Path():
        check_checkpoint(named)
    own = own_models().get(str(name_or_path))
    if own is not None:
        if Path(own.path).is_file():
            return Path(own.path)
        raise CheckpointError(
            f"The checkpoint {own.path} of your model '{own.name}' is not there; put it back or change the settings."
        )
    raise CheckpointError(
        f"There is no model called '{name_or_path}'. Known models are {', '.join(known_models())}; "
        "the path of a .pt or .safetensors file does as well."
    )


def how_to_download(entry: ModelEntry) -> str:
    """Return the sentence that says how a published model is downloaded, with its terms."""
    accept, option = (", accept_licence=True", " --accept-licence") if entry.notice else ("", "")
    terms = f" {entry.notice} (licence: {entry.licence})" if entry.notice else ""
    return (
        f"Download it with napari_sam2.download_model('{entry.name}'{accept}) "
        f"or, in a terminal, napari-sam2 download {entry.name}{option}.{terms}"
    )
