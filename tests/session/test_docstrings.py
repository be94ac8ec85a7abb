"""The documentation of VideoSession: complete, and its examples true."""

from __future__ import annotations

import doctest
import inspect

import pytest

from napari_sam2.session import VideoSession
from support.predictors import FakePredictor, numbered_volume

EXAMPLES = [test for test in doctest.DocTestFinder().find(VideoSession, "VideoSession") if test.examples]
METHODS = {
    name: value for name, value in vars(VideoSession).items() if name[0] != "_" and not isinstance(value, property)
}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda test: test.name)
def test_an_example_does_what_it_says(example):
    example.globs = {"session": VideoSession(FakePredictor(), numbered_volume())}
    said: list[str] = []
    doctest.DocTestRunner().run(example, out=said.append)
    assert not said, "".join(said)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_describes_each_of_its_parameters(name):
    method = getattr(VideoSession, name)
    text = inspect.getdoc(method)
    described = text.partition("Parameters\n----------\n")[2].partition("\n\n")[0].splitlines()
    taken = [parameter for parameter in inspect.signature(method).parameters if parameter != "self"]
    assert [line.lstrip("*") for line in described if not line.startswith(" ")] == taken
