"""What a run will take, said before it begins: seconds and memory, by multiplication from a calibration."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_sam2.core.formatting import duration, duration_in_words
from napari_sam2.engine.catalog.registry import MODELS
from napari_sam2.engine.device import free_memory
from napari_sam2.engine.diagnostics.calibration import Calibration as Calibration
from napari_sam2.engine.diagnostics.calibration import calibrate as calibrate
from napari_sam2.engine.diagnostics.calibration import can_calibrate as can_calibrate

if TYPE_CHECKING:
    from napari_sam2.engine.sam2.tracking.embedding_store import Budget
    from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor

_TRACKS_PER_OBJECT = 2  # one in each direction, in the same batch
_SPARE = 0.9  # of the free memory is planned with


@dataclass(frozen=True)
class ResourcePlan:
    """A way to do a run so that it fits; `apply` makes a predictor do so."""

    frames_at_once: int
    objects_at_once: int
    budget: Budget

    def apply(self, predictor: Sam2VideoPredictor) -> None:
        """Let a predictor work by this plan."""
        predictor.batch_sizer.frames_at_once = self.frames_at_once
        predictor.batch_sizer.objects_at_once = self.objects_at_once
        predictor.store.set_budget(self.budget)


@dataclass(frozen=True)
class Forecast:
    """Time and memory of a run.

    Attributes
    ----------
    seconds : float
        In all.
    encoding_s, tracking_s : float
        Of these.
    memory : dict of str to int
        Bytes on the device by part: ``network``, ``embeddings``, ``tracks``, ``working space``.
    elsewhere : dict of str to int
        Bytes of embeddings in ``ram`` (where the device is another) and on ``disk``.
    free : int or None
        Bytes that are free on the device now, with the network loaded; None where the system does not tell.
    plan : ResourcePlan
    fits : bool
        Whether it fits by the plan.
    notes : tuple of str
        What the plan gives up to fit, or what to do where it does not.
    """

    seconds: float
    encoding_s: float
    tracking_s: float
    memory: dict[str, int]
    elsewhere: dict[str, int]
    free: int | None
    plan: ResourcePlan
    fits: bool
    notes: tuple[str, ...]

    @property
    def short(self) -> str:
        """The time in words; memory only where it is short, with what to do where it does not fit."""
        needed = sum(self.memory.values())
        is_short = not self.fits or (self.free is not None and needed > self.free / 2)
        advice = f" {self.notes[-1]}" if self.notes and not self.fits else ""
        memory = f" It needs {_size(needed)}." if is_short else ""
        return f"Takes about {duration_in_words(self.seconds)}.{memory}{advice}"

    @property
    def text(self) -> str:
        """One line for people."""
        parts = ", ".join(f"{name} {_size(count)}" for name, count in self.memory.items())
        free = "" if self.free is None else f"; {_size(self.free)} free"
        notes = "".join(f" {note}" for note in self.notes)
        return f"about {duration(self.seconds)}, {_size(sum(self.memory.values()))} ({parts}{free}).{notes}"


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def forecast(
    predictor: Sam2VideoPredictor,
    frames: int,
    objects: int = 1,
    frame_shape: tuple[int, int] = (512, 512),
    cached: int = 0,
    calibration: Calibration | None = None,
) -> Forecast:
    """Say what a run will take, and how to do it so that it fits.

    Parameters
    ----------
    predictor : Sam2VideoPredictor
        The model that will do it.
    frames, objects : int
        How many frames the run computes, for how many objects.
    frame_shape : (int, int)
        ``(Y, X)`` of a frame.
    cached : int
        Frames whose embeddings are there already.
    calibration : Calibration, optional
        Of an earlier call for the same predictor and frame shape; measured now if absent, which takes the time of
        some five frames.
    """
    measured = calibration or calibrate(predictor, frame_shape)
    zoomed = predictor.model.config.zoom is not None
    # A model that zooms sees every object through a window of its own.
    embeddings = frames * objects if zoomed else frames
    encoding = max(embeddings - cached, 0) * measured.encode_s
    # Frames on both sides of a prompt are answered in one step, so a step answers as many masks as it has tracks.
    tracks = objects * _TRACKS_PER_OBJECT
    tracking = frames * objects * (measured.step_s + (tracks - 1) * measured.object_s) / tracks
    plan, notes, fits = _fitting(predictor, measured, embeddings, objects)
    memory, elsewhere = _memory(predictor, measured, embeddings, objects, plan)
    return Forecast(
        seconds=encoding + tracking,
        encoding_s=encoding,
        tracking_s=tracking,
        memory=memory,
        elsewhere=elsewhere,
        free=free_memory(predictor.device),
        plan=plan,
        fits=fits,
        notes=tuple(notes),
    )


def _memory(
    predictor: Sam2VideoPredictor, measured: Calibration, embeddings: int, objects: int, plan: ResourcePlan
) -> tuple[dict[str, int], dict[str, int]]:
    """Bytes on the device by part, and of embeddings elsewhere."""
    tracks = objects * _TRACKS_PER_OBJECT
    together = min(tracks, plan.objects_at_once)
    # Without zoom all objects see the same frame, so a step asks for one frame in each direction.
    wanted = tracks if predictor.model.config.zoom is not None else _TRACKS_PER_OBJECT
    encoding = measured.encode_bytes * min(wanted, plan.frames_at_once)
    tracking = measured.step_bytes + (together - 1) * measured.object_bytes
    on_cpu = predictor.model.device.type == "cpu"
    left, placed = embeddings * measured.embedding_bytes, {}
    for place in ("ram", "disk") if on_cpu else ("device", "ram", "disk"):
        placed[place] = min(left, getattr(plan.budget, place))
        left -= placed[place]
    memory = {
        "network": sum(p.nbytes for p in predictor.model.parameters()),
        "embeddings": placed.pop("ram" if on_cpu else "device"),
        "tracks": tracks * measured.track_bytes,
        # On a CPU the C library keeps what encoding freed while the next step of tracking asks for its own.
        "working space": encoding + tracking if on_cpu else max(encoding, tracking),
    }
    return memory, placed


def _fitting(
    predictor: Sam2VideoPredictor, measured: Calibration, embeddings: int, objects: int
) -> tuple[ResourcePlan, list[str], bool]:
    """Return the first plan that fits, giving up speed bit by bit; the last one tried where none does."""
    sizer, budget = predictor.batch_sizer, predictor.store.budget
    plan = ResourcePlan(sizer.frames_at_once, sizer.objects_at_once, budget)
    free = free_memory(predictor.device)
    notes: list[str] = []
    if free is None:
        return plan, notes, True
    place = "ram" if predictor.model.device.type == "cpu" else "device"
    present = predictor.store.used()[place]

    def too_much() -> int:
        memory, _ = _memory(predictor, measured, embeddings, objects, plan)
        # The network is loaded already, and embeddings that are there are not taken twice.
        needed = sum(memory.values()) - memory["network"] - min(present, memory["embeddings"])
        return needed - int(free * _SPARE)

    if too_much() > 0:
        kept = _memory(predictor, measured, embeddings, objects, plan)[0]["embeddings"]
        plan = replace(plan, budget=replace(budget, **{place: max(kept - too_much(), 0)}))
        notes.append("Most embeddings go to the disk." if place == "ram" else "Most embeddings stay off the device.")
    if too_much() > 0 and plan.objects_at_once > 1:
        plan = replace(plan, objects_at_once=1)
        notes.append("Objects are computed one by one.")
    if too_much() > 0 and plan.frames_at_once > 1:
        plan = replace(plan, frames_at_once=1)
        notes.append("Images are encoded one by one.")
    if too_much() <= 0:
        return plan, notes, True
    smaller = _smaller_model(predictor)
    advice = f"take a smaller model, such as '{smaller}'" if smaller else "close other programs"
    notes.append(f"It does not fit into the memory of {predictor.device}: {advice}.")
    return plan, notes, False


def _smaller_model(predictor: Sam2VideoPredictor) -> str:
    """Return the largest known model that takes less than this one; empty if there is none."""
    own = predictor.model
    parameters = sum(p.numel() for p in own.parameters())
    smaller = [
        entry
        for entry in MODELS.values()
        if entry.parameters < parameters and (entry.input_size or own.image_size) <= own.image_size
    ]
    return max(smaller, key=lambda entry: entry.parameters).name if smaller else ""
