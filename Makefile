# Two commands: `make demo` runs the main job on the bundled model, `make test` all checks. Both make ./.venv.
# The torch that we test with is pinned here and nowhere else.
TORCH := torch==2.13.0
VENV := .venv
PARITY := .venv-parity
LOWEST := .venv-lowest
PY := $(VENV)/bin/python
# What a Qt 6 window under Xvfb needs on Debian and Ubuntu; newer ones of both call some of these NAMEt64.
DEBIAN := xvfb xauth libegl1 libgl1 libgl1-mesa-dri libglib2.0-0 libfontconfig1 libdbus-1-3 libxkbcommon-x11-0 \
	libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 \
	libxcb-xinerama0 libxcb-xkb1

.PHONY: demo test quality parity lowest package docs train screenshots pictures check system clean

demo: $(VENV)/installed
	$(VENV)/bin/napari-sam2 demo --out out/demo

test: $(VENV)/installed-dev system check
	xvfb-run -a -s "-screen 0 1600x1000x24" $(PY) -m pytest -n auto --dist loadfile --durations 30

check: $(VENV)/installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

# Slow (some minutes), and in an environment of its own, because PyPI's sam2 would build CUDA code and pull torchvision.
parity: $(PARITY)/installed $(VENV)/installed-dev
	$(PARITY)/bin/python -m pytest -m parity -o filterwarnings=default -s tests/parity
	$(PY) -m pytest -m slow -s tests/engine tests/session

$(PARITY)/installed: pyproject.toml Makefile
	python3 -m venv $(PARITY)
	$(PARITY)/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	$(PARITY)/bin/python -m pip install --quiet "$(TORCH)" --group parity
	$(PARITY)/bin/python -m pip install --quiet -e .
	SAM2_BUILD_CUDA=0 $(PARITY)/bin/python -m pip install --quiet --no-deps --no-build-isolation "sam2==1.1.0"
	touch $@

quality: $(VENV)/installed-dev
	$(PY) -m pytest -m quality

# Goes on from ~/.cache/napari-sam2-training/run.pt until it is stopped (training/README.md); DATA is optional.
train: $(VENV)/installed-dev
	nice -n 19 $(PY) -m training train $(if $(DATA),--data "$(DATA)") $(TRAIN)

# The lowest versions of all dependencies that pyproject.toml allows (but for torch), in an environment of their own.
lowest: $(LOWEST)/installed system
	xvfb-run -a -s "-screen 0 1600x1000x24" $(LOWEST)/bin/python -m pytest $$($(LOWEST)/bin/python -m tools.lowest --options lowest) \
		tests/analysis tests/batch tests/cli tests/core tests/interaction tests/io tests/layers tests/plugin tests/session

$(LOWEST)/installed: pyproject.toml Makefile tools/lowest.py
	python3 -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --upgrade "pip>=25.1" "uv>=0.6"
	$(LOWEST)/bin/python -m tools.lowest --torch "$(TORCH)" > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip install --quiet "$(TORCH)" -c $(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip install --quiet -e . --group test -c $(LOWEST)/constraints.txt
	touch $@

# Wheel and sdist in dist/, checked as a release is.
package: $(VENV)/installed-dev
	rm -rf dist
	$(PY) -m build --no-isolation
	$(PY) -m twine check --strict dist/*
	$(VENV)/bin/check-wheel-contents dist/*.whl
	@$(PY) -c "import pathlib, sys; big = [p for p in pathlib.Path('dist').iterdir() if p.stat().st_size > 40e6]; sys.exit(f'over 40 MB: {big}' if big else 0)"

# The site in out/site. Strict: a link or an anchor that goes nowhere ends the build.
docs: $(VENV)/installed-dev
	$(PY) -m tools.docs_site --out out/site

# Every picture and animation of the docs, from real windows.
pictures: $(VENV)/installed-dev system
	xvfb-run -a -s "-screen 0 1600x1000x24" $(PY) -m tools.pictures

screenshots: pictures

$(VENV)/bin/python:
	@command -v python3 >/dev/null || { echo "Python 3.11 or newer is needed: install python3 and python3-venv."; exit 1; }
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, python3 is older."; exit 1; }
	python3 -m venv $(VENV)

# Needed by each of the two stamps below, so that torch is not resolved to a build of several gigabytes.
$(VENV)/torch: Makefile | $(VENV)/bin/python
	$(PY) -m pip install --quiet --upgrade "pip>=25.1"
	$(PY) -m pip install --quiet "$(TORCH)"
	touch $@

$(VENV)/installed: pyproject.toml $(VENV)/torch
	$(PY) -m pip install --quiet -e .
	touch $@

$(VENV)/installed-dev: pyproject.toml $(VENV)/torch
	$(PY) -m pip install --quiet -e . --group dev
	touch $@ $(VENV)/installed

system:
	@command -v dpkg-query >/dev/null || { echo "Not Debian: a virtual screen (xvfb-run) must be there for the window tests."; exit 0; }; \
	missing=$$(for p in $(DEBIAN); do dpkg-query -W -f='$${Status}\n' $$p $${p}t64 2>/dev/null | grep -q 'ok installed' || echo $$p; done | tr '\n' ' '); \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" = 0 ]; then apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null; \
		else echo "Missing system packages: $$missing. Install them with: sudo apt-get install $$missing"; exit 1; fi; \
	fi

clean:
	rm -rf out build dist
