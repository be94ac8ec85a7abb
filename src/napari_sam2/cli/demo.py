"""``demo``: segment the bundled CT sample and compare the result with its ground truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import napari_sam2 as ns
from napari_sam2.cli.options import add_model_options, results_folder
from napari_sam2.cli.progress import propagate_with_bar

if TYPE_CHECKING:
    import argparse

    from napari_sam2.cli.options import SubParsers

# Objects of the demo in the order of segmentation.
_DEMO_ORGANS = ("right kidney", "left kidney", "aorta", "spleen", "liver")


def add_parser(commands: SubParsers) -> None:
    """Add the command and its options."""
    demo = commands.add_parser("demo", help="segment the bundled CT sample and compare with its ground truth")
    demo.add_argument("--out", default="napari-sam2-demo", metavar="FOLDER")
    add_model_options(demo)
    demo.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Segment the sample, print Dice of each organ, and write labels and a picture."""
    from napari_sam2.analysis.metrics import dice
    from napari_sam2.core.frames import FrameGrid
    from napari_sam2.core.intensity import WindowedFrames
    from napari_sam2.core.masks import bounding_box
    from napari_sam2.evaluation import montage_frames, overlay, save_montage
    from napari_sam2.samples import load_sample

    out = results_folder(arguments.out)
    sample = load_sample("ct_abdomen")
    numbers = {name: label for label, name in sample.names.items()}
    session = ns.VideoSession(ns.load_predictor(arguments.model, device=arguments.device), sample.volume)
    for name in _DEMO_ORGANS:
        truth = sample.truth == numbers[name]
        frame = int(truth.sum(axis=(1, 2)).argmax())
        session.add_box(numbers[name], frame, cast("tuple[int, int, int, int]", bounding_box(truth[frame])))
        session.rename_object(numbers[name], name)
    propagate_with_bar(session)
    labels = session.labels()
    for name in _DEMO_ORGANS:
        found = dice(labels == numbers[name], sample.truth == numbers[name])
        print(f"Dice {name} {found:.2f}")
    ns.write_labels(out / "ct_abdomen_labels.nii.gz", labels, sample.volume)
    frames = WindowedFrames(sample.volume, FrameGrid.of(sample.volume), session.mapping)
    infos = session.objects
    tiles = [
        overlay(frames[f], [(labels[f] == i, info.color) for i, info in infos.items()], f"slice {f}")
        for f in montage_frames({f: labels[f] > 0 for f in range(len(labels))}, 12)
    ]
    save_montage(out / "ct_abdomen_overlay.png", tiles, columns=4)
    print(f"wrote {out / 'ct_abdomen_labels.nii.gz'} and {out / 'ct_abdomen_overlay.png'}")
