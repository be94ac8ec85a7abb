"""What the network, the hub and the disk raise during a download, and what to tell the user. No torch here."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from napari_sam2.engine.catalog.model_files import hub_cache, models_dir
from napari_sam2.errors import DownloadError, NapariSam2Error

if TYPE_CHECKING:
    from napari_sam2.engine.catalog.registry import ModelEntry


def client_errors() -> tuple[type[Exception], ...]:
    """List the errors of the hub's HTTP client, which is httpx or its successor, by the version of huggingface_hub."""
    from huggingface_hub import get_session

    client = sys.modules[type(get_session()).__module__.partition(".")[0]]
    return (client.HTTPError, client.InvalidURL)


def failures() -> tuple[type[Exception], ...]:
    """List what the network and the disk may raise."""
    return (OSError, *client_errors())


def status_of(error: Exception) -> int | None:
    """Return the HTTP status of an error; None where the server did not answer."""
    return getattr(getattr(error, "response", None), "status_code", None)


def endpoint() -> str:
    """Return the address of the hub that is asked."""
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


def explained(entry: ModelEntry, error: Exception) -> NapariSam2Error:
    """Say what happened, in a sentence, and what to do about it."""
    from huggingface_hub.errors import OfflineModeIsEnabled

    start, hub = f"The model '{entry.name}' cannot be downloaded: ", endpoint()
    by_hand = f"Or fetch {entry.filename} on another computer and put it into {models_dir()}."
    status = status_of(error)
    if isinstance(error, OfflineModeIsEnabled):
        return DownloadError(f"{start}HF_HUB_OFFLINE is set.\nUnset it to go online. {by_hand}")
    if status in (401, 403):
        return DownloadError(
            f"{start}{hub} does not let you have {entry.source_repo} ({status}).\n"
            "Log in with `hf auth login` if the repository asks for it."
        )
    if status == 404:
        return DownloadError(
            f"{start}{hub} has no {entry.filename} in {entry.source_repo} (404).\n"
            "It may have moved: a newer napari-sam2 will know. If HF_ENDPOINT is set, the mirror may lack it."
        )
    if status == 429:
        seconds = _retry_after(error)
        when = f"in {seconds} s" if seconds else "in some minutes"
        return DownloadError(f"{start}{hub} has had too many requests from here (429).\nTry again {when}.")
    if status is not None:
        return DownloadError(f"{start}{hub} has a fault of its own ({status}).\nTry again later. {by_hand}")
    if isinstance(error, client_errors()):
        return DownloadError(
            f"{start}{hub} cannot be reached ({error}).\nCheck the network, and HTTPS_PROXY if there is a proxy. "
            f"{by_hand}"
        )
    reason = getattr(error, "strerror", None) or str(error)
    return DownloadError(f"{start}{reason} ({getattr(error, 'filename', None) or hub_cache()}).")


def _retry_after(error: Exception) -> int | None:
    response: Any = getattr(error, "response", None)
    with suppress(ValueError, AttributeError):
        return int(response.headers.get("Retry-After", ""))
    return None
