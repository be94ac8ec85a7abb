"""Other implementations of SAM 2, with the weights of one of our networks."""

from __future__ import annotations

import importlib.util
from typing import Protocol

from benchmarks.clips import Clip
from benchmarks.ours import Masks
from napari_sam2.engine.sam2 import Sam2Model

HOW_TO_GET = {
    "transformers": 'pip install "transformers>=5"',
    "sam2": 'SAM2_BUILD_CUDA=0 pip install --no-deps --no-build-isolation "sam2==1.1.0" '
    'and pip install "hydra-core>=1.3.2" "iopath>=0.1.10", best in an environment of its own (make parity builds one: '
    ".venv-parity/bin/python -m benchmarks --peer sam2 …)",
}
PEERS = tuple(HOW_TO_GET)


class Run(Protocol):
    """A peer at work on one clip, with nothing computed yet."""

    def first(self) -> Masks:
        """Prompt every object by a box on the first slice, and propagate."""
        ...

    def again(self) -> Masks:
        """Correct the first object by a click on the middle slice, and propagate again."""
        ...


class Peer(Protocol):
    """A loaded peer."""

    name: str
    version: str

    def start(self, clip: Clip) -> Run:
        """Begin with a clip."""
        ...


def why_not(peer: str) -> str:
    """Return why a peer cannot be measured here, and what to do; empty where it can."""
    if importlib.util.find_spec(peer) is not None:
        return ""
    return f"{peer} is not installed here, so only this project was measured. To have it: {HOW_TO_GET[peer]}"


def load(peer: str, model: Sam2Model, precision: str = "float32", compiled: bool = False) -> Peer:
    """Build a peer with the weights of a network, which stays as it is.

    Parameters
    ----------
    peer : {"transformers", "sam2"}
    model : Sam2Model
        In float32, on its device.
    precision : {"float32", "bfloat16"}
        What the peer computes in, in the way that its own documentation says.
    compiled : bool
        sam2 alone: its predictor compiled as a whole (``vos_optimized``).
    """
    if peer == "transformers":
        from benchmarks.peers.transformers_peer import TransformersPeer

        return TransformersPeer(model, precision)
    from benchmarks.peers.sam2_peer import Sam2Peer

    return Sam2Peer(model, precision, compiled)
