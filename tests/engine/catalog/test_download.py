"""Downloads with the real client from a real server on loopback, faults included."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import napari_sam2 as ns
from napari_sam2.cli import main
from napari_sam2.engine.catalog import download, registry
from napari_sam2.engine.catalog.download import DownloadProgress, ask_hub
from napari_sam2.errors import (
    CheckpointError,
    DownloadCancelledError,
    DownloadError,
    LicenceError,
    ModelNotDownloadedError,
)
from support.hub import COMMIT, TOY, FakeHub


def leftovers(tmp_path: Path) -> list[str]:
    """What lies in the cache besides whole files."""
    return [p.name for p in (tmp_path / "hf").rglob("*.incomplete")]


def test_download_load_and_share(hub: FakeHub, content: bytes, tmp_path: Path) -> None:
    seen: list[DownloadProgress] = []
    with pytest.raises(ModelNotDownloadedError, match="napari-sam2 download toy"):
        ns.load_predictor("toy", device="cpu")
    assert not hub.requests, "load_predictor never downloads"
    path = ns.download_model("toy", progress=seen.append)
    assert path.read_bytes() == content
    assert seen[-1].stage == "checking"
    last = [p for p in seen if p.stage == "downloading"][-1]
    assert (last.done, last.total) == (len(content), len(content))
    assert last.bytes_per_second > 0
    assert last.seconds_left == 0
    # Other tools find the file where huggingface_hub keeps it, without a second download.
    from huggingface_hub import hf_hub_download

    assert Path(hf_hub_download("us/toy", "toy.safetensors", revision=COMMIT, local_files_only=True)) == path
    assert Path(hf_hub_download("us/toy", "toy.safetensors", revision=COMMIT)) == path
    record = json.loads((tmp_path / "data/models/toy.json").read_text())
    assert record == {
        "repo": "us/toy",
        "filename": "toy.safetensors",
        "revision": COMMIT,
        "sha256": hub.sha256,
        "size": len(content),
    }
    asked = len(hub.requests)
    assert ns.download_model("toy") == path
    assert ns.load_predictor("toy", device="cpu").model.image_size == 64
    assert len(hub.requests) == asked, "a model that is here costs no network"
    assert not leftovers(tmp_path)


def test_what_another_tool_downloaded_is_used(hub: FakeHub, content: bytes) -> None:
    from huggingface_hub import hf_hub_download

    path = Path(hf_hub_download("us/toy", "toy.safetensors"))
    asked = len(hub.requests)
    assert ns.load_predictor("toy", device="cpu").model.image_size == 64
    assert ns.download_model("toy") == path
    assert len(hub.requests) == asked


def test_size_and_checksum_are_asked_of_the_hub(hub: FakeHub, content: bytes) -> None:
    remote = ask_hub(TOY)
    assert (remote.size, remote.sha256, remote.revision) == (len(content), hub.sha256, COMMIT)
    assert [method for method, *_ in hub.requests] == ["HEAD"]


def test_redirect(hub: FakeHub, content: bytes) -> None:
    hub.redirect = True
    assert ns.download_model("toy").read_bytes() == content
    assert any(path.startswith("/store/") for _, path, _ in hub.requests)


def test_broken_connection_is_taken_up_where_it_ended(hub: FakeHub, content: bytes) -> None:
    hub.drop_after, hub.get_faults = 100_000, 2
    assert ns.download_model("toy").read_bytes() == content
    assert hub.bytes_asked == [None, "bytes=100000-", "bytes=200000-"]


def test_server_without_ranges_starts_over(hub: FakeHub, content: bytes) -> None:
    hub.drop_after, hub.get_faults, hub.ranges = 100_000, 1, False
    assert ns.download_model("toy").read_bytes() == content
    assert hub.bytes_asked == [None, "bytes=100000-"]


def test_short_stall_is_survived(hub: FakeHub, content: bytes) -> None:
    hub.stall_after, hub.get_faults = 50_000, 1
    assert ns.download_model("toy").read_bytes() == content
    assert hub.bytes_asked == [None, "bytes=50000-"]


def test_lasting_truncation_keeps_what_came_and_goes_on_later(
    hub: FakeHub, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.drop_after = 0
    with pytest.raises(DownloadError, match=r"only in part, 0\.0 of 2\.\d MB.*stopped sending"):
        ns.download_model("toy")
    hub.drop_after, hub.get_faults = 100_000, 1
    monkeypatch.setattr(download, "_ATTEMPTS", 0)
    with pytest.raises(DownloadError, match=r"only in part, 0\.1 of"):
        ns.download_model("toy")
    with pytest.raises(ModelNotDownloadedError):
        ns.load_predictor("toy", device="cpu")
    assert len(leftovers(tmp_path)) == 1
    hub.requests.clear()
    assert ns.download_model("toy").read_bytes() == content
    assert hub.bytes_asked == ["bytes=100000-"]
    assert not leftovers(tmp_path)


def test_lasting_stall(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_ATTEMPTS", 1)
    hub.stall_after = 0
    with pytest.raises(DownloadError, match=r"stopped sending.\nWhat came in is kept"):
        ns.download_model("toy")


def test_damaged_content_is_thrown_away(hub: FakeHub, content: bytes, tmp_path: Path) -> None:
    hub.garble = True
    with pytest.raises(DownloadError, match="came in damaged: its SHA-256"):
        ns.download_model("toy")
    assert not leftovers(tmp_path)
    with pytest.raises(ModelNotDownloadedError):
        ns.load_predictor("toy", device="cpu")
    hub.garble = False
    assert ns.download_model("toy").read_bytes() == content


def test_partial_file_of_other_content_is_found_out(hub: FakeHub, content: bytes, tmp_path: Path) -> None:
    blobs = tmp_path / "hf/models--us--toy/blobs"
    blobs.mkdir(parents=True)
    part = blobs / f"{hub.sha256}.napari-sam2.incomplete"
    part.write_bytes(b"x" * 1000)
    with pytest.raises(DownloadError, match="came in damaged"):
        ns.download_model("toy")
    assert ns.download_model("toy").read_bytes() == content
    part.write_bytes(b"x" * (len(content) + 1))  # longer than the file: of no use
    next(blobs.glob(hub.sha256)).unlink()
    (blobs / f"{'0' * 64}.napari-sam2.incomplete").write_bytes(b"of an older version")
    assert ns.download_model("toy").read_bytes() == content
    assert not leftovers(tmp_path)


@pytest.mark.parametrize("change", ["flip", "cut"])
def test_damage_on_the_disk_is_found_at_load_and_mended(hub: FakeHub, content: bytes, change: str) -> None:
    path = ns.download_model("toy")
    data = bytearray(content)
    data[len(data) // 2] ^= 1
    path.resolve().write_bytes(bytes(data) if change == "flip" else content[:-1])
    with pytest.raises(CheckpointError, match=r"'toy' is damaged: .*SHA-256.*napari-sam2 download toy"):
        ns.load_predictor("toy", device="cpu")
    assert ns.download_model("toy").read_bytes() == content
    assert ns.load_predictor("toy", device="cpu").name == "toy"


@pytest.mark.parametrize(
    ("where", "status", "text"),
    [
        ("head", 404, r"has no toy\.safetensors in us/toy \(404\)"),
        ("head", 429, r"too many requests from here \(429\)\.\nTry again in 7 s"),
        ("head", 500, r"fault of its own \(500\)"),
        ("head", 401, r"does not let you have us/toy \(401\)"),
        ("get", 404, r"has no toy\.safetensors"),
        ("get", 429, r"Try again in 7 s"),
        ("get", 500, r"fault of its own \(500\)"),
        ("get", 503, r"fault of its own \(503\)"),
    ],
)
def test_refusals_are_explained(
    hub: FakeHub, where: str, status: int, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_ATTEMPTS", 2)
    setattr(hub, f"{where}_status", status)
    with pytest.raises(DownloadError, match=text) as caught:
        ns.download_model("toy")
    assert caught.value.headline.startswith("The model 'toy' cannot be downloaded: ")


def test_passing_fault_of_the_server_is_survived(hub: FakeHub, content: bytes) -> None:
    hub.get_status, hub.get_faults = 503, 2
    assert ns.download_model("toy").read_bytes() == content


def test_login_page(hub: FakeHub) -> None:
    hub.login_page = True
    with pytest.raises(DownloadError, match="does not answer like a Hugging Face hub"):
        ns.download_model("toy")


def test_no_checksum_no_download(hub: FakeHub) -> None:
    hub.sha256 = "abc"
    with pytest.raises(DownloadError, match="states no SHA-256"):
        ns.download_model("toy")


def test_nobody_there(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.close()
    with pytest.raises(DownloadError, match=r"cannot be reached .*\nCheck the network.*put it into"):
        ns.download_model("toy")


def test_cancel_and_go_on(hub: FakeHub, content: bytes, tmp_path: Path) -> None:
    hub.slow_s = 0.02
    seen: list[DownloadProgress] = []
    with pytest.raises(DownloadCancelledError):
        ns.download_model("toy", progress=seen.append, cancelled=lambda: bool(seen) and seen[-1].done > 200_000)
    assert len(leftovers(tmp_path)) == 1
    hub.requests.clear()
    assert ns.download_model("toy").read_bytes() == content
    (ranged,) = hub.bytes_asked
    assert ranged is not None
    assert int(ranged.removeprefix("bytes=").rstrip("-")) > 200_000


def test_cancel_while_waiting(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_PAUSE_S", 30)
    hub.drop_after = 0
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    with pytest.raises(DownloadCancelledError):
        ns.download_model("toy", cancelled=stop.is_set)


def test_full_disk(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    real = download.shutil.disk_usage
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: real(path)._replace(free=1_000_000))
    with pytest.raises(DownloadError, match=r"not enough room for the model 'toy': it needs \d MB.*has 1 MB left"):
        ns.download_model("toy")
    assert not hub.bytes_asked


def test_disk_fault_while_writing(hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "hf").write_text("a file where the folder should be")
    with pytest.raises(DownloadError, match="cannot be downloaded: "):
        ns.download_model("toy")


def test_two_downloads_at_once(hub: FakeHub, content: bytes) -> None:
    hub.slow_s = 0.03
    started, outcome = threading.Event(), []
    first = threading.Thread(target=lambda: outcome.append(ns.download_model("toy", progress=lambda p: started.set())))
    first.start()
    assert started.wait(10)
    with pytest.raises(DownloadError, match="is being downloaded already"):
        ns.download_model("toy")
    first.join()
    assert outcome[0].read_bytes() == content


def test_terms_have_to_be_accepted(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    monkeypatch.setitem(registry.MODELS, "toy", replace(TOY, notice="For looking at only."))
    with pytest.raises(LicenceError, match=r"--accept-licence\): For looking at only\.\nLicence: MIT"):
        ns.download_model("toy")
    assert not hub.requests
    assert main(["download", "toy"]) == 2
    assert main(["download", "toy", "--accept-licence"]) == 0


def test_bundled_and_unknown_models() -> None:
    assert ns.download_model("starter").name == "starter.safetensors"
    with pytest.raises(DownloadError, match=r"no model called 'sam9'.*sam2\.1-tiny"):
        ns.download_model("sam9")


# ---------------------------------------------------------------------- the environment, in processes of their own

_PROGRAM = """
import sys
from napari_sam2.engine.catalog import registry
registry.MODELS["toy"] = registry.ModelEntry(name="toy", title="Toy", filename="toy.safetensors", input_size=64,
    parameters=1, licence="MIT", source_repo="us/toy")
from napari_sam2.cli.main import main
status = main(["download", "toy"])
assert "torch" not in sys.modules and "napari" not in sys.modules
sys.exit(status)
"""


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(**variables: str) -> subprocess.CompletedProcess[str]:
        unwanted = ("HF_", "NAPARI_SAM2", "HTTP", "http", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}
        source = str(Path(next(iter(ns.__path__))).parent)
        environment |= {"PYTHONPATH": source, "NAPARI_SAM2_MODELS": str(tmp_path / "m"), "HOME": str(tmp_path)}
        return subprocess.run(
            [sys.executable, "-c", _PROGRAM], env={**environment, **variables}, capture_output=True, text=True
        )

    return run


def test_command_with_endpoint_and_folder_of_ones_own(hub: FakeHub, tmp_path: Path, command: Any) -> None:
    done = command(HF_ENDPOINT=hub.endpoint)
    assert done.returncode == 0, done.stderr
    assert "toy is here" in done.stdout
    assert (tmp_path / f"m/hub/models--us--toy/snapshots/{COMMIT}/toy.safetensors").is_file()
    assert (tmp_path / "m/toy.json").is_file()


def test_offline(hub: FakeHub, command: Any) -> None:
    done = command(HF_ENDPOINT=hub.endpoint, HF_HUB_OFFLINE="1")
    assert done.returncode == 2
    assert "HF_HUB_OFFLINE is set" in done.stderr
    assert not hub.requests


def test_proxy(hub: FakeHub, command: Any) -> None:
    """The proxy sees the request of a host that does not exist; without the proxy nothing is found."""
    done = command(HF_ENDPOINT="http://hub.invalid", HTTP_PROXY=hub.endpoint)
    assert done.returncode == 0, done.stderr
    assert all(path.startswith("http://hub.invalid/") for _, path, _ in hub.requests)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{free.getsockname()[1]}"
    (locate_file := hub.requests).clear()
    done = command(HF_ENDPOINT="http://hub.invalid", HTTP_PROXY=closed, NAPARI_SAM2_MODELS=str(Path(os.devnull)))
    assert done.returncode == 2
    assert "HTTPS_PROXY" in done.stderr
    assert not locate_file
