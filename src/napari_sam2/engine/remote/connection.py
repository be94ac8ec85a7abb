"""Connections to Dask clusters that run already; unencrypted ones beyond this machine only if that is asked for."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from napari_sam2.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client, Security


ENCRYPTED_OR_LOCAL, UNENCRYPTED = "dask://", "dask-unencrypted://"


def is_remote(device: str) -> bool:
    """Return whether a device is a Dask cluster: ``dask://HOST:PORT`` or ``dask-unencrypted://HOST:PORT``."""
    return device.startswith((ENCRYPTED_OR_LOCAL, UNENCRYPTED))


def scheduler_address(device: str) -> str:
    """Return the address of a remote device's scheduler: ``tls://`` where Dask's configuration has certificates."""
    import dask.config

    encrypted = dask.config.get("distributed.comm.tls.client.cert", None) is not None
    return f"{'tls' if encrypted else 'tcp'}://{device.partition('://')[2]}"


def connect(
    address: str, security: Security | None = None, *, allow_unencrypted: bool = False, timeout_s: float = 30.0
) -> Client:
    """Connect to a running cluster.

    Parameters
    ----------
    address
        Of its scheduler, such as ``tcp://127.0.0.1:8786`` or ``tls://gpu-server:8786``.
    security
        Certificates for ``tls://``; by default those of Dask's own configuration.
    allow_unencrypted
        Connect without encryption to another machine: whoever can listen sees the images and can run code.
    timeout_s
        How long to try, in seconds.

    Raises
    ------
    ClusterError
        If it does not answer, or would be unencrypted beyond this machine and that was not allowed.
    """
    if not allow_unencrypted and not is_safe(address):
        raise ClusterError(
            f"{address} is another machine, and the connection would not be encrypted.\n"
            "Use tls:// with certificates (see docs/batch.md), or allow it knowingly with --allow-unencrypted."
        )
    options: dict[str, Any] = {} if security is None else {"security": security}
    from distributed import Client

    try:
        # Not the default of Dask: lazy images are read here, not on the cluster.
        return Client(address, timeout=timeout_s, set_as_default=False, **options)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise _explained(address, error) from error


def _explained(address: str, error: Exception) -> ClusterError:
    encrypted = address.startswith("tls://")
    if isinstance(error, TypeError) and encrypted:
        return ClusterError(
            f"{address} needs certificates to connect with, and there are none.\n"
            "Give --tls-ca-file, --tls-cert and --tls-key, or put them into Dask's configuration (see docs/batch.md)."
        )
    if "reset by peer" in str(error) and not encrypted:
        return ClusterError(
            f"{address} closes the connection: perhaps that scheduler wants encryption.\n"
            "If so, use tls:// and its certificates (see docs/batch.md)."
        )
    return ClusterError(
        f"No Dask scheduler answers at {address}: {error}.\nCheck the address, and that the scheduler runs."
    )


def is_safe(address: str) -> bool:
    """Return whether a connection is encrypted or does not leave this machine.

    Examples
    --------
    >>> is_safe("tcp://127.0.0.1:8786"), is_safe("tcp://gpu-server:8786"), is_safe("tls://gpu-server:8786")
    (True, False, True)
    """
    protocol, _, rest = address.rpartition("://")
    if protocol == "tls" or protocol in ("inproc", "ucxx+tls"):
        return True
    host = rest.rpartition(":")[0].strip("[]") or rest
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
