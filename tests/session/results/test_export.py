"""The exports."""

from __future__ import annotations

import json

import numpy as np

from support.predictors import SHAPE


def test_exports_hold_prompts_and_masks_but_not_where_they_come_from(session, tmp_path):
    session.add_box(1, 3, (2, 2, 10, 10))
    session.add_points(1, 3, [(4, 5)], [0])
    session.rename_object(1, "liver")
    list(session.propagate())
    session.lock(frame=4, obj_id=1)
    session.export_prompts(tmp_path / "case.json")
    document = json.loads((tmp_path / "case.json").read_text())
    assert document["objects"][0]["name"] == "liver"
    first, second = document["objects"][0]["frames"]
    assert (first["box"], first["points"], first["labels"]) == ([2, 2, 10, 10], [[4, 5]], [0])
    assert second["frame"] == 4
    assert second["locked"]["shape"] == [24, 32]
    session.export_coco(tmp_path / "coco.json")
    coco = json.loads((tmp_path / "coco.json").read_text())
    assert len(coco["images"]) == 20
    labels = session.labels()
    for note in coco["annotations"]:
        counts = note["segmentation"]["counts"]
        flat = np.concatenate([np.full(n, i % 2, bool) for i, n in enumerate(counts)])
        mask = flat.reshape(SHAPE[:0:-1]).T
        assert np.array_equal(mask, labels[note["image_id"] - 1] == note["track_id"])
        assert note["area"] == mask.sum()
