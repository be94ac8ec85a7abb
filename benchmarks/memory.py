"""Peak memory of each side: a process of its own for each, because freed memory does not all go back."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import torch

from benchmarks.clips import make_clip
from benchmarks.ours import Ours
from benchmarks.tries import run_alone, why_it_failed
from napari_sam2.engine.sam2 import Sam2Model, released_config
from napari_sam2.engine.sam2.precision import set_precision
from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor

if TYPE_CHECKING:
    from benchmarks.measure import Say, Setting

_MIB = 2**20


def peaks(setting: Setting, model: Sam2Model | None, say: Say) -> dict[str, dict[str, float] | None]:
    """Return for each side the peak of a first pass, in MiB; nothing for the starter, whose peers do not exist."""
    if model is None:
        return {}
    from benchmarks import peers

    sides = ["ours"]
    if setting.peer in peers.PEERS and not peers.why_not(setting.peer):
        sides.append("peer")
    found: dict[str, dict[str, float] | None] = {}
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.pt"
        torch.save({name: tensor.cpu() for name, tensor in model.state_dict().items()}, weights)
        for side in sides:
            given = json.dumps(asdict(setting))
            try:
                found[side] = run_alone("benchmarks.memory", side, str(weights), given, quietly=True)
            except subprocess.CalledProcessError as error:
                say(f"memory  {side}: not measured ({why_it_failed(error)})")
                found[side] = None
                continue
            say(f"memory  {side:5s} {found[side]}")
    return found


def forget_peak() -> None:
    """Let the peak of this process begin anew, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_of_this_process() -> float:
    """MiB of main memory that this process has held at most."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: there a process begins with the peak of the one that started it.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset) / _MIB
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MIB


def _measure_one(side: str, weights: Path, given: dict[str, Any]) -> dict[str, float]:
    from benchmarks import peers

    device = given["device"]
    if given["threads"]:
        torch.set_num_threads(given["threads"])
    with torch.device("meta"):
        model = Sam2Model(released_config(given["model"]).with_image_size(given["size"]))
    model.load_state_dict(torch.load(weights, map_location=device, weights_only=True), assign=True)
    model = model.eval().requires_grad_(False)
    ours, _ = set_precision(model, given["precision"])
    clip = make_clip(given["size"], given["frames"], given["objects"], given["seed"])
    if side == "ours":
        run: peers.Run = Ours(Sam2VideoPredictor(ours, given["model"]), clip, 0)
    else:
        precision = str(ours.dtype).removeprefix("torch.")
        run = peers.load(given["peer"], model, precision, given["compiled"]).start(clip)
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
    forget_peak()
    loaded = psutil.Process().memory_info().rss / _MIB
    run.first()
    found = {"loaded_mib": round(loaded), "peak_mib": round(peak_of_this_process())}
    if device.startswith("cuda"):
        found["peak_device_mib"] = round(torch.cuda.max_memory_allocated() / _MIB)
    return found


if __name__ == "__main__":
    print(json.dumps(_measure_one(sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3]))))
