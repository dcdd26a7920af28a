# Each target works alone on a fresh clone: it installs what it needs into .venv first.
PYTHON ?= python3
PYTEST_FLAGS ?=

BIN := .venv/bin
STAMP := .venv/installed
SOURCES := keras_sentiment scripts tests
LOGS := build
# Where backends share the cores, threads of one wait for those of another.
ONE_THREAD := OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 RAYON_NUM_THREADS=1

# Nothing is compiled at installation: what is imported is compiled then, once.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: install lock demo test test-torch test-torch-commands test-torch-training test-torch-library test-jax test-tensorflow test-slow check lint coverage format clean

install: $(STAMP)

# The stamp comes last, so that a failed install is tried again.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	rm -f $@
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check \
		--constraint constraints.txt --editable '.[test,dev]'
	touch $@

# What a server installs, with the hashes of all files of each release; setuptools builds the package itself.
lock:
	$(PYTHON) -m venv $(LOGS)/lock
	$(LOGS)/lock/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	echo 'setuptools>=77' | $(LOGS)/lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
		--constraint constraints.txt --custom-compile-command 'make lock' \
		--output-file requirements-serve.lock requirements-serve.txt - >/dev/null

demo: $(STAMP)
	$(BIN)/keras-sentiment demo --overwrite

# The three backends side by side, a line for each, torch in three parts; all of them run, even after one has
# failed. What failed is printed; build/test-BACKEND.log has the rest.
test: $(STAMP)
	@mkdir -p $(LOGS)
	@$(BIN)/coverage erase
	@$(MAKE) --no-print-directory --keep-going --jobs 5 \
		$(addprefix logged-,torch-commands torch-training torch-library jax tensorflow)

logged-%:
	@$(ONE_THREAD) $(MAKE) --no-print-directory test-$* >$(LOGS)/test-$*.log 2>&1 \
		|| { cat $(LOGS)/test-$*.log; echo "$*: failed"; exit 1; }
	@echo "$*: $$(grep -E '[0-9]+ passed' $(LOGS)/test-$*.log)"

# Three parts of torch's tests that take as long as each other: what starts processes of its own; training and
# the Python surface; the rest.
PROCESSES := tests/commands tests/cluster tests/exporting
TRAINING := tests/training tests/runs tests/evaluation $(wildcard tests/test_*.py)
test-torch: FILES := tests
test-torch-commands: FILES := $(PROCESSES)
test-torch-training: FILES := $(TRAINING)
test-torch-library: FILES := tests $(addprefix --ignore=,$(PROCESSES) $(TRAINING))
test-torch test-torch-commands test-torch-training test-torch-library: $(STAMP)
	KERAS_BACKEND=torch $(BIN)/coverage run -m pytest -q -m "not slow" $(FILES) $(PYTEST_FLAGS)

# What does not depend on the backend, and the packaged weights, ran on torch.
test-jax test-tensorflow: test-%: $(STAMP)
	KERAS_BACKEND=$* $(BIN)/python -m pytest -q -m "not slow and not real and not once" $(PYTEST_FLAGS)

test-slow: $(STAMP)
	KERAS_BACKEND=torch $(BIN)/python -m pytest -m slow $(PYTEST_FLAGS)
	KERAS_BACKEND=jax $(BIN)/python -m pytest -m slow tests/batches $(PYTEST_FLAGS)

# Lines and branches that the last `make test` reached on torch.
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
