"""What a stream needs of its predictor: calls of the model's actor, wherever that is now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Caller(Protocol):
    """What a stream needs of its predictor."""

    generation: int
    bytes_sent: int

    def call(self, ask: Callable[[Any], Any]) -> Any:
        """Call a method of the model's actor; WorkerLostError where its worker died."""
        ...

    def forget(self, stream: str) -> None:
        """Note that a stream is done with."""
        ...
