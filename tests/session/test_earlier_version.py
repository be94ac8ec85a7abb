"""A session file that an earlier version wrote: it opens, holds what it held, replays, and would be written the same.

``data/version_0_1.sam2.gz`` was written by version 0.1.0 (commit 13af069) with the calls of :func:`work`, and
``data/version_0_1.json`` says what that version read from it. Both stay as they are.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
import zlib
from pathlib import Path

import numpy as np
import pytest

from napari_sam2.core.volume import ImageVolume
from napari_sam2.session import VideoSession
from support.predictors import FakePredictor

DATA = Path(__file__).parent / "data"
SHAPE = (12, 16, 20)


def image() -> ImageVolume:
    return ImageVolume(np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE), axes="zyx", spacing=(3, 0.7, 0.7))


def predictor() -> FakePredictor:
    return FakePredictor(radius=2, vanish_after=9)


def drawn(y0: int, x0: int, y1: int, x1: int) -> np.ndarray:
    mask = np.zeros(SHAPE[1:], bool)
    mask[y0:y1, x0:x1] = True
    return mask


def work(session: VideoSession) -> None:
    """Do something of every kind that a log can hold."""
    session.add_box(1, 4, (3, 3, 8, 9))
    session.add_points(1, 4, [(9.25, 9.5), (4, 4)], labels=[1, 0])
    session.predict_frame(4)
    list(session.propagate())
    # On a frame without the object: the answer knows the mask nearby.
    session.add_points(1, 11, [(6, 6)])
    session.predict_frame(11)
    list(session.propagate(direction="both", stop_when_gone=2))
    session.edit_mask(1, 2, drawn(1, 1, 4, 7))
    session.add_mask(2, 6, drawn(9, 2, 15, 9))
    session.set_window(5, 3000)
    list(session.propagate())
    session.lock(frame=8, obj_id=1)
    session.lock(frame=7, obj_id=2)
    session.unlock(frame=8, obj_id=1)
    session.lock_frames(1, [1, 5])
    session.set_prompts(3, 3, box=(0, 10, 5, 15))
    session.predict_frame(3)
    session.clear_prompts(3, 3)
    session.rename_object(2, "Milz ä")
    session.recolor_object(2, (0.25, 0.5, 1))
    labels = np.zeros(SHAPE, np.uint8)
    labels[9, 10:14, 10:14] = 4
    session.add_labels(labels, [9])
    session.predict_frame(9)
    session.merge_objects(into=2, other=4)
    session.add_points(3, 4, [(12, 12)])
    session.add_points(3, 5, [(12, 13)])
    session.clear_several([(3, 4), (3, 5)])
    session.move_object(3, 0)
    session.overlap = "score"
    list(session.propagate("forward", range(5, 10), objects=[2], force=True))
    session.cut(2, 10, "above")
    session.edit_masks(10, {1: drawn(0, 0, 3, 3), 2: drawn(8, 0, 12, 3)})
    later = predictor()
    later.name = "another"
    session.use(later)
    session.predict_frame(4)
    session.use(predictor())
    session.rename_object(1, "undone")
    session.cut(1, 0, "below")
    session.lock(frame=6, obj_id=1)
    session.undo()
    session.undo()


def described(session: VideoSession) -> dict:
    """All that a session shows of itself, as JSON."""
    out = {
        "objects": {str(i): [o.name, list(o.color), o.state] for i, o in session.objects.items()},
        "stale": session.count_stale(),
        "window": list(session.window),
        "overlap": session.overlap,
        "frames": {},
    }
    for obj_id in session.objects:
        table = session.scores(obj_id)
        for frame in range(SHAPE[0]):
            prompts, mask = session.prompts(obj_id, frame), session.mask(obj_id, frame)
            if prompts is None and mask is None:
                continue
            figures = None if mask is None else [repr(float(v)) for v in table.loc[frame, ["iou", "disagreement"]]]
            out["frames"][f"{obj_id} {frame}"] = {
                "prompts": None if prompts is None else prompts.to_dict(),
                "mask": None if mask is None else np.flatnonzero(np.diff(mask.ravel(), prepend=False)).tolist(),
                "locked": mask is not None and bool(table.loc[frame, "locked"]),
                "figures": figures,
                "window": session.prompt_window(obj_id, frame),
            }
    return json.loads(json.dumps(out))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "case.sam2"
    with gzip.open(DATA / "version_0_1.sam2.gz") as packed, path.open("wb") as out:
        shutil.copyfileobj(packed, out)
    return path


def rows(path: Path) -> dict[str, list]:
    """The content of a session file, table by table, but for the versions of the programs that wrote it."""
    with sqlite3.connect(path) as db:
        tables = {
            "setting": "SELECT * FROM setting WHERE name != 'versions' ORDER BY name",
            "blob": "SELECT * FROM blob ORDER BY hash",
            "step": "SELECT * FROM step ORDER BY id",
            "change": "SELECT * FROM change ORDER BY step, place",
            "value": "SELECT * FROM value ORDER BY kind, obj, frame",
        }
        found = {name: db.execute(query).fetchall() for name, query in tables.items()}
    db.close()
    return found


def need_the_same_zlib(found: dict[str, list]) -> None:
    """Masks are deflated, and other builds of zlib deflate to other bytes, of the same content."""
    for _, data in found["blob"]:
        if data[:1] not in (b"{", b"[") and not data.isdigit():
            if zlib.compress(zlib.decompress(data[8:]), level=1) != data[8:]:
                pytest.skip("this build of zlib deflates otherwise than the one that wrote the file")
            return


def open_it(path: Path) -> VideoSession:
    return VideoSession.open(path, predictor(), image())


def test_it_opens_and_holds_what_it_held(file):
    session = open_it(file)
    assert described(session) == json.loads((DATA / "version_0_1.json").read_text())
    session.close()


def test_it_replays_to_the_same_masks(file):
    session = open_it(file)
    assert session.replay() == 0
    assert described(session) == json.loads((DATA / "version_0_1.json").read_text())
    session.close()


def test_what_was_undone_is_done_again(file):
    session = open_it(file)
    assert session.redo()
    assert session.objects[1].name == "undone"
    assert session.redo()
    assert session.scores(1)["locked"][6]
    assert not session.can_redo
    session.close()


def test_it_is_written_anew_byte_for_byte(file, tmp_path):
    session = open_it(file)
    session.save(tmp_path / "again.sam2")
    session.close()
    before, after = rows(file), rows(tmp_path / "again.sam2")
    need_the_same_zlib(before)
    # What no value names any more is left out of a new file.
    assert set(after["blob"]) <= set(before["blob"])
    assert {name: found for name, found in after.items() if name != "blob"} == {
        name: found for name, found in before.items() if name != "blob"
    }


def test_the_same_calls_write_the_same_file_today(file, tmp_path):
    session = VideoSession(predictor(), image(), window=(0, 3800), zoom=2.5, neighbours="free", log_times=False)
    work(session)
    session.log_times = True  # as a file without a word of it
    session.save(tmp_path / "today.sam2")
    session.close()
    before = rows(file)
    need_the_same_zlib(before)
    assert rows(tmp_path / "today.sam2") == before
