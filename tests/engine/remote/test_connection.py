import pytest

from napari_sam2.engine.remote.connection import connect, is_safe
from napari_sam2.errors import ClusterError


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:8786", "127.0.0.1:8786", "tcp://localhost:1", "tcp://[::1]:9", "tls://far:1"]
)
def test_loopback_and_tls_are_safe(address) -> None:
    assert is_safe(address)


@pytest.mark.parametrize(
    "address", ["tcp://far:8786", "far:8786", "10.0.0.2:8786", "tcp://localhost.evil.org:1", "ws://far:1"]
)
def test_anything_else_beyond_this_machine_must_be_allowed(address) -> None:
    assert not is_safe(address)
    with pytest.raises(ClusterError, match="would not be encrypted"):
        connect(address)


def test_a_scheduler_that_does_not_answer_is_a_sentence() -> None:
    with pytest.raises(ClusterError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:1:"):
        connect("tcp://127.0.0.1:1", timeout_s=1)
