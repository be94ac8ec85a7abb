"""The kinds of values: each is written and read again, under the name and in the form that files know."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from napari_sam2.core.intensity_mapping import IntensityMapping
from napari_sam2.core.intensity_range import IntensityRange
from napari_sam2.core.masks import RunLengthMask
from napari_sam2.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, PromptSet
from napari_sam2.engine.protocols import CropWindow, FrameScores
from napari_sam2.session import VideoSession
from napari_sam2.session.log import step_names
from napari_sam2.session.log.kinds import KINDS
from napari_sam2.session.log.records import Check, MaskRecord, ObjectRecord, Review, Rules, Source, Visit

MASK = RunLengthMask.encode(np.eye(4, 6, dtype=bool))
OTHER = RunLengthMask.encode(np.tri(4, 6, dtype=bool))
PROMPTS = PromptSet((PointPrompt(1.0, 2.5, True),), BoxPrompt(0.0, 1.0, 3.0, 4.0), MaskPrompt(MASK), (0, 1))
TRACKED = MaskRecord(
    MASK,
    "track",
    FrameScores(0.5, 2.0, 0.75),
    CropWindow(-1.0, 0.0, 3.0, 4.0),
    (Source(3, PROMPTS, None, True), Source(9, None, OTHER, False, (Source(2, None, MASK, False), None))),
    IntensityMapping.of([(3.0, 5000.0), (0, 7)], 0.5),
    0.25,
    "starter",
    OTHER,
    MASK,
    Rules("limit", "selected", "first", True),
)
EXAMPLES = {
    "prompts": PROMPTS,
    "base": MaskRecord(OTHER, "edit"),
    "mask": TRACKED,
    "lock": 3,
    "object": ObjectRecord("Milz ä", (0.25, 0.5, 1.0), 2),
    "cut_above": 7,
    "cut_below": 0,
    "parent": 2,
    "range": IntensityRange(-50, None),
    "pass": 4,
    "visit": Visit(4, -1),
    "forbidden": OTHER,
    "check": Check(0.25, MASK),
    "review": Review("needs edit", "lower pole ä"),
}
# As version 0.1 wrote them.
WRITTEN = {
    "prompts": '{"box":[0.0,1.0,3.0,4.0],"calls":[0,1],"labels":[1],"mask":"?","points":[[1.0,2.5]]}',
    "lock": "3",
    "object": '{"color":[0.25,0.5,1.0],"name":"Milz \\u00e4","rank":2}',
    "cut_above": "7",
    "cut_below": "0",
    "pass": "4",
    "visit": "[4,-1]",
}


class Blobs:
    """Bytes by their hash, as in a session file."""

    def __init__(self):
        self.kept = {}

    def keep(self, data):
        name = hashlib.sha256(data).hexdigest()
        self.kept[name] = data
        return name

    def fetch(self, name, decode):
        return decode(self.kept[name])


def test_every_kind_has_an_example():
    assert set(EXAMPLES) == set(KINDS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_value_is_read_as_it_was_written(name):
    kind, blobs = KINDS[name], Blobs()
    data = kind.to_bytes(EXAMPLES[name], blobs.keep)
    again = kind.from_bytes(data, blobs.fetch)
    assert again == EXAMPLES[name]
    assert type(again) is type(EXAMPLES[name])
    assert kind.to_bytes(again, blobs.keep) == data


@pytest.mark.parametrize("name", WRITTEN)
def test_the_form_in_the_file_is_that_of_version_0_1(name):
    value = KINDS[name].to_bytes(EXAMPLES[name], lambda data: "?").decode()
    assert json.loads(value) == json.loads(WRITTEN[name])
    assert value == WRITTEN[name]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_size_of_a_value_is_that_of_its_mask(name):
    masks = {"prompts": MASK, "base": OTHER, "mask": MASK, "forbidden": OTHER}
    assert KINDS[name].nbytes(EXAMPLES[name]) == (masks[name].runs.nbytes if name in masks else 0)


def test_every_step_is_named_like_the_method_that_makes_it():
    names = [value for name, value in vars(step_names).items() if name.isupper() and isinstance(value, str)]
    assert len(names) == len(set(names)) == 31
    assert all(callable(getattr(VideoSession, name)) for name in names)
