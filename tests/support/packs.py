"""Packs of labelled volumes and images, as the training reads them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from training.recipe import LabelledSetSettings, load_recipe

RNG = np.random.default_rng(0)


def write_pack(path: Path, cases: list[dict[str, Any]]) -> Path:
    """A pack: each case has ``label``, perhaps ``image`` and ``spacing``, and what the index says of it."""
    arrays: dict[str, Any] = {}
    index = []
    for number, case in enumerate(cases):
        key = f"{number:03d}"
        for kind in ("image", "label", "spacing"):
            if kind in case:
                arrays[f"{kind}_{key}"] = case[kind]
        entry = {k: v for k, v in case.items() if k not in ("image", "label", "spacing")}
        index.append({"key": key, "axes": "ZYX", "names": {}, "modality": "MR", **entry})
    np.savez(path, index=json.dumps(index), **arrays)
    return path


def volume(*labels: int, side: int = 40) -> dict[str, Any]:
    """Blocks of these labels, one beside the other, brighter with each label."""
    label = np.zeros((30, side, side), np.uint8)
    for place, value in enumerate(labels):
        label[5:25, 5:35, 2 + 10 * place : 10 + 10 * place] = value
    image = (label * 20 + RNG.normal(0, 2, label.shape) + 10).astype(np.int16)
    return {"image": image, "label": label, "spacing": np.ones(3)}


def flat() -> dict[str, Any]:
    label = np.zeros((48, 48), np.uint16)
    label[4:20, 4:20], label[30:44, 30:44] = 1, 300
    return {"image": (label > 0).astype(np.uint8) * 100, "label": label, "spacing": np.ones(2), "axes": "YX"}


def settings(**changes: Any) -> LabelledSetSettings:
    return dataclasses.replace(load_recipe().real, **changes)


def settings_without_variants(**changes: Any) -> LabelledSetSettings:
    """Without variants."""
    given = settings(**changes)
    return dataclasses.replace(given, resampled=dataclasses.replace(given.resampled, share=0.0))
