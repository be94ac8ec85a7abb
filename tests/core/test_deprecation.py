"""Arguments that became keyword-only, given by position as before."""

from __future__ import annotations

import inspect

import pytest

from napari_sam2.core.deprecation import formerly_positional


class Shelf:
    @formerly_positional("row", "column")
    def put(self, *, column, row, gently=False):
        """Put something there."""
        return row, column, gently


def test_by_name_nothing_is_said():
    assert Shelf().put(column=2, row=1) == (1, 2, False)


def test_by_position_the_former_order_counts_and_the_warning_says_how_to_write_it():
    with pytest.warns(DeprecationWarning, match=r"write put\(row=1, column=2\)") as caught:
        assert Shelf().put(1, 2) == (1, 2, False)
    assert caught[0].filename == __file__


def test_by_position_and_by_name():
    with pytest.warns(DeprecationWarning, match=r"write put\(row=1, column=2, gently=True\)"):
        assert Shelf().put(1, column=2, gently=True) == (1, 2, True)


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [((1,), {"row": 2}, "multiple values for argument 'row'"), ((1, 2, 3), {}, "positional"), ((), {}, "keyword-only")],
)
def test_what_never_worked_is_a_type_error_without_a_warning(args, kwargs, text):
    with pytest.raises(TypeError, match=text):
        Shelf().put(*args, **kwargs)


def test_the_signature_and_the_docstring_are_those_of_the_method():
    assert inspect.signature(Shelf.put).parameters["row"].kind is inspect.Parameter.KEYWORD_ONLY
    assert Shelf.put.__doc__ == "Put something there."
