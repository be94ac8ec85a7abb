"""The pages say what works: their Python runs, their links and pictures are there, and the reference has every name."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import napari_sam2
from napari_sam2.cli.main import build_parser
from tools.docs_hooks import COMMAND_LINE, NOT_YET, command_line_help
from tools.docs_site import check_site

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
_BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```$", re.M | re.S)
_LINK = re.compile(r"!?\[[^\]\[]*\]\(([^)\s]+)\)")
# The recipes for contributors edit the source; tests/contributing runs them.
_RUN_ELSEWHERE = "contributing"


def blocks(page):
    """Return the blocks of Python of a page that are run, in their order."""
    found = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [re.sub(rf"^{indent}", "", code, flags=re.M) for indent, code in found]


WITH_CODE = [p for p in PAGES if _RUN_ELSEWHERE not in p.relative_to(ROOT).parts and blocks(p)]


def name_of(page):
    return page.relative_to(ROOT).as_posix()


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """Put what a page assumes into an empty folder and the names that it takes as given into a namespace."""
    from napari_sam2.samples import sample_path

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAPARI_SAM2_SETTINGS", str(tmp_path / "settings.json"))
    weights = Path(napari_sam2.__file__).parent / "engine" / "weights" / "starter.safetensors"

    def prepare(page):
        names = {"__name__": "__main__"}
        text = page.read_text(encoding="utf-8")
        if "ct_folder/" in text:
            shutil.copytree(sample_path("ct_abdomen"), "ct_folder")
        if "jobs.csv" in text and page.name == "batch.md":
            Path("jobs.csv").write_text(
                f'image,name,boxes\n{sample_path("brain_mr")},one,"1:20,77,31,112,61"\n', encoding="utf-8"
            )
        if "liver.pt" in text:
            # `add_model` wants a checkpoint to be there; it is read when it is loaded.
            shutil.copyfile(weights, "liver.pt")
        if page.name in ("models.md", "supported.md"):
            volume = napari_sam2.read_volume(sample_path("ct_abdomen"))
            predictor = napari_sam2.load_predictor("starter", device="cpu")
            session = napari_sam2.VideoSession(predictor, volume)
            session.add_box(obj_id=1, frame=23, box=(100, 115, 134, 146))
            names |= {"volume": volume, "predictor": predictor, "session": session}
        return names

    return prepare


# Its one block is that of tutorials/study.md, with processes to be started once more.
SLOW = DOCS / "batch.md"


@pytest.mark.parametrize(
    "page", [pytest.param(p, marks=pytest.mark.slow) if p == SLOW else p for p in WITH_CODE], ids=name_of
)
def test_the_python_of_a_page_runs(page, beside):
    names = beside(page)
    for number, code in enumerate(blocks(page)):
        exec(compile(code, f"{name_of(page)}, block {number + 1}", "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_to_files_go_somewhere(page):
    text = re.sub(r"^```.*?^```$|`[^`\n]+`", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in _LINK.findall(text):
        path = target.partition("#")[0]
        if not path or re.match(r"[a-z]+:", path):
            continue
        file = (page.parent / path).resolve()
        if path.endswith((".png", ".webp")):
            # Whether each picture is there is asked by `python -m tools.docs_site --pictures`.
            assert file.parent == DOCS / "images", f"{target} is not among the pictures"
        elif not (file.is_relative_to(DOCS) and file.relative_to(DOCS).as_posix() in NOT_YET):
            assert file.exists(), f"{target} is not there"


# What napari itself calls its menus.
_MENUS_OF_NAPARI = {"plugins", "file", "open", "open sample", "open folder", "layers", "annotate", "measure", "filter"}
_IN_THE_WINDOW = re.compile(r"(?<![\w*])\*([^*]+)\*(?![\w*])")


def shown(text):
    """Return a text of the window as it is compared: without mnemonic, dots and letter case."""
    return " ".join(text.replace("&", "").split()).rstrip(".…:").strip().lower()


def test_each_way_through_menus_that_a_page_names_is_there():
    manifest = (ROOT / "napari.yaml").read_text(encoding="utf-8")
    known = {"…", *re.findall(r'(?:title|display_name): "?([^"\n]+)', manifest)}
    package = ROOT / "src" / "napari_sam2"
    for path in (path for part in ("widgets", "plugin", "io") for path in (package / part).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        known |= {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    known = {shown(text.partition(" (")[0]) for text in known} | _MENUS_OF_NAPARI
    ways, wrong = 0, []
    for page in PAGES:
        if {"contributing", "research", "CHANGELOG.md", "SECURITY.md"} & set(page.relative_to(ROOT).parts):
            continue
        text = re.sub(r"^```.*?^```|`[^`\n]+`", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
        for way in _IN_THE_WINDOW.findall(text.replace("**", "")):
            steps = way.split("▸")
            ways += len(steps) > 1
            if len(steps) > 1 and not {shown(step) for step in steps} <= known:
                wrong.append(f"{name_of(page)}: {way}")
    assert wrong == []
    assert ways > 50


def test_the_reference_has_every_public_name():
    text = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md"))
    shown = {name.rsplit(".", 1)[-1] for name in re.findall(r"^::: (\S+)$", text, re.M)}
    assert set(napari_sam2.__all__) - shown == {"__version__"}


def test_the_site_builds_and_no_link_of_it_goes_nowhere(tmp_path):
    command = [sys.executable, "-m", "tools.docs_site", "--out", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "site" / "tutorials" / "organ_ct" / "index.html").is_file()


def test_a_link_that_goes_nowhere_is_told(tmp_path):
    (tmp_path / "index.html").write_text('<img src="no.png"><a href="a.html#there">x</a><a href="a.html#not">y</a>')
    (tmp_path / "a.html").write_text('<p id="there"></p><script src="https://cdn.example/x.js"></script>')
    faults = " ".join(check_site(tmp_path))
    assert "index.html links to no.png, which is not there." in faults
    assert "a.html#not" in faults
    assert "#there" not in faults
    assert "a.html loads https://cdn.example/x.js from elsewhere." in faults


def test_the_reference_has_every_command():
    assert COMMAND_LINE in (DOCS / "reference" / "command_line.md").read_text(encoding="utf-8")
    text = command_line_help()
    for command in ("segment", "batch", "demo", "download", "info", "doctor", "evaluate", "bundle", "review"):
        assert f"\n## {command}\n" in f"\n{text}"
    assert "--accept-licence" in text


def test_each_command_of_a_page_is_understood():
    parser, parsed = build_parser(), 0
    for page in PAGES:
        for line in re.findall(r"^ {4,}napari-sam2 (.+)$", page.read_text(encoding="utf-8"), re.M):
            parser.parse_args(shlex.split(line.split("  #")[0]))
            parsed += 1
    assert parsed > 15


def test_every_block_that_does_not_run_says_so():
    for page in PAGES:
        if _RUN_ELSEWHERE in page.relative_to(ROOT).parts:
            continue
        for info in re.findall(r"^ *```(.+)$", page.read_text(encoding="utf-8"), re.M):
            assert info in ("python", "python no-test", "text", "json", "toml", "yaml", "csv"), (
                f"{name_of(page)}: {info}"
            )


def test_pictures_are_small():
    pictures = [path for path in (DOCS / "images").iterdir() if path.suffix in (".png", ".webp")]
    assert max(path.stat().st_size for path in pictures) < 1e6
    assert sum(path.stat().st_size for path in pictures) < 12e6
    assert np.all([path.stat().st_size > 1000 for path in pictures])
