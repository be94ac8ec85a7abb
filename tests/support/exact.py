"""A clip, and what the model of a session in exact mode has said of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from napari_sam2.engine.sam2.tracking.exact_stream import Sam2ExactStream
from napari_sam2.session import VideoSession
from support.hf_oracle import SIZE


def make_clip(count: int) -> np.ndarray:
    """``(T, 3, S, S) float32`` in 0…1: blobs that move, on ground that changes from frame to frame."""
    rng = np.random.default_rng(5)
    yy, xx = np.mgrid[:SIZE, :SIZE]
    frames = []
    for t in range(count):
        coarse = torch.from_numpy(rng.random((1, 3, 9, 9), dtype=np.float32))
        picture = F.interpolate(coarse, size=(SIZE, SIZE), mode="bicubic").numpy()[0]
        picture[:, (yy - 90 - 5 * t) ** 2 + (xx - 110 - 3 * t) ** 2 < 45**2] += 0.4
        frames.append(np.clip(picture, 0, 1))
    return np.stack(frames).astype(np.float32)


def stream_of(session: VideoSession) -> Sam2ExactStream:
    """The model of a session at work; no call of the session shows its memory."""
    stream = session._state.exact_stream()
    assert isinstance(stream, Sam2ExactStream)
    return stream


def known(session: VideoSession, obj_id: int = 1) -> dict[int, Any]:
    """What the model of a session has said of an object, by frame."""
    stream = stream_of(session)
    outputs = {frame: stream._objects[obj_id].shown(frame) for frame in range(session.frame_count)}
    return {frame: output.decoding for frame, output in outputs.items() if output is not None}
