"""A small Hugging Face hub on loopback, with the faults that real ones have."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from napari_sam2.engine.catalog import download
from napari_sam2.engine.catalog.registry import ModelEntry

TOY = ModelEntry(
    "toy", title="Toy", filename="toy.safetensors", input_size=64, parameters=1, licence="MIT", source_repo="us/toy"
)
"""A model that the hub publishes."""
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class FakeHub:
    """Serves one file of one repository.

    Attributes
    ----------
    content
        Of the file.
    sha256
        What the hub states; the right one unless a test wants another.
    head_status, get_status
        Answer with this error. ``get_faults`` times only, where that is given.
    drop_after
        Close the connection after so many bytes of the answer, ``get_faults`` times.
    stall_after
        Send nothing more after so many bytes, ``get_faults`` times.
    garble
        Send other bytes of the same length.
    redirect
        The resolve address sends on to another one, as for large files.
    ranges
        Whether ranges are known.
    """

    repo: str
    filename: str
    content: bytes
    sha256: str = ""
    head_status: int = 200
    get_status: int = 200
    get_faults: int = 10**6
    drop_after: int | None = None
    stall_after: int | None = None
    garble: bool = False
    redirect: bool = False
    ranges: bool = True
    login_page: bool = False
    slow_s: float = 0.0
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sha256 = self.sha256 or hashlib.sha256(self.content).hexdigest()
        hub = self

        class Handler(_Handler):
            served = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.released = threading.Event()
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def store(self) -> str:
        """Another host, as far as a client can tell, where a redirect leads."""
        return f"http://localhost:{self._server.server_port}/store/{self.sha256}"

    @property
    def bytes_asked(self) -> list[str | None]:
        """The Range header of every GET of the content."""
        return [ranged for method, _, ranged in self.requests if method == "GET"]

    def stand_in(self, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
        """Point the hub's client of this process here, with short patience and a cache below ``home``."""
        from huggingface_hub import constants

        template = self.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", self.endpoint)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hf"))
        monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
        monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 2)
        monkeypatch.setattr(download, "_PAUSE_S", 0.01)
        monkeypatch.delenv("NAPARI_SAM2_MODELS", raising=False)
        monkeypatch.setattr("platformdirs.user_data_dir", lambda *_, **__: str(home / "data"))
        monkeypatch.setenv("NAPARI_SAM2_SETTINGS", str(home / "settings.json"))

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    served: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def _headers(self, status: int, headers: dict[str, str], length: int) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _refuse(self, status: int) -> None:
        extra = {429: {"Retry-After": "7"}, 404: {"X-Error-Code": "EntryNotFound"}}.get(status, {})
        self._headers(status, extra, 0)

    def do_HEAD(self) -> None:
        hub = self.served
        hub.requests.append(("HEAD", self.path, None))
        if hub.login_page:
            self._headers(200, {"Content-Type": "text/html"}, 500)
        elif hub.head_status != 200:
            self._refuse(hub.head_status)
        elif f"/{hub.repo}/resolve/" not in self.path or not self.path.endswith(hub.filename):
            self._refuse(404)
        else:
            headers = {
                "X-Repo-Commit": COMMIT,
                "X-Linked-ETag": f'"{hub.sha256}"',
                "X-Linked-Size": str(len(hub.content)),
                "ETag": '"other"',
            }
            if hub.redirect:
                self._headers(302, {**headers, "Location": hub.store}, 0)
            else:
                self._headers(200, headers, len(hub.content))

    def do_GET(self) -> None:
        hub = self.served
        ranged = self.headers.get("Range")
        hub.requests.append(("GET", self.path, ranged))
        faulty = hub.get_faults > 0
        if hub.redirect and self.path.startswith(f"/{hub.repo}"):
            self._headers(302, {"Location": hub.store}, 0)
            return
        hub.get_faults -= 1
        if faulty and hub.get_status != 200:
            self._refuse(hub.get_status)
            return
        body = bytes(b ^ 0x5A for b in hub.content) if hub.garble else hub.content
        start = int(ranged.removeprefix("bytes=").split("-")[0]) if ranged and hub.ranges else 0
        status, headers = 200, {}
        if ranged and hub.ranges:
            status, headers = 206, {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
        self._headers(status, headers, len(body) - start)
        self._send(body[start:], faulty)

    def _send(self, body: bytes, faulty: bool) -> None:
        hub = self.served
        stop = hub.drop_after if hub.drop_after is not None else hub.stall_after
        try:
            if faulty and stop is not None:
                self.wfile.write(body[:stop])
                self.wfile.flush()
                if hub.stall_after is not None:
                    hub.released.wait(20)
                self.close_connection = True
                return
            for start in range(0, len(body), 64 * 1024):
                self.wfile.write(body[start : start + 64 * 1024])
                if hub.slow_s:
                    time.sleep(hub.slow_s)
        except OSError:
            self.close_connection = True
