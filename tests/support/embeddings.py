"""Embeddings of a known size, streams, and programs that run in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

import napari_sam2 as ns
from napari_sam2.core.intensity import WindowedFrames
from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine.sam2 import ImageFeatures
from napari_sam2.session import VideoSession

CPU = torch.device("cpu")


def features(value: float, dtype: torch.dtype = torch.float32) -> ImageFeatures:
    """336 values."""
    shapes = ((1, 4, 4, 4), (1, 1, 8, 8), (1, 13, 4, 4))
    return ImageFeatures(*(torch.full(shape, value, dtype=dtype) for shape in shapes))


SIZE = features(0).nbytes


def run_program(program: str) -> str:
    """What a program prints, in a process of its own."""
    source = str(Path(next(iter(ns.__path__))).parent)
    environment = {**os.environ, "PYTHONPATH": source}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    return done.stdout


def open_stream(predictor: Any, volume: ImageVolume, window: tuple[float, float] = (0, 1000), channel: int = 0) -> Any:
    """Open a stream on the frames that a session without zoom sees."""
    session = VideoSession(predictor, volume, channel=channel, zoom=None)
    return predictor.open(WindowedFrames(volume, session.grid, window), zoom=None)
