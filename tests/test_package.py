"""What the installed package promises: a light import, a valid manifest, a wheel that works by itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

import napari_sam2
from support.recipe_pages import RecipePage
from tools.lowest import NOT_IN_LOWEST, lower_bounds
from tools.metadata_hook import absolute_links
from tools.release_blanks import BLANKS
from tools.release_blanks import main as release_blanks
from tools.release_notes import release_notes

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def run(*command, **kwargs):
    return subprocess.run(command, capture_output=True, text=True, check=True, **kwargs).stdout


def test_import_loads_neither_torch_nor_napari_nor_qt():
    code = (
        "import napari_sam2, sys; dir(napari_sam2); "
        "print([m for m in ('torch', 'napari', 'qtpy', 'pydicom', 'nibabel', 'pandas') if m in sys.modules])"
    )
    assert run(sys.executable, "-c", code).strip() == "[]"


def test_every_public_name_resolves():
    for name in napari_sam2.__all__:
        assert getattr(napari_sam2, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = napari_sam2.no_such_name


def test_manifest_is_valid_and_its_commands_exist():
    from npe2 import PluginManifest

    manifest = PluginManifest.from_file(Path(napari_sam2.__file__).with_name("napari.yaml"))
    manifest.validate_imports()
    assert Path(napari_sam2.__file__).with_name(manifest.icon.split(":")[1]).is_file()
    assert (ROOT / "napari.yaml").resolve() == (ROOT / "src/napari_sam2/napari.yaml").resolve()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT))
    return next(out.glob("*.whl"))


def test_wheel_holds_manifest_weights_and_samples(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for needed in (
        "napari_sam2/napari.yaml",
        "napari_sam2/icon.png",
        "napari_sam2/py.typed",
        "napari_sam2/engine/weights/starter.safetensors",
        "napari_sam2/_sample_data/brain_mr.nii.gz",
        "napari_sam2/_sample_data/dividing_cells.tif",
        "napari_sam2/_sample_data/ct_abdomen/slice_000.dcm",
        "napari_sam2/_sample_data/ct_abdomen_labels.nii.gz",
    ):
        assert needed in names
    assert wheel.stat().st_size < 20e6


def test_wheel_metadata_names_people_licences_and_no_address_that_is_not_known(wheel):
    archive = zipfile.ZipFile(wheel)
    name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = message_from_bytes(archive.read(name))
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Author"]
    assert "Framework :: napari" in metadata.get_all("Classifier")
    repository = PROJECT["tool"]["hatch"]["metadata"]["hooks"]["custom"]["repository"]
    addresses = metadata.get_all("Project-URL") or []
    assert bool(addresses) == bool(repository or os.environ.get("NAPARI_SAM2_REPOSITORY"))


def test_links_become_absolute_where_the_repository_has_an_address():
    text = "![a](docs/a.png) [b](docs/b.md#c) [d](https://e.org) [f](#g) [![h](docs/i.gif)](docs/j.md)"
    assert absolute_links(text, "https://r.example/x") == (
        "![a](https://r.example/x/raw/main/docs/a.png) [b](https://r.example/x/blob/main/docs/b.md#c) "
        "[d](https://e.org) [f](#g) [![h](https://r.example/x/raw/main/docs/i.gif)](https://r.example/x/blob/main/docs/j.md)"
    )


def test_a_release_needs_a_dated_section(tmp_path):
    (tmp_path / "src/napari_sam2").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "0.2.0"\n')
    (tmp_path / "src/napari_sam2/_version.py").write_text('__version__ = "0.2.0"\n')
    changelog = tmp_path / "CHANGELOG.md"
    changelog.write_text("## [Unreleased]\n\n- x\n\n## [0.1.0] - 2026-01-02\n\n- old\n")
    with pytest.raises(ValueError, match="no section"):
        release_notes("v0.2.0", tmp_path)
    changelog.write_text("## [Unreleased]\n\n## [0.2.0] - 2026-02-03\n\n- new\n\n## [0.1.0] - 2026-01-02\n\n- old\n")
    assert release_notes("v0.2.0", tmp_path) == "- new\n"
    with pytest.raises(ValueError, match=r"pyproject\.toml has another version"):
        release_notes("v0.3.0", tmp_path)


def test_a_blank_is_open_until_it_is_filled_in(tmp_path, capsys):
    filled = {
        "pyproject.toml": 'repository = "https://github.com/o/napari-sam2"\n',
        "mkdocs.yml": "site_url: https://o.github.io/napari-sam2\nrepo_url: https://github.com/o/napari-sam2\n",
        "CITATION.cff": "repository-code: https://github.com/o/x\ndate-released: 2026-12-01\ndoi: 10.5281/zenodo.1\n",
        "tools/conda/recipe.yaml": f'  sha256: "{"0a" * 32}"\n  homepage: https://o.github.io\n'
        "  repository: https://github.com/o/x\n  recipe-maintainers:\n    - o\n",
    }
    (tmp_path / "tools/conda").mkdir(parents=True)
    for file, text in filled.items():
        (tmp_path / file).write_text(text)
    assert release_blanks(tmp_path) == 0
    assert capsys.readouterr().out == "Nothing is open.\n"
    for blank in BLANKS:
        text = filled[blank.file]
        (tmp_path / blank.file).write_text(text.replace(blank.key, "something"))
        assert blank.is_open(tmp_path), blank
        assert release_blanks(tmp_path) == int(blank.before_tag)
        assert f"{blank.file}: {blank.key} is open" in capsys.readouterr().out
        (tmp_path / blank.file).write_text(text)


def test_the_page_on_releases_lists_the_blanks_and_the_workflow_looks_for_them():
    rows = RecipePage("releasing.md").rows("file")
    listed = {(file.strip("`"), key.strip("`"), when == "before the tag") for file, key, _, when in rows}
    assert listed == {(blank.file, blank.key, blank.before_tag) for blank in BLANKS}
    workflow = (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8")
    assert workflow.index("tools.release_blanks") < workflow.index("make package")
    assert "NAPARI_SAM2_REPOSITORY: " in workflow


def test_no_other_file_says_that_something_is_to_fill_in():
    looked_at = [p for folder in ("docs", "tools", ".github") for p in (ROOT / folder).rglob("*") if p.is_file()]
    looked_at += [p for p in ROOT.iterdir() if p.is_file()]
    named = {
        path.relative_to(ROOT).as_posix()
        for path in looked_at
        if path.suffix in (".md", ".yml", ".yaml", ".toml", ".cff")
        and re.search(r"to[ -]fill[ -]in", path.read_text(encoding="utf-8"), re.IGNORECASE)
    }
    assert named == {blank.file for blank in BLANKS}


def test_version_stands_in_one_form_everywhere():
    version = PROJECT["project"]["version"]
    assert napari_sam2.__version__ == version
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f'version: "{version}"' in (ROOT / "tools/conda/recipe.yaml").read_text(encoding="utf-8")


def test_each_dependency_has_a_lower_bound_a_licence_and_a_line_in_the_conda_recipe():
    conda = {"dask": "dask-core", "torch": "pytorch"}
    recipe = (ROOT / "tools/conda/recipe.yaml").read_text(encoding="utf-8")
    notices = (ROOT / "docs/reference/third_party.md").read_text(encoding="utf-8").lower()
    assert f'python_min: "{PROJECT["project"]["requires-python"].removeprefix(">=")}"' in recipe
    # Beside them: three of the host, Python, a maintainer.
    assert recipe.count("\n    - ") == len(PROJECT["project"]["dependencies"]) + 5
    bounds = lower_bounds()
    assert len(bounds) == len(PROJECT["project"]["dependencies"])
    for name, version in bounds.items():
        assert f"    - {conda.get(name, name)} >={version}\n" in recipe
        assert f"| {name} | " in notices


def test_what_the_lowest_versions_leave_out_exists():
    for name in NOT_IN_LOWEST:
        path, _, test = name.partition("::")
        assert f"def {test}" in (ROOT / path).read_text(encoding="utf-8")


def test_workflows_and_templates_are_whole():
    yaml = pytest.importorskip("yaml")
    files = [*sorted((ROOT / ".github").rglob("*.yml")), ROOT / ".pre-commit-config.yaml", ROOT / "CITATION.cff"]
    assert len(files) >= 8
    for path in files:
        assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for path in files:
        for called in re.findall(r"\bmake ((?:[a-z]+ ?)+)$", path.read_text(encoding="utf-8"), re.M):
            assert set(called.split()) <= targets, path
    bug = (ROOT / ".github/ISSUE_TEMPLATE/bug.yml").read_text(encoding="utf-8")
    assert "napari-sam2 doctor" in bug


def test_installed_wheel_validates_and_runs_the_demo(wheel, tmp_path):
    """In an environment of its own, which borrows the dependencies but not this checkout."""
    home = tmp_path / "env"
    run(sys.executable, "-m", "venv", str(home))
    python = home / "bin" / "python"
    site = Path(run(str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    run(str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    # Appended, so that the wheel comes first; .pth files in the borrowed folder (the editable install) are not read.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    where = run(str(python), "-c", "import napari_sam2; print(napari_sam2.__file__)", env=env, cwd=tmp_path).strip()
    assert Path(where).is_relative_to(site)
    validate = run(str(python), "-m", "npe2", "validate", "napari_sam2", env=env, cwd=tmp_path)
    assert "valid" in validate.lower()
    out = run(str(home / "bin" / "napari-sam2"), "demo", "--out", "demo", env=env, cwd=tmp_path)
    lines = [line.removeprefix("Dice ").rsplit(" ", 1) for line in out.splitlines() if line.startswith("Dice ")]
    dice = {name: float(value) for name, value in lines}
    assert set(dice) == {"right kidney", "left kidney", "aorta", "spleen", "liver"}
    assert min(dice.values()) >= 0.8
    assert (tmp_path / "demo/ct_abdomen_labels.nii.gz").exists()
    assert (tmp_path / "demo/ct_abdomen_overlay.png").stat().st_size > 10_000
