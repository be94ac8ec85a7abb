"""Calls of an earlier version that still work for one version, with a warning that says how to write them now."""

from __future__ import annotations

import warnings
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


def formerly_positional(*names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a method whose arguments became keyword-only be called by position once more, with a DeprecationWarning.

    Parameters
    ----------
    names
        The arguments in the order in which they were taken by position.

    Examples
    --------
    >>> class Shelf:
    ...     @formerly_positional("row", "column")
    ...     def put(self, *, column, row):
    ...         return row, column
    >>> Shelf().put(column=2, row=1)
    (1, 2)
    """

    def decorate(method: Callable[P, R]) -> Callable[P, R]:
        @wraps(method)
        def call(*args: Any, **kwargs: Any) -> R:
            this, *given = args
            if not given or len(given) > len(names):
                return method(*args, **kwargs)
            named = dict(zip(names, given, strict=False))
            twice = sorted(named.keys() & kwargs.keys())
            if twice:
                raise TypeError(f"{method.__name__}() got multiple values for argument {twice[0]!r}")
            keywords = ", ".join(f"{name}={value!r}" for name, value in {**named, **kwargs}.items())
            warnings.warn(
                f"{method.__name__}() takes its arguments by name: write {method.__name__}({keywords}). "
                "By position they are refused from the next version on.",
                DeprecationWarning,
                stacklevel=2,
            )
            return method(this, **named, **kwargs)

        return call

    return decorate
