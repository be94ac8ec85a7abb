"""A cluster that speaks TLS only, on loopback, with certificates made for the test."""

from __future__ import annotations

import os

import dask
import numpy as np
import pytest
from distributed import LocalCluster, Security

import napari_sam2 as ns
from napari_sam2.cli import main
from napari_sam2.engine.remote.connection import connect
from napari_sam2.errors import ClusterError

pytest.importorskip("cryptography", reason="Dask makes certificates with it")
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def security():
    return Security.temporary()


@pytest.fixture(scope="module")
def address(security):
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0", host="127.0.0.1", silence_logs=50,
        protocol="tls", security=security,
    ) as cluster:  # fmt: skip
        yield cluster.scheduler_address


@pytest.fixture
def certificates(security, tmp_path):
    """The files that a user has: of the authority, and of the client."""
    files = {}
    for name, text in (
        ("ca-file", security.tls_ca_file), ("cert", security.tls_client_cert), ("key", security.tls_client_key)
    ):  # fmt: skip
        files[name] = tmp_path / f"{name}.pem"
        files[name].write_text(text)
        os.chmod(files[name], 0o600)
    return files


@pytest.fixture
def configured(certificates):
    """Certificates in Dask's own configuration, as docs/batch.md says."""
    client = {"cert": str(certificates["cert"]), "key": str(certificates["key"])}
    with dask.config.set(
        {"distributed.comm.tls.ca-file": str(certificates["ca-file"]), "distributed.comm.tls.client": client}
    ):
        yield


def small_volume():
    z, y, x = np.indices((5, 40, 48))
    inside = (z - 2) ** 2 * 9 + (y - 20) ** 2 + (x - 24) ** 2 < 12**2
    return ns.ImageVolume((inside * 150).astype(np.uint8), axes="zyx", spacing=(3, 1, 1), units="mm")


def test_a_model_is_used_over_tls(address, configured) -> None:
    assert address.startswith("tls://")
    far = ns.load_predictor("starter", device=address.replace("tls://", "dask://"))
    try:
        assert far.device.startswith("tls://")
        session = ns.VideoSession(far, small_volume(), window=(0, 255))
        session.add_box(1, 2, (6, 10, 34, 38))
        for _ in session.propagate():
            pass
        assert session.labels().any()
    finally:
        far.unload()


def test_a_batch_runs_over_tls_from_the_command_line(address, certificates, tmp_path, capsys) -> None:
    volume = small_volume()
    ns.write_labels(tmp_path / "one.nii.gz", volume.array, volume)
    (tmp_path / "jobs.csv").write_text('image,boxes\none.nii.gz,"1:2,6,10,34,38"\n')
    options = [f"--tls-{name}={file}" for name, file in certificates.items()]
    command = ["batch", str(tmp_path / "jobs.csv"), "--out", str(tmp_path / "out"), "--scheduler", address, *options]
    assert main(command) == 0, capsys.readouterr().err
    assert ns.read_labels(tmp_path / "out" / "one" / "one_labels.nii.gz", volume).any()


@pytest.mark.parametrize("protocol", ["tls", "tcp"])
def test_a_client_without_certificates_is_refused_with_a_sentence(address, protocol) -> None:
    with pytest.raises(ClusterError) as caught:
        connect(address.replace("tls", protocol), timeout_s=5)
    assert caught.value.headline.startswith(f"{address.replace('tls', protocol)} ")
    assert "certificate" in str(caught.value)


def test_a_client_with_certificates_of_another_authority_is_refused(address, tmp_path) -> None:
    with pytest.raises(ClusterError, match="certificate"):
        connect(address, Security.temporary(), timeout_s=5)
