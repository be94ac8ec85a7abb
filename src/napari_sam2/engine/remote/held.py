"""States, tracks and predictions that a worker holds for us, and how they are made anew where it is gone."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from napari_sam2.core.masks import RunLengthMask
from napari_sam2.engine.protocols import Prediction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_sam2.core.prompts import PromptSet
    from napari_sam2.engine.protocols import ConditioningFrame, CropWindow
    from napari_sam2.engine.remote.wire import Answer


class Asks(Protocol):
    """The stream that things held by a worker belong to."""

    @property
    def generation(self) -> int:
        """Return which worker the stream is open at; tokens of earlier ones are lost."""
        ...

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the worker's model for this stream."""
        ...

    def do(self, work: Callable[[], Any]) -> Any:
        """Do something at the worker; once more at another one if it dies meanwhile."""
        ...

    def send(self, frames: Iterable[int]) -> None:
        """Send frames that the worker does not have yet."""
        ...

    def drop(self, generation: int, token: int) -> None:
        """Note that nobody holds a prediction or track any more."""
        ...


class RemoteState:
    """What a prompted frame leaves behind for tracking, and how to have it made anew."""

    def __init__(
        self,
        stream: Asks,
        frame: int,
        prompts: PromptSet,
        masks: Mapping[str, RunLengthMask | None],
        context: tuple[ConditioningFrame, ...],
        options: Mapping[str, Any],
    ) -> None:
        self._stream = stream
        self._frame, self._prompts, self._masks, self._context = frame, prompts, masks, context
        self._options = dict(options)
        self._held: _Held | None = None

    def answered(self) -> RemotePrediction:
        """Let the worker answer; return its answer."""
        self._stream.send([self._frame])
        answer = self._stream.ask(
            "predict", self._frame, self._prompts, self._masks, tokens_of(self._context), self._options
        )
        prediction = RemotePrediction(self._stream, answer, self)
        self._held = prediction.held
        return prediction

    def ensure(self) -> int:
        """Return the token of the state, made anew where its worker is gone."""
        if self._held is None or self._held.generation != self._stream.generation:
            self.answered()
        assert self._held is not None
        return self._held.token


@dataclass(frozen=True, eq=False)
class TrackRecipe:
    """How a track begins."""

    owner: ConditioningFrame
    context: tuple[ConditioningFrame, ...]
    step: Literal[1, -1]


class RemoteTrack:
    """One object followed in one direction; how it began is kept in its recipe."""

    def __init__(self, owner: ConditioningFrame, recipe: TrackRecipe) -> None:
        self.recipe = recipe
        self.step = recipe.step
        self.frame = owner.frame
        self.window: CropWindow  # as the worker says
        self.held: _Held | None = None


@dataclass(frozen=True)
class _Move:
    """Tracks that went one frame on together: they may have shared pixels."""

    recipes: tuple[TrackRecipe, ...]
    limits: list[RunLengthMask | None] | None


class Moves:
    """The moves of a stream's tracks, by which another worker brings those that live to where they stood."""

    def __init__(self, stream: Asks) -> None:
        self._stream = weakref.ref(stream)
        self._living: weakref.WeakSet[RemoteTrack] = weakref.WeakSet()
        self._moves: list[_Move] = []

    def note(self, tracks: Sequence[RemoteTrack], limits: list[RunLengthMask | None] | None) -> None:
        """Keep what was done."""
        self._moves.append(_Move(tuple(track.recipe for track in tracks), limits))

    def ensure(self, track: RemoteTrack) -> int:
        """Return the token of a track; if its worker is gone, all tracks that live are made anew first."""
        stream = self._stream()
        assert stream is not None
        if track not in self._living:
            self._forget_the_dead()
            self._living.add(track)
        if track.held is None or track.held.generation != stream.generation:
            self._make_anew(stream)
        assert track.held is not None
        return track.held.token

    def _needed(self) -> tuple[set[TrackRecipe], list[_Move]]:
        """Return the recipes of the living tracks and of those that shared pixels with them, and their moves."""
        recipes, moves = {track.recipe for track in self._living}, []
        for move in reversed(self._moves):
            if recipes.intersection(move.recipes):
                recipes.update(move.recipes)
                moves.append(move)
        return recipes, moves[::-1]

    def _forget_the_dead(self) -> None:
        self._moves = self._needed()[1]

    def _make_anew(self, stream: Asks) -> None:
        recipes, moves = self._needed()
        lost = {t.recipe: t for t in self._living if t.held is None or t.held.generation != stream.generation}
        # Where only new tracks are without a token, nothing that others did concerns them.
        if not any(set(move.recipes) & lost.keys() for move in moves):
            recipes, moves = set(lost), []
        held: dict[TrackRecipe, _Held] = {}
        windows: dict[TrackRecipe, CropWindow] = {}
        at: dict[TrackRecipe, int] = {}
        for recipe in recipes:
            (owner,) = tokens_of((recipe.owner,))
            token, windows[recipe] = stream.ask("track", owner, tokens_of(recipe.context), recipe.step)
            held[recipe], at[recipe] = _Held(stream, token), recipe.owner.frame
        for move in moves:
            for recipe in move.recipes:
                at[recipe] += recipe.step
            stream.send([at[recipe] for recipe in move.recipes])
            found = stream.ask("advance", [held[recipe].token for recipe in move.recipes], move.limits)
            for recipe, (answer, window) in zip(move.recipes, found, strict=True):
                windows[recipe] = window
                stream.drop(stream.generation, answer.token)
        for track in self._living:
            if track.recipe in held:
                track.held, track.window = held[track.recipe], windows[track.recipe]


class _Held:
    """A token of the worker's, which is told when the last who holds it lets go."""

    def __init__(self, stream: Asks, token: int) -> None:
        self.generation, self.token = stream.generation, token
        weakref.finalize(self, _drop, weakref.ref(stream), stream.generation, token).atexit = False


class RemotePrediction(Prediction):
    """A prediction whose logits are fetched when they are asked for."""

    held: _Held
    _stream: Asks
    _mask: RunLengthMask

    def __init__(self, stream: Asks, answer: Answer, state: Any) -> None:
        # Not by Prediction's own initialiser, which would want the logits.
        vars(self).update(
            scores=answer.scores, window=answer.window, state=state, _stream=stream, _mask=answer.mask,
            held=_Held(stream, answer.token),
        )  # fmt: skip

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Return ``(Y, X) bool``."""
        return self._mask.decode()

    def encoded(self) -> RunLengthMask:
        """Return the mask as runs."""
        return self._mask

    @property
    def logits(self) -> NDArray[np.float32]:
        """Return ``(Y, X) float32``, fetched from the worker; where that is gone, ±10 as the mask says."""
        if self.held.generation == self._stream.generation:
            logits: NDArray[np.float32] = self._stream.do(lambda: self._stream.ask("logits", self.held.token))
            return logits
        return np.where(self.mask, np.float32(10), np.float32(-10))


def encoded(mask: NDArray[np.bool_] | None) -> RunLengthMask | None:
    """Return a mask as runs; None for none."""
    return None if mask is None else RunLengthMask.encode(mask)


def tokens_of(context: Sequence[ConditioningFrame]) -> list[tuple[int, int]]:
    """Return frames with the tokens of their states, made anew where their worker is gone."""
    return [(other.frame, other.state.ensure()) for other in context]


def _drop(stream: weakref.ref[Any], generation: int, token: int) -> None:
    alive = stream()
    if alive is not None:
        alive.drop(generation, token)
