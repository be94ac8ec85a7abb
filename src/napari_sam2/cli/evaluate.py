"""``evaluate``: score a model on labelled sets."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, get_args

import napari_sam2 as ns
from napari_sam2.cli.options import add_model_options, count, results_folder
from napari_sam2.core.paths import checked_path
from napari_sam2.engine.options import ClickMask, MemoryRule
from napari_sam2.errors import PromptError

if TYPE_CHECKING:
    import argparse

    from napari_sam2.cli.options import SubParsers


def add_parser(commands: SubParsers) -> None:
    """Add the command and its options."""
    evaluate = commands.add_parser("evaluate", help="Dice of a model on labelled sets, from one prompt an object")
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
    evaluate.add_argument(
        "--memory", choices=get_args(MemoryRule), default="meta", help="which past slices the model remembers"
    )
    evaluate.add_argument(
        "--mask",
        choices=get_args(ClickMask),
        default="surest",
        help="which of the model's masks answers a click: the surest of three, the single one, or the first of three",
    )
    evaluate.add_argument(
        "--motion", action="store_true", help="let motion have a say in sets along time; others are as without it"
    )
    add_model_options(evaluate)
    evaluate.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Evaluate the model, write the results, and print their tables."""
    from napari_sam2.evaluation import PROMPTS, evaluate

    asked = arguments.prompts_kinds.split(",")
    unknown = [p for p in asked if p not in PROMPTS]
    if unknown:
        raise PromptError(f"--prompts knows {', '.join(PROMPTS)}, not {', '.join(unknown)}.")
    if len(set(asked)) < len(asked):
        raise PromptError(f"--prompts {arguments.prompts_kinds} names a kind twice; name it once.")
    out = results_folder(arguments.out)
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
        memory=arguments.memory,
        click_mask=arguments.mask,
        motion=arguments.motion,
    )
    print((out / "evaluation.md").read_text(encoding="utf-8").split("## Objects")[0].rstrip())
    if arguments.distance:
        print("\n##" + (out / "evaluation.md").read_text(encoding="utf-8").split("\n##")[-1].rstrip())
    print(f"\nwrote evaluation.md, evaluation.csv and worst.png to {out}")
