"""Downloads published checkpoints with huggingface_hub. No torch here.

Why not only ``hf_hub_download``: its newer versions throw a partial file away when a download is stopped, compare sizes
but no checksums, and cannot be cancelled. So the bytes are fetched here, with the hub's own client (which knows
proxies, mirrors, tokens and offline mode), checked, and then put where ``hf_hub_download`` would have put them: other
tools find the file, and we find theirs.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import filelock

from napari_sam2.engine.catalog.download_errors import client_errors, endpoint, explained, failures, status_of
from napari_sam2.engine.catalog.model_files import (
    Download,
    cache_variable,
    check_integrity,
    downloaded,
    hub_cache,
    path_of,
    repo_folder,
    sha256_of,
    write_record,
)
from napari_sam2.engine.catalog.registry import MODELS, ModelEntry, known_models
from napari_sam2.errors import CheckpointError, DownloadCancelledError, DownloadError, LicenceError

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

_ATTEMPTS = 5  # without a single new byte
_PAUSE_S = 1.0
_REPORT_EVERY_S = 0.1
_SPARE_BYTES = 64 * 1024**2
_PASSING = (408, 500, 502, 503, 504)


@dataclass(frozen=True)
class DownloadProgress:
    """The progress of a download.

    Attributes
    ----------
    done, total : int
        Bytes.
    bytes_per_second : float
        Mean of this call; 0 before the first bytes.
    seconds_left : float or None
        At this rate; None while it is not known.
    stage : str
        ``"downloading"`` or ``"checking"``.
    """

    done: int
    total: int
    bytes_per_second: float
    seconds_left: float | None
    stage: str = "downloading"


def download_model(
    name: str,
    accept_licence: bool = False,
    progress: Callable[[DownloadProgress], None] | None = None,
    *,
    cancelled: Callable[[], bool] | None = None,
) -> Path:
    """Download a published model, once; a model that is here and undamaged costs no network.

    A download that was stopped, by the user or by a fault, goes on where it was when this is called again.

    Parameters
    ----------
    name : str
        A name of the registry.
    accept_licence : bool
        That the terms of the model are accepted; needed only by models that have a notice (MedSAM2).
    progress : callable, optional
        Called about ten times a second, from this thread.
    cancelled : callable, optional
        Asked often; True stops the download.

    Returns
    -------
    path
        The checkpoint.

    Raises
    ------
    LicenceError
        Where the terms have to be accepted first; the text says them.
    DownloadCancelledError
        Where ``cancelled`` said so.
    DownloadError
        For every other reason; the text says which, and what to do.
    """
    entry = known_models().get(name)
    if entry is None:
        raise DownloadError(f"There is no model called '{name}' to download. Known models are {', '.join(MODELS)}.")
    present = _present(entry)
    if present is not None:
        return present
    if entry.notice and not accept_licence:
        raise LicenceError(
            f"The model '{name}' has terms that you have to accept first (accept_licence=True, or --accept-licence): "
            f"{entry.notice}\nLicence: {entry.licence}. Published by {entry.source_repo} on Hugging Face."
        )
    meter = _Meter(progress, cancelled)
    remote = ask_hub(entry)
    content = _content_path(remote)
    try:
        content.parent.mkdir(parents=True, exist_ok=True)
        # Beside huggingface_hub's own lock, which it takes itself further down.
        lock = hub_cache() / ".locks" / repo_folder(remote.repo).name / f"{remote.sha256}.napari-sam2.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(lock, timeout=0):
            if not content.is_file() or sha256_of(content) != remote.sha256:
                _fetch_checked(entry, remote, content, meter)
            path = _show_in_cache(entry, remote)
    except filelock.Timeout:
        raise DownloadError(f"The model '{name}' is being downloaded already, by another window or program.") from None
    except failures() as error:
        raise explained(entry, error) from error
    write_record(entry, remote)
    logger.info("downloaded %s to %s", name, path)
    return path


def ask_hub(entry: ModelEntry) -> Download:
    """Ask the hub for a published model's size and checksum, without downloading it.

    Raises
    ------
    DownloadError
        Where the hub cannot be reached or does not have the file.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    try:
        answer = get_hf_file_metadata(hf_hub_url(entry.source_repo, entry.filename))
    except failures() as error:
        raise explained(entry, error) from error
    if not answer.commit_hash or not answer.etag or not answer.size:
        raise DownloadError(
            f"The model '{entry.name}' cannot be downloaded: {endpoint()} does not answer like a Hugging Face hub.\n"
            "A proxy or a login page may stand in between; if HF_ENDPOINT is set, check it."
        )
    if not re.fullmatch(r"[0-9a-f]{64}", answer.etag):
        raise DownloadError(
            f"The model '{entry.name}' cannot be downloaded: {endpoint()} states no SHA-256 for {entry.filename}, "
            "so it could not be checked."
        )
    return Download(entry.source_repo, entry.filename, answer.commit_hash, answer.etag, answer.size)


def _present(entry: ModelEntry) -> Path | None:
    """Return the model's file if it is here and sound; a damaged one is removed, so that it can be fetched anew."""
    path = path_of(entry)
    if path is None or not entry.source_repo:
        return path
    try:
        check_integrity(entry)
    except CheckpointError as error:
        logger.warning("%s", error.headline)
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        return None
    found = downloaded(entry)
    if found is not None and found[0] == path:
        write_record(entry, found[1])
    return path


class _Meter:
    """Tells how far a download is, and asks whether to go on."""

    def __init__(self, progress: Callable[[DownloadProgress], None] | None, cancelled: Callable[[], bool] | None):
        self._progress, self._cancelled = progress, cancelled
        self._began, self._told, self._first = time.monotonic(), 0.0, 0

    def start(self, done: int) -> None:
        """Begin to count; ``done`` bytes came in an earlier call."""
        self._began, self._first = time.monotonic(), done

    def check(self) -> None:
        """Raise DownloadCancelledError if the user said so."""
        if self._cancelled is not None and self._cancelled():
            raise DownloadCancelledError("The download was stopped; what came in is kept for the next time.")

    def report(self, done: int, total: int, stage: str = "downloading") -> None:
        """Say how far it is, about ten times a second and at the end."""
        self.check()
        now = time.monotonic()
        if self._progress is None or (done < total and now - self._told < _REPORT_EVERY_S):
            return
        self._told = now
        rate = max(done - self._first, 0) / max(now - self._began, 1e-6) if stage == "downloading" else 0.0
        left = (total - done) / rate if rate > 0 else None
        self._progress(DownloadProgress(done, total, rate, left, stage))

    def wait(self, seconds: float) -> None:
        """Sleep, but notice a cancel."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.check()
            time.sleep(min(0.05, seconds))


def _content_path(remote: Download) -> Path:
    """Where the shared cache keeps the content; its layout is documented, and content is named by its checksum."""
    return repo_folder(remote.repo) / "blobs" / remote.sha256


def _fetch_checked(entry: ModelEntry, remote: Download, content: Path, meter: _Meter) -> None:
    """Fetch the content beside its place, check it, and only then rename it to there."""
    part = content.with_name(f"{content.name}.napari-sam2.incomplete")
    _check_space(entry, remote.size - (part.stat().st_size if part.exists() else 0), content.parent)
    _fetch(entry, remote, part, meter)
    if sha256_of(part, lambda done: meter.report(done, remote.size, "checking")) != remote.sha256:
        part.unlink()
        raise DownloadError(
            f"The model '{entry.name}' came in damaged: its SHA-256 is not the one that the hub states. "
            "It was thrown away; download it again."
        )
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(part, content)
    for older in content.parent.glob("*.napari-sam2.incomplete"):  # of a version that was replaced meanwhile
        older.unlink()


def _check_space(entry: ModelEntry, needed: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + _SPARE_BYTES:
        raise DownloadError(
            f"There is not enough room for the model '{entry.name}': it needs {needed / 1e6:.0f} MB, but the disk of "
            f"{folder} has {free / 1e6:.0f} MB left.\nMake room, or set {cache_variable()} to a folder on another disk."
        )


def _fetch(entry: ModelEntry, remote: Download, part: Path, meter: _Meter) -> None:
    """Fetch until the file is whole; a broken or silent connection is taken up again where it ended."""
    meter.start(part.stat().st_size if part.exists() else 0)
    idle = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        if before == remote.size:
            return
        if before > remote.size:
            part.unlink()
            before = 0
        fault: Exception | None = None
        try:
            _stream(remote, part, before, meter)
        except client_errors() as error:
            status = status_of(error)
            if status is not None and status not in _PASSING:
                raise
            fault = error
        after = part.stat().st_size if part.exists() else 0
        if after == remote.size:
            return
        idle = 0 if after > before else idle + 1
        if idle >= _ATTEMPTS:
            if fault is not None and status_of(fault) is not None:
                raise fault
            raise DownloadError(
                f"The model '{entry.name}' came in only in part, {after / 1e6:.1f} of {remote.size / 1e6:.1f} MB: "
                f"{endpoint()} stopped sending.\nWhat came in is kept; download again to go on from there."
            ) from fault
        logger.info("download of %s interrupted at %d bytes (%s); going on", entry.name, after, fault)
        meter.wait(_PAUSE_S)


def _stream(remote: Download, part: Path, start: int, meter: _Meter) -> None:
    """Append what the server sends; the whole file again if it does not know ranges."""
    from huggingface_hub import constants, get_session, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

    url = hf_hub_url(remote.repo, remote.filename, revision=remote.revision)
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    with get_session().stream("GET", url, headers=headers, timeout=timeout, follow_redirects=True) as response:
        hf_raise_for_status(response)
        resumed = response.status_code == 206 and response.headers.get("Content-Range", "").startswith(
            f"bytes {start}-"
        )
        done = start if resumed else 0
        with part.open("ab" if resumed else "wb") as file:
            # Chunks as they come: larger ones would be gathered in memory, and lost with the connection.
            for chunk in response.iter_bytes():
                file.write(chunk)
                done += len(chunk)
                if done > remote.size:
                    break  # not our file; the checksum says so
                meter.report(done, remote.size)


def _show_in_cache(entry: ModelEntry, remote: Download) -> Path:
    """Let huggingface_hub put the checked content under its name; it finds the content there and fetches nothing."""
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(entry.source_repo, entry.filename, revision=remote.revision, cache_dir=hub_cache()))
