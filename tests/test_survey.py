"""The figures that `tools.survey` counts."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tools.survey import Survey, circles, read_tree, report

FILES = {
    "src/pack/__init__.py": '"""A package."""\n',
    "src/pack/one.py": '''
        """One module."""
        from typing import TYPE_CHECKING, Any

        if TYPE_CHECKING:
            from .inner import two


        class VideoSession:
            """A class."""

            def documented(self, frame: int) -> Any:
                """Return something.

                Parameters
                ----------
                frame
                    Any.
                """
                return frame

            def bare(self) -> int:
                return 1
    ''',
    "src/pack/inner/__init__.py": '"""A package inside."""\n',
    "src/pack/inner/two.py": '''
        """Which module this is."""
        from pack.one import VideoSession
        import pack.inner.three


        def long(number: int) -> int:
            """Which number."""'''
    + "\n            number += 1" * 60
    + "\n            return number\n",
    "src/pack/inner/three.py": '"""Three."""\n\nA = 1\nB = 2\nC = 3\nD = 4\n',
    "tests/inner/test_two.py": "def test_it():\n    assert True\n",
}


@pytest.fixture
def survey(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip(), encoding="utf-8")
    return Survey(read_tree(tmp_path / "src" / "pack", "pack"), read_tree(tmp_path / "tests"))


def test_figures(survey):
    found = dict(report(survey))
    assert found["modules / lines"] == f"5 / {sum(m.length for m in survey.modules)}"
    assert found["packages (folders with modules)"] == "2"
    assert found["most modules in one folder"] == "2 (inner)"
    assert found["modules at the package root"] == "1"
    assert found["most methods in a class"] == "2 (VideoSession)"
    assert found["functions over 60 lines, docstring not counted"] == "1"
    assert found["public functions with a docstring"] == "66.7 % (2 of 3)"
    assert found["… with Parameters, of those with arguments"] == "50.0 % (1 of 2)"
    assert found["docstrings that begin What/Which/How/Where/Whether"] == "25.0 % (2 of 8)"
    assert found["VideoSession: methods with arguments / with Parameters"] == "1 / 1"
    assert found["tests: files / functions"] == "1 / 1"


def test_imports_for_types_make_circles_too(survey):
    assert circles(survey.modules) == [{"pack.one", "pack.inner.two"}]


def test_modules_without_a_test_file_of_their_name_are_found(survey):
    assert [module.name for module in survey.without_test] == ["pack.inner.three", "pack.one"]
    assert dict(report(survey))["modules with a test file of the same name"] == "33.3 % (1 of 3)"
