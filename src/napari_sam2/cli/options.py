"""Turn the words of the command line into values; an option that could have no effect is an error."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from napari_sam2.core.paths import checked_path
from napari_sam2.errors import PromptError, WriteError

SubParsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def join_values(argv: Sequence[str]) -> list[str]:
    """Return ``--window -160,240`` as one word: argparse takes a value that begins with a dash for an option."""
    words: list[str] = []
    for word in argv:
        if words and words[-1] == "--window":
            words[-1] = f"--window={word}"
        else:
            words.append(word)
    return words


class Once(argparse.Action):
    """Store the value of an option, and that it was given; given twice, the first would count for nothing."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Store the value; ArgumentError the second time."""
        given: frozenset[str] = getattr(namespace, "given", frozenset())
        if self.dest in given:
            raise argparse.ArgumentError(self, "is given twice; give it once.")
        namespace.given = given | {self.dest}
        setattr(namespace, self.dest, values)


class Parser(argparse.ArgumentParser):
    """Parser whose options with a value may be given once."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.register("action", None, Once)


def count(text: str) -> int:
    """Return a whole number that is not negative; for argparse."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 on.")
    return int(text)


class PromptWord(argparse.Action):
    """Collect --object, --box and --point in the order in which they stand."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Append the option's name and its value."""
        prompts = list(getattr(namespace, "prompts", None) or [])
        prompts.append((self.dest, str(values)))
        namespace.prompts = prompts


def numbers(text: str, count: int, option: str, example: str) -> list[float]:
    """Return so many finite numbers parted by commas, or raise a PromptError that shows the form."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != count or not np.isfinite(values).all():
        raise PromptError(f"{option} {text} is not of the form {example}.")
    return values


def whole(value: float, option: str, text: str) -> int:
    """Return a whole number, or raise a PromptError that names the option."""
    if value != int(value):
        raise PromptError(f"{option} {text}: {value:g} must be a whole number.")
    return int(value)


def fixed_axes(texts: Sequence[str]) -> dict[str, int]:
    """Return ``["t=3"]`` as ``{"t": 3}``; PromptError for another form, or an axis with two indices."""
    out: dict[str, int] = {}
    for text in texts:
        axis, _, index = text.partition("=")
        if len(axis) != 1 or not index.isdecimal():
            raise PromptError(f"--at {text} is not of the form AXIS=INDEX, such as t=3.")
        if axis in out:
            raise PromptError(f"--at gives axis {axis} two indices, {out[axis]} and {index}; give it one.")
        out[axis] = int(index)
    return out


def object_numbers(words: Sequence[tuple[str, str]]) -> list[int]:
    """Return the object of each word: that of the last --object before it, of the only one wherever it stands, else 1.

    Raises
    ------
    PromptError
        If no prompt is of an object that was given.
    """
    given = [i for i, (kind, _) in enumerate(words) if kind == "object"]
    for i in given if len(given) > 1 else ():
        if i + 1 == len(words) or words[i + 1][0] == "object":
            raise PromptError(
                f"--object {words[i][1]} has no effect: no --box and no --point stands between it and the next one.\n"
                "Put each --object before its prompts."
            )
    ids = {i: whole(numbers(words[i][1], 1, "--object", "N")[0], "--object", words[i][1]) for i in given}
    if len(given) == 1:
        return [ids[given[0]]] * len(words)
    out, number = [], 1
    for i in range(len(words)):
        number = ids.get(i, number)
        out.append(number)
    return out


def add_model_options(command: argparse.ArgumentParser) -> None:
    """Add --model and --device."""
    command.add_argument("--model", default="starter", help="a name (see info), or the path of a checkpoint")
    command.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")


def results_folder(path: str) -> Path:
    """Make a folder for results and return its path, before anything is computed for it."""
    out = checked_path(path, WriteError, "folder for the results")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"{out} cannot be made a folder for the results: {error.strerror or error}.") from error
    return out
