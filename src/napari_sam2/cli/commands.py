"""The command line: one function a command. Thin: everything is in the public API."""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import napari_sam2 as ns
from napari_sam2.cli.options import Parser, PromptWord, count, fixed_axes, join_values, numbers, object_numbers, whole
from napari_sam2.core.formatting import frame_word
from napari_sam2.core.paths import checked_path
from napari_sam2.errors import LicenceError, NapariSam2Error, PromptError, WriteError
from napari_sam2.io import check_label_target
from napari_sam2.io.formats import label_suffixes, volume_names

if TYPE_CHECKING:
    from napari_sam2.session import VideoSession
    from napari_sam2.session.propagation import Direction

# Objects of the demo in the order of segmentation.
_DEMO_ORGANS = ("right kidney", "left kidney", "aorta", "spleen", "liver")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, 1 where the doctor found something, 2 for a mendable error."""
    arguments = _parser().parse_args(join_values(sys.argv[1:] if argv is None else argv))
    try:
        status: int | None = arguments.run(arguments)
    except NapariSam2Error as error:
        print(f"napari-sam2: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("napari-sam2: interrupted", file=sys.stderr)
        return 130
    return status or 0


# ---------------------------------------------------------------------- segment


def _results_folder(path: str) -> Path:
    """Make a folder for results, before anything is computed for it."""
    out = checked_path(path, WriteError, "folder for the results")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"{out} cannot be made a folder for the results: {error.strerror or error}.") from error
    return out


def _apply_prompts(session: VideoSession, words: Sequence[tuple[str, str]]) -> None:
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


def _propagate(session: VideoSession, direction: Direction = "both") -> None:
    from tqdm import tqdm

    with tqdm(
        total=session.frame_count, unit=frame_word(session.grid.frame_axis), desc="propagating", file=sys.stderr
    ) as bar:

        def show(done: int, total: int, stage: str) -> None:
            bar.total = total
            bar.set_description(stage, refresh=False)
            bar.update(done - bar.n)

        for _ in session.propagate(direction, progress=show):
            pass


def _segment(arguments: argparse.Namespace) -> None:
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
    _propagate(session, arguments.direction)
    labels = session.labels()
    ns.write_labels(arguments.out, labels, volume)
    print(f"wrote {arguments.out}")
    print(ns.measure_objects(labels, volume).to_string(index=False))


# ---------------------------------------------------------------------- demo


def _demo(arguments: argparse.Namespace) -> None:
    from napari_sam2.analysis.metrics import dice
    from napari_sam2.core.frames import FrameGrid
    from napari_sam2.core.intensity import WindowedFrames
    from napari_sam2.core.masks import bounding_box
    from napari_sam2.evaluation.montage import montage_frames, overlay, save_montage
    from napari_sam2.samples import load_sample

    out = _results_folder(arguments.out)
    sample = load_sample("ct_abdomen")
    numbers = {name: label for label, name in sample.names.items()}
    session = ns.VideoSession(ns.load_predictor(arguments.model, device=arguments.device), sample.volume)
    for name in _DEMO_ORGANS:
        truth = sample.truth == numbers[name]
        frame = int(truth.sum(axis=(1, 2)).argmax())
        session.add_box(numbers[name], frame, cast("tuple[int, int, int, int]", bounding_box(truth[frame])))
        session.rename_object(numbers[name], name)
    _propagate(session)
    labels = session.labels()
    for name in _DEMO_ORGANS:
        found = dice(labels == numbers[name], sample.truth == numbers[name])
        print(f"Dice {name} {found:.2f}")
    ns.write_labels(out / "ct_abdomen_labels.nii.gz", labels, sample.volume)
    frames = WindowedFrames(sample.volume, FrameGrid.of(sample.volume), session.window)
    infos = session.objects
    tiles = [
        overlay(frames[f], [(labels[f] == i, info.color) for i, info in infos.items()], f"slice {f}")
        for f in montage_frames({f: labels[f] > 0 for f in range(len(labels))}, 12)
    ]
    save_montage(out / "ct_abdomen_overlay.png", tiles, columns=4)
    print(f"wrote {out / 'ct_abdomen_labels.nii.gz'} and {out / 'ct_abdomen_overlay.png'}")


# ---------------------------------------------------------------------- info


def _info(arguments: argparse.Namespace) -> None:
    from napari_sam2.engine.catalog.model_files import path_of
    from napari_sam2.engine.catalog.registry import known_models
    from napari_sam2.engine.device import available_devices

    print(f"napari-sam2 {ns.__version__}, Python {platform.python_version()}, {platform.platform()}")
    for name in ("torch", "napari", "numpy", "pydicom", "nibabel", "tifffile"):
        print(f"  {name} {importlib.metadata.version(name)}")
    print(f"devices: {', '.join(available_devices())}")
    print("models:")
    for name, entry in known_models().items():
        path = path_of(entry)
        state = "bundled" if entry.bundled else "here" if path is not None and path.is_file() else "not on this machine"
        size = f", about {entry.approximate_bytes / 1e6:.0f} MB" if entry.approximate_bytes else ""
        pixels = f", input {entry.input_size} px" if entry.input_size else ""
        print(f"  {name}: {entry.title}{pixels}{size}, {entry.licence}, {state}")
        if entry.good_for:
            print(f"      good for: {entry.good_for}")


# ---------------------------------------------------------------------- download


def _download(arguments: argparse.Namespace) -> None:
    from tqdm import tqdm

    from napari_sam2.engine.catalog.registry import known_models

    if TYPE_CHECKING:
        from napari_sam2.engine.catalog.download import DownloadProgress

    entry = known_models().get(arguments.name)
    if arguments.accept_licence and entry is not None and not entry.notice:
        raise LicenceError(
            f"--accept-licence has no effect: the model '{arguments.name}' has no terms to accept.\nLeave it out."
        )

    with tqdm(unit="B", unit_scale=True, unit_divisor=1000, desc=arguments.name, file=sys.stderr) as bar:

        def show(progress: DownloadProgress) -> None:
            bar.total = progress.total
            bar.set_description(f"{arguments.name}: {progress.stage}", refresh=False)
            bar.update(progress.done - bar.n)

        path = ns.download_model(arguments.name, accept_licence=arguments.accept_licence, progress=show)
    print(f"{arguments.name} is here: {path}")


# ---------------------------------------------------------------------- doctor


def _doctor(arguments: argparse.Namespace) -> int:
    from napari_sam2.engine.diagnostics.self_check import examine

    report = examine(arguments.device)
    print(report.text)
    return 1 if report.problems else 0


# ---------------------------------------------------------------------- evaluate


def _evaluate(arguments: argparse.Namespace) -> None:
    from napari_sam2.evaluation.evaluate import PROMPTS, evaluate

    asked = arguments.prompts_kinds.split(",")
    unknown = [p for p in asked if p not in PROMPTS]
    if unknown:
        raise PromptError(f"--prompts knows {', '.join(PROMPTS)}, not {', '.join(unknown)}.")
    if len(set(asked)) < len(asked):
        raise PromptError(f"--prompts {arguments.prompts_kinds} names a kind twice; name it once.")
    out = _results_folder(arguments.out)
    predictor = ns.load_predictor(arguments.model, device=arguments.device)
    evaluate(
        predictor,
        [checked_path(place) for place in arguments.data],
        out,
        prompts=[p for p in PROMPTS if p in asked],
        most=arguments.max_objects or None,
        corrections=arguments.corrections,
        report=lambda line: print(line, file=sys.stderr),
        merge=arguments.merge,
        exclude=arguments.exclude,
    )
    print((out / "evaluation.md").read_text(encoding="utf-8").split("## Objects")[0].rstrip())
    if arguments.distance:
        print("\n##" + (out / "evaluation.md").read_text(encoding="utf-8").split("\n##")[-1].rstrip())
    print(f"\nwrote evaluation.md, evaluation.csv and worst.png to {out}")


# ---------------------------------------------------------------------- arguments


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="napari-sam2", description="Segment volumes and time-lapses with SAM 2. Not a medical device.")
    parser.add_argument("--version", action="version", version=f"napari-sam2 {ns.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def model_options(command: argparse.ArgumentParser) -> None:
        command.add_argument("--model", default="starter", help="a name (see info), or the path of a checkpoint")
        command.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")

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
    model_options(segment)
    segment.set_defaults(run=_segment, prompts=None)

    demo = commands.add_parser("demo", help="segment the bundled CT sample and compare with its ground truth")
    demo.add_argument("--out", default="napari-sam2-demo", metavar="FOLDER")
    model_options(demo)
    demo.set_defaults(run=_demo)

    download = commands.add_parser("download", help="download a published model; goes on where it was stopped")
    download.add_argument("name", help="a name (see info)")
    download.add_argument("--accept-licence", action="store_true", help="accept the terms of a model that has some")
    download.set_defaults(run=_download)

    info = commands.add_parser("info", help="versions, devices and models")
    info.set_defaults(run=_info)

    doctor = commands.add_parser("doctor", help="check the installation, as text for a bug report")
    doctor.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    doctor.set_defaults(run=_doctor)

    evaluate = commands.add_parser("evaluate", help="Dice of a model on labelled sets, from one prompt an object")
    _evaluate_options(evaluate)
    model_options(evaluate)
    evaluate.set_defaults(run=_evaluate)
    return parser


def _evaluate_options(evaluate: argparse.ArgumentParser) -> None:
    evaluate.add_argument(
        "data",
        nargs="+",
        help="an .npz with image and label or a pack of many, an image with NAME_labels beside it, or a folder of them",
    )
    evaluate.add_argument("--prompts", dest="prompts_kinds", default="click,box,mask", metavar="KIND[,KIND]")
    evaluate.add_argument("--max-objects", type=count, default=6, help="objects a set or case (0: all)")
    evaluate.add_argument(
        "--merge",
        action="append",
        default=[],
        metavar="NAME",
        help="all labels of this set, pack or case are one object",
    )
    evaluate.add_argument("--exclude", action="append", default=[], metavar="NAME", help="leave it out; * is anything")
    evaluate.add_argument("--corrections", type=count, default=0, metavar="N", help="corrections of each object")
    evaluate.add_argument("--distance", action="store_true", help="also print Dice by distance from the prompt")
    evaluate.add_argument("--out", default="napari-sam2-evaluation", metavar="FOLDER")
