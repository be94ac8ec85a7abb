"""A lost object is looked for as it was nearby."""

from __future__ import annotations

import numpy as np

from napari_sam2.analysis.metrics import dice
from napari_sam2.core.masks import RunLengthMask, bounding_box, deepest_pixel
from napari_sam2.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, PromptSet
from napari_sam2.engine.protocols import ConditioningFrame


def test_a_lost_object_looks_as_it_does_nearby(predictor, stack, monkeypatch):
    volume, truth = stack
    stream = predictor.open([f[..., None] for f in volume.array])
    y, x = deepest_pixel(truth[6])
    click, empty = PromptSet(points=(PointPrompt(y, x),)), np.zeros(truth[0].shape, bool)
    accepted = stream.predict(2, PromptSet(mask=MaskPrompt(RunLengthMask.encode(truth[2]))))
    context = [ConditioningFrame(2, accepted.state)]
    asked = []
    answer = stream._answer
    monkeypatch.setattr(stream, "_answer", lambda *args: asked.append(args[2:]) or answer(*args))
    elsewhere = np.roll(truth[5], (-20, 30), (0, 1))
    found = stream.predict(6, click, base=empty, context=context, nearest=elsewhere)
    base, window, known = asked[0]
    assert base[y, x]
    assert dice(base, truth[5]) > 0.9, "moved onto the click"
    assert (window, known) == (None, context)
    assert dice(found.mask, truth[6]) > 0.85
    around = PromptSet(points=click.points, box=BoxPrompt(*bounding_box(truth[6])))
    stream.predict(6, click, base=empty, context=context)
    stream.predict(6, around, base=empty, context=context, nearest=elsewhere)
    assert asked[1:] == [(None, None, ())] * 2, "nothing is known of it, or the box says more"
