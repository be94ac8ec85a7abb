"""The documentation of measurements and operations: complete, and its examples true."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

import napari_sam2.analysis
from napari_sam2.analysis.consensus import fuse_masks
from napari_sam2.analysis.diameters import measure_diameters
from napari_sam2.analysis.differences import label_differences
from napari_sam2.analysis.frame_measurements import measure_frames
from napari_sam2.analysis.interpolation import interpolate_masks
from napari_sam2.analysis.mask_operations import OPERATIONS
from napari_sam2.analysis.measurements import measure_objects
from napari_sam2.analysis.metrics import compare_frames, compare_labels

MODULES = [
    importlib.import_module(f"napari_sam2.analysis.{module.name}")
    for module in pkgutil.iter_modules(napari_sam2.analysis.__path__)
]
EXAMPLES = [test for module in MODULES for test in doctest.DocTestFinder().find(module) if test.examples]
FUNCTIONS = [
    compare_frames,
    compare_labels,
    fuse_masks,
    interpolate_masks,
    label_differences,
    measure_diameters,
    measure_frames,
    measure_objects,
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda test: test.name)
def test_an_example_does_what_it_says(example) -> None:
    said: list[str] = []
    doctest.DocTestRunner().run(example, out=said.append)
    assert not said, "".join(said)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_a_function_describes_each_of_its_parameters(function) -> None:
    text = inspect.getdoc(function)
    described = text.partition("Parameters\n----------\n")[2].partition("\n\n")[0].splitlines()
    names = {name for line in described if not line.startswith(" ") for name in line.split(", ")}
    assert names == set(inspect.signature(function).parameters)
    assert all(f"{heading}\n-" in text for heading in ("Returns", "Raises", "Examples"))


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_every_operation_has_an_example(operation) -> None:
    assert ">>>" in inspect.getdoc(operation.function)
