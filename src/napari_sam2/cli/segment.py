"""``segment``: segment objects of an image from boxes and points, and write the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import napari_sam2 as ns
from napari_sam2.cli.options import PromptWord, add_model_options, fixed_axes, numbers, object_numbers, whole
from napari_sam2.cli.progress import propagate_with_bar
from napari_sam2.errors import PromptError
from napari_sam2.io import check_label_target
from napari_sam2.io.formats import label_suffixes, volume_names

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from napari_sam2.cli.options import SubParsers
    from napari_sam2.session import VideoSession


# First words of the columns that a terminal has room for.
_SHOWN = ("object", "name", "voxels", "volume", "area", "extent", "frames", "mean")


def add_parser(commands: SubParsers) -> None:
    """Add the command and its options."""
    segment = commands.add_parser("segment", help="segment objects of an image from boxes and points")
    segment.add_argument("image", help=f"a folder of DICOM files, or an image: {volume_names()}")
    segment.add_argument(
        "--object",
        action=PromptWord,
        metavar="N",
        help=(
            "the prompts that follow, up to the next --object, are of this object (without: 1); "
            "a single --object is for all prompts, wherever it stands"
        ),
    )
    segment.add_argument(
        "--box",
        action=PromptWord,
        metavar="Z,Y0,X0,Y1,X1",
        help="a half-open box on slice Z, in pixels; one an object and slice",
    )
    segment.add_argument(
        "--point", action=PromptWord, metavar="Z,Y,X[,neg]", help="a click inside, or outside with neg"
    )
    segment.add_argument("--window", metavar="LO,HI", help="the values shown as black and white")
    segment.add_argument("--axis", help="letter of the axis to propagate along (default: time, else the coarsest)")
    segment.add_argument(
        "--at", action="append", default=[], metavar="AXIS=INDEX", help="of a further axis, such as t=3"
    )
    segment.add_argument("--series", help="UID or index of a series, of a DICOM folder")
    segment.add_argument(
        "--direction",
        default="both",
        choices=["both", "forward", "backward"],
        help="from the prompted frames, of an image of several (default: both)",
    )
    segment.add_argument("--out", required=True, metavar="FILE", help=f"labels, as {', '.join(label_suffixes())}")
    add_model_options(segment)
    segment.set_defaults(run=run, prompts=None)


def run(arguments: argparse.Namespace) -> None:
    """Segment the image and print the measurements of the objects."""
    words = arguments.prompts or []
    if all(kind == "object" for kind, _ in words):
        raise PromptError("There is nothing to segment: give at least one --box Z,Y0,X0,Y1,X1 or --point Z,Y,X.")
    object_numbers(words)  # What is wrong with the words is said before the image is read.
    at = fixed_axes(arguments.at)
    series = arguments.series
    volume = ns.read_volume(
        arguments.image, series=int(series) if series is not None and series.isdecimal() else series
    )
    if series is not None and volume.source is not None and volume.source.format != "dicom":
        raise PromptError(f"--series has no effect: {arguments.image} is no DICOM folder.\nLeave it out.")
    check_label_target(arguments.out, volume)
    window = None
    if arguments.window is not None:
        low, high = numbers(arguments.window, 2, "--window", "LO,HI")
        window = (low, high)
    predictor = ns.load_predictor(arguments.model, device=arguments.device)
    session = ns.VideoSession(predictor, volume, frame_axis=arguments.axis, window=window, at=at or None)
    if "direction" in arguments.given and session.frame_count == 1:
        raise PromptError(f"--direction has no effect: {arguments.image} has a single frame.\nLeave it out.")
    _apply_prompts(session, words)
    propagate_with_bar(session, arguments.direction)
    labels = session.labels()
    ns.write_labels(arguments.out, labels, volume)
    print(f"wrote {arguments.out}")
    table = ns.measure_objects(labels, volume, shape=False)
    shown = [c for c in table.columns if not c.endswith(("_start", "_stop")) and c.partition("_")[0] in _SHOWN]
    print(table[shown].to_string(index=False))


def _apply_prompts(session: VideoSession, words: Sequence[tuple[str, str]]) -> None:
    """Give the session the boxes and points in the order in which they stand."""
    boxes: dict[tuple[int, int], str] = {}
    for obj_id, (kind, text) in zip(object_numbers(words), words, strict=True):
        if kind == "box":
            place, *box = numbers(text, 5, "--box", "Z,Y0,X0,Y1,X1")
            frame = whole(place, "--box", text)
            if (obj_id, frame) in boxes:
                raise PromptError(
                    f"--box {boxes[obj_id, frame]} has no effect beside --box {text}: an object has one box a frame."
                )
            boxes[obj_id, frame] = text
            session.add_box(obj_id, frame, box)
        elif kind == "point":
            position, _, sign = text.partition(",neg")
            place, y, x = numbers(position, 3, "--point", "Z,Y,X or Z,Y,X,neg")
            outside = text.endswith(",neg") and not sign
            session.add_points(obj_id, whole(place, "--point", text), [(y, x)], [int(not outside)])
