# Each target works in a fresh clone: it first installs the package into .venv if necessary.
PYTHON ?= python3
PYTEST_FLAGS ?=

BIN := .venv/bin
STAMP := .venv/installed
SOURCES := keras_sentiment scripts tests
LOGS := build
# `make test` runs several processes at the same time, so each gets one thread.
ONE_THREAD := OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 RAYON_NUM_THREADS=1

# pip installs without compiling, so Python must be allowed to write bytecode at the first import.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: install lock demo test test-torch test-torch-commands test-torch-training test-torch-library test-jax test-tensorflow test-slow check lint coverage format clean

install: $(STAMP)

# The stamp is written last, so that the next call repeats a failed installation.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	rm -f $@
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check \
		--constraint constraints.txt --editable '.[test,dev]'
	touch $@

# Locks the packages of a server with the hashes of all files of each release, setuptools included, which builds
# the package in the Containerfile.
lock:
	$(PYTHON) -m venv $(LOGS)/lock
	$(LOGS)/lock/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	echo 'setuptools>=77' | $(LOGS)/lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
		--constraint constraints.txt --custom-compile-command 'make lock' \
		--output-file requirements-serve.lock requirements-serve.txt - >/dev/null

demo: $(STAMP)
	$(BIN)/keras-sentiment demo --overwrite

# Runs the three backends at the same time, torch in three parts, and prints one line for each. A failure does not
# stop the others; its log is printed. All logs are in build/test-*.log.
test: $(STAMP)
	@mkdir -p $(LOGS)
	@$(BIN)/coverage erase
	@$(MAKE) --no-print-directory --keep-going --jobs 5 \
		$(addprefix logged-,torch-commands torch-training torch-library jax tensorflow)

logged-%:
	@$(ONE_THREAD) $(MAKE) --no-print-directory test-$* >$(LOGS)/test-$*.log 2>&1 \
		|| { cat $(LOGS)/test-$*.log; echo "$*: failed"; exit 1; }
	@echo "$*: $$(grep -E '[0-9]+ passed' $(LOGS)/test-$*.log)"

# The tests on torch in three parts of equal duration: tests that start processes, tests of training and of the
# public names, and all others.
PROCESSES := tests/commands tests/cluster tests/exporting
TRAINING := tests/training tests/runs tests/evaluation $(wildcard tests/test_*.py)
test-torch: FILES := tests
test-torch-commands: FILES := $(PROCESSES)
test-torch-training: FILES := $(TRAINING)
test-torch-library: FILES := tests $(addprefix --ignore=,$(PROCESSES) $(TRAINING))
test-torch test-torch-commands test-torch-training test-torch-library: $(STAMP)
	KERAS_BACKEND=torch $(BIN)/coverage run -m pytest -q -m "not slow" $(FILES) $(PYTEST_FLAGS)

# Tests that are marked `once` or `real` run only on torch.
test-jax test-tensorflow: test-%: $(STAMP)
	KERAS_BACKEND=$* $(BIN)/python -m pytest -q -m "not slow and not real and not once" $(PYTEST_FLAGS)

test-slow: $(STAMP)
	KERAS_BACKEND=torch $(BIN)/python -m pytest -m slow $(PYTEST_FLAGS)
	KERAS_BACKEND=jax $(BIN)/python -m pytest -m slow tests/batches $(PYTEST_FLAGS)

# Shows the lines and branches that the last `make test` covered on torch.
coverage: $(STAMP)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: $(STAMP)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/mypy --strict --follow-imports=silent tests/typing/user_script.py

check: lint
	KERAS_BACKEND=torch $(BIN)/python -m pytest -q -m "not slow and not real" $(PYTEST_FLAGS)

format: $(STAMP)
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .coverage .coverage.*
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
