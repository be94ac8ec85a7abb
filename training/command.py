"""Command line: ``python -m training train`` and ``python -m training export``."""

from __future__ import annotations

import argparse
import hashlib
import logging
import multiprocessing
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

import napari_sam2
from training import run_checkpoint
from training.data_parallel import ProcessGroup
from training.depth_growth import grow_depth, is_deeper
from training.export_weights import write_weights
from training.prefetch import StepPrefetcher
from training.recipe import DEFAULT, Recipe, StartCheckpoint, load_recipe
from training.run_checkpoint import TrainingState
from training.steps import StepMaker
from training.train import RunLimits, Trainer, new_network, run

logger = logging.getLogger(__name__)
_WORK = Path.home() / ".cache" / "napari-sam2-training"
_BUNDLED = Path(napari_sam2.__file__).parent / "engine" / "weights" / "starter.safetensors"


def main(arguments: list[str] | None = None) -> None:
    """Run a command.

    Parameters
    ----------
    arguments
        Of the command line; None: those of the process.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    options = _parser().parse_args(arguments)
    options.run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(required=True)

    train = commands.add_parser("train", help="train until stopped; goes on from the checkpoint of --out")
    train.set_defaults(run=_train)
    train.add_argument("--config", type=Path, default=DEFAULT, help="the recipe (TOML)")
    train.add_argument("--set", action="append", default=[], metavar="SECTION.ENTRY=VALUE", help="override the recipe")
    train.add_argument(
        "--data",
        type=Path,
        action="append",
        default=[],
        help="labelled .npz sets or packs, a file or a folder; may be given again; without: synthetic scenes only",
    )
    train.add_argument("--out", type=Path, default=_WORK / "run.pt", help="the checkpoint")
    train.add_argument(
        "--start", help="where --out is not there yet: a file, or 'nothing'; else the weights in the package"
    )
    train.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    train.add_argument("--threads", type=int, default=1, help="of the CPU")
    train.add_argument("--processes", type=int, default=1, help="that train together, each with its threads")
    train.add_argument("--workers", type=int, default=0, help="processes that make clips ahead, for a GPU")
    train.add_argument("--hours", type=float, help="of this run")
    train.add_argument("--steps", type=int, help="of this run")
    train.add_argument("--cool-down", type=int, metavar="STEPS", help="lower the rate over so many steps from now on")
    train.add_argument("--save-every", type=float, default=300, metavar="SECONDS", help="the checkpoint")
    train.add_argument("--log-every", type=float, default=120, metavar="SECONDS")

    export = commands.add_parser("export", help="write the averaged weights for use")
    export.set_defaults(run=_export)
    export.add_argument("checkpoint", type=Path)
    export.add_argument("weights", type=Path, help="a .safetensors file")
    export.add_argument("--compact", type=Path, help="also write a small checkpoint to go on from")
    return parser


def _train(options: argparse.Namespace) -> None:
    if options.processes > 1 and (options.workers or options.device != "cpu"):
        raise SystemExit("--processes is for the cores of a CPU; on a GPU take --workers.")
    asked = threading.Event()
    for kind in (signal.SIGINT, signal.SIGTERM):
        # The step is finished first: half of one would leave weights that fit no moment.
        signal.signal(kind, lambda *_: asked.set())
    if options.processes == 1:
        _run_training(None, options, asked.is_set)
        return
    with TemporaryDirectory() as folder:
        rendezvous = Path(folder, "rendezvous")
        context = multiprocessing.get_context("spawn")
        others = [
            context.Process(target=_train_worker, args=(rank, rendezvous, options), daemon=True)
            for rank in range(1, options.processes)
        ]
        for other in others:
            other.start()
        with ProcessGroup(0, options.processes, rendezvous) as processes:
            _run_training(processes, options, asked.is_set)
        for other in others:
            other.join()


def _train_worker(rank: int, rendezvous: Path, options: argparse.Namespace) -> None:
    """Train in a process beside the first one, until that says so."""
    logging.basicConfig(level=logging.WARNING)
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, signal.SIG_IGN)  # Ctrl+C reaches all processes; the first one ends the others
    with ProcessGroup(rank, options.processes, rendezvous) as processes:
        _run_training(processes, options, lambda: False)


def _run_training(processes: ProcessGroup | None, options: argparse.Namespace, stop: Callable[[], bool]) -> None:
    torch.set_num_threads(options.threads)
    recipe = load_recipe(options.config, options.set)
    state = _initial_state(recipe, options.out, options.start)
    if options.cool_down:
        state.cool_down_start, state.cool_down_steps = state.step, options.cool_down
    trainer = Trainer(recipe, state, torch.device(options.device), processes)
    seconds = None if options.hours is None else options.hours * 3600
    limits, given = RunLimits(options.steps, seconds), (recipe, options.data, state.from_scratch)
    with ExitStack() as stack:
        workers, rank = options.workers, 0 if processes is None else processes.rank
        maker = stack.enter_context(StepPrefetcher(*given, workers)) if workers else StepMaker(*given, rank)
        run(trainer, maker, options.out, limits, stop, options.save_every, options.log_every)
    logger.info("step %d is in %s", state.step, options.out)


def _initial_state(recipe: Recipe, out: Path, start: str | None) -> TrainingState:
    """Read where to go on from; no weight depends on the input's size, and a network with fewer blocks grows."""
    state = _read_start(recipe, out, start)
    if is_deeper(recipe.network, state.network):
        logger.info("the network grows to the depth of the recipe")
        return grow_depth(state, recipe.network)
    state.network = {**state.network, "image_size": recipe.network["image_size"]}
    return state


def _read_start(recipe: Recipe, out: Path, start: str | None) -> TrainingState:
    if out.exists():
        state = run_checkpoint.load(out, recipe.network)
        logger.info("going on from step %d of %s", state.step, out)
        return state
    if start == "nothing":
        logger.info("beginning without weights")
        return new_network(recipe.network, recipe.seed)
    source = Path(start) if start is not None else _BUNDLED
    if not source.exists():
        raise SystemExit(f"There is no file {source} to begin with; give another one, or --start nothing.")
    if source.suffix == ".pt" and not _is_recorded(source, recipe.start):
        logger.warning("%s is not the checkpoint that the recipe was made for (%s)", source, recipe.start.file)
    state = run_checkpoint.load(source, recipe.network)
    logger.info("beginning from step %d of %s", state.step, source)
    return state


def _is_recorded(path: Path, start: StartCheckpoint) -> bool:
    if path.stat().st_size != start.bytes:
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() == start.sha256


def _export(options: argparse.Namespace) -> None:
    state = run_checkpoint.load(options.checkpoint)
    write_weights(options.weights, state.network, state.average, state.step)
    logger.info("%s: %d bytes, step %d", options.weights, options.weights.stat().st_size, state.step)
    if options.compact is not None:
        run_checkpoint.save(options.compact, state, compact=True)
        logger.info("%s: %d bytes", options.compact, options.compact.stat().st_size)
