"""Score models on labelled sets."""

from __future__ import annotations

from napari_sam2.evaluation.montage import montage_frames, overlay, save_montage
from napari_sam2.evaluation.report import to_markdown
from napari_sam2.evaluation.run import PROMPTS, evaluate
from napari_sam2.evaluation.score import ObjectScore, evaluate_object
from napari_sam2.evaluation.sets import LabelledSet, find_entries, find_sets, label_file, load_set, objects_of
from napari_sam2.evaluation.simulated_user import correct_worst, prompt_object

__all__ = [
    "PROMPTS",
    "LabelledSet",
    "ObjectScore",
    "correct_worst",
    "evaluate",
    "evaluate_object",
    "find_entries",
    "find_sets",
    "label_file",
    "load_set",
    "montage_frames",
    "objects_of",
    "overlay",
    "prompt_object",
    "save_montage",
    "to_markdown",
]
