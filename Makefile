# Everything from a fresh clone: `make demo` (prompt -> Blender file, GLB, picture) and `make test`.
# Needs Python 3.11, make and, for the faster toybox kernels, a C++ compiler. Creates .venv/.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3.11
VENV := .venv
GLTF_VALIDATOR := gltf-validator@2.0.0-dev.3.10
BIN := $(VENV)/bin
# Two processes with two threads each on two cores are several times slower than with one each.
export OMP_WAIT_POLICY ?= passive
# By default files with few tests come last, and the longest of all, in Blender, have one or two.
IN_ORDER := --dist loadfile --no-loadscope-reorder
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-timed test-slow test-gpu test-blender-all lint format types benchmark clean help

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make demo              set up, then: this machine's zip; two prompts -> .blend, .glb, picture in out/demo/
demo: $(VENV)/.ready
	$(BIN)/python scripts/demo.py

## make test              set up, then the tests (10 to 17 minutes on two cores)
test: $(VENV)/.ready $(VENV)/.blenders $(VENV)/.gltf-validator
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/basedpyright
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 $(IN_ORDER) -m "not slow and not gpu" $(PYTEST)

## make test-timed        the tests of promised seconds, on a machine with nothing else to do
test-timed: $(VENV)/.ready
	ATT3D_TIMED=1 $(BIN)/python -m pytest -m timed --reruns 2 $(PYTEST)
	ATT3D_TIMED=1 $(BIN)/python -m pytest tests/blender/test_extension.py --blender 4.5 \
	  -k "typing or dragging or hangs or cancelled_request" $(PYTEST)

## make test-slow         the tests that take minutes
test-slow: $(VENV)/.ready
	$(BIN)/python -m pytest -m slow $(PYTEST)

## make test-gpu          the tests that need a CUDA device
test-gpu: $(VENV)/.ready
	$(BIN)/python -m pytest -m gpu $(PYTEST)

## make test-blender-all  the extension in every supported Blender (downloads five bpy wheels)
test-blender-all: $(VENV)/.ready
	$(BIN)/python scripts/setup_blenders.py 4.2 4.5 5.0 5.1 5.2
	$(BIN)/python -m pytest tests/blender --blender 4.2 --blender 4.5 --blender 5.0 --blender 5.1 --blender 5.2

## make lint | types      ruff | basedpyright
lint: $(VENV)/.ready
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .

types: $(VENV)/.ready
	$(BIN)/basedpyright

format: $(VENV)/.ready
	$(BIN)/python -m ruff format .
	$(BIN)/python -m ruff check --fix .

## make benchmark         prompt -> mesh, and start-up, against the straightforward pipeline
benchmark: $(VENV)/.ready
	$(BIN)/python benchmarks/prompt_to_mesh.py
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/first_object.py

$(VENV)/.ready: pyproject.toml scripts/setup.sh blender_addon/setup/requirements.txt
	bash scripts/setup.sh $(PYTHON) $(VENV)

$(VENV)/.blenders: $(VENV)/.ready scripts/setup_blenders.py scripts/setup_pythons.py
	$(BIN)/python scripts/setup_blenders.py --where-possible 4.5 5.2
	$(BIN)/python scripts/setup_pythons.py --where-possible
	touch $@

# The Khronos validator checks the .glb files of one test; without it that test is skipped.
$(VENV)/.gltf-validator: $(VENV)/.ready
	@if ! command -v npm >/dev/null; then \
	  echo "npm was not found: the glTF validator's test will be skipped"; \
	elif ! npm install --silent --no-save --prefix $(VENV)/node $(GLTF_VALIDATOR); then \
	  echo "npm could not install $(GLTF_VALIDATOR): its test will be skipped"; \
	fi
	@touch $@

clean:
	rm -rf out build dist .pytest_cache .ruff_cache
