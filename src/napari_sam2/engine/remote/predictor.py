"""A predictor whose model is on a worker of a Dask cluster.

A worker that dies takes its states with it. Each state and each track therefore knows how it came about (prompts, or
another state and the number of frames gone), so that another worker can make it anew: the session notices nothing but
the time that it takes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Literal, overload

from napari_sam2.engine.remote.connection import UNENCRYPTED, connect, scheduler_address
from napari_sam2.engine.remote.model_actor import Load, ModelActor
from napari_sam2.engine.remote.stream import RemoteStream
from napari_sam2.engine.remote.wire import WorkerLostError
from napari_sam2.errors import ClusterError, NapariSam2Error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distributed import Client

    from napari_sam2.engine.protocols import ExactVideoStream, FrameSource, Zoom

_log = logging.getLogger(__name__)
_LOST = (OSError, TimeoutError, ValueError)  # as Dask reports an actor whose worker is gone


def load_remote(
    load: Load, name: str, device: str, worker_device: str = "auto", patience_s: float = 60.0
) -> RemotePredictor:
    """Load a model on a worker of a Dask cluster.

    Parameters
    ----------
    load
        What loads it there: :func:`napari_sam2.load_predictor`.
    name
        Name or path of the model, as the worker knows it.
    device
        ``dask://HOST:PORT``: by TLS where Dask's configuration has certificates, else within this machine only.
        ``dask-unencrypted://HOST:PORT``: without encryption, also to other machines.
    worker_device
        Device of the worker.
    patience_s
        How long to wait, in seconds, for a worker that can take the model.

    Raises
    ------
    ClusterError
        If no scheduler answers, or there is no worker.
    NapariSam2Error
        As :func:`napari_sam2.load_predictor` raises it, on the worker.
    """
    client = connect(scheduler_address(device), allow_unencrypted=device.startswith(UNENCRYPTED))
    return RemotePredictor(client, load, name, worker_device, patience_s)


class RemotePredictor:
    """A model on a worker, as a :class:`~napari_sam2.engine.protocols.VideoPredictor`.

    All who load the same model for the same device from one cluster share one copy of it.

    Parameters
    ----------
    client
        Of the cluster.
    load
        What loads the model on the worker.
    name
        Name or path of the model, as the worker knows it.
    worker_device
        Device of the worker.
    patience_s
        How long to wait, in seconds, for a worker.
    """

    def __init__(
        self, client: Client, load: Load, name: str, worker_device: str = "auto", patience_s: float = 60.0
    ) -> None:
        self._client, self._load = client, load
        self._asked = (name, worker_device)
        self._patience_s = patience_s
        self._lock = threading.RLock()
        self._actor: Any = None
        self._closed: deque[str] = deque()
        self.generation = 0
        self.bytes_sent = 0
        found = self.call(lambda actor: actor.describe())
        self.name: str = found["name"]
        self._device, self._notes, self._fingerprint = found["device"], found["notes"], found["fingerprint"]

    @property
    def device(self) -> str:
        """Return the address of the cluster and the device of the worker."""
        return f"{self._client.scheduler.address} ({self._device})"

    @property
    def notes(self) -> Sequence[str]:
        """Return what the user should know."""
        return tuple(self._notes)

    @property
    def fingerprint(self) -> str | None:
        """Return what tells the weights from others of the same name."""
        fingerprint: str | None = self._fingerprint
        return fingerprint

    @overload
    def open(
        self, frames: FrameSource, *, zoom: Zoom = "auto", exact: Literal[False] = False, **options: Any
    ) -> RemoteStream: ...

    @overload
    def open(
        self, frames: FrameSource, *, zoom: Zoom = "auto", exact: Literal[True], **options: Any
    ) -> ExactVideoStream: ...

    def open(
        self, frames: FrameSource, *, zoom: Zoom = "auto", exact: bool = False, **options: Any
    ) -> RemoteStream | ExactVideoStream:
        """Begin work on a stack of frames.

        Raises
        ------
        NapariSam2Error
            In exact mode, which is for comparisons on one machine.
        """
        if exact:
            raise NapariSam2Error("Exact mode needs a model on this computer.\nLoad it with device='cpu' or 'cuda'.")
        return RemoteStream(self, frames, {"zoom": zoom, **options})

    def unload(self) -> None:
        """Let go of the model; it leaves the worker's memory when nobody uses it any more."""
        with self._lock:
            self._actor = None
            self._client.close(timeout=5)

    # ------------------------------------------------------------------ calls

    def call(self, ask: Callable[[Any], Any]) -> Any:
        """Call a method of the model's actor and wait for the result.

        Parameters
        ----------
        ask
            ``ask(actor)`` calls the method and returns its future.

        Raises
        ------
        WorkerLostError
            If the worker died; there is a new one now, which knows nothing yet (`generation` says so).
        ClusterError
            If no worker is left.
        """
        with self._lock:
            if self._actor is None:
                self._actor = self._start()
            actor = self._actor
        try:
            while self._closed:
                actor.close(self._closed.popleft()).result()
            return ask(actor).result()
        except _LOST as error:
            if isinstance(error, ValueError) and "lost" not in str(error).lower():
                raise
            with self._lock:
                if self._actor is actor:
                    _log.warning("The Dask worker of the model %s is gone; trying another.", self._asked[0])
                    self._actor = None
                    self._actor = self._start()
            raise WorkerLostError(f"The Dask workers of the model {self._asked[0]!r} die again and again.") from error

    def forget(self, stream: str) -> None:
        """Note that a stream is done with; the worker is told with the next call."""
        self._closed.append(stream)

    def _start(self) -> Any:
        """Put the model on a worker, or find it there."""
        name, device = self._asked
        deadline = time.monotonic() + self._patience_s
        while True:
            future = self._client.submit(
                ModelActor, self._load, name, device, actor=True, key=f"napari-sam2-{name}-{device}-{self.generation}"
            )
            self.generation += 1
            try:
                actor = future.result(timeout=max(0.1, deadline - time.monotonic()))
                # An actor looks for Dask's default client, which may be none or another one; `as_current` would send
                # the reading of lazy images to the cluster, in all threads.
                actor._worker, actor._client, actor._future = None, self._client, future
                return actor
            except NapariSam2Error:
                raise
            except Exception as error:
                if time.monotonic() > deadline or not isinstance(error, _LOST):
                    raise ClusterError(
                        f"No worker of the Dask cluster {self._client.scheduler.address} can run the model {name!r}: "
                        f"{error or type(error).__name__}.\nStart a worker there, or choose a device of this computer. "
                        "Everything that was done is kept."
                    ) from error
