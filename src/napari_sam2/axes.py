"""The former name of `napari_sam2.core.frames`, kept for scripts until the next version."""

from napari_sam2.core.frames import *  # noqa: F403
