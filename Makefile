# Each target works alone on a fresh clone: it installs what it needs into .venv first.
PYTHON ?= python3
PYTEST_FLAGS ?=

BIN := .venv/bin
STAMP := .venv/installed
SOURCES := keras_sentiment scripts tests

.PHONY: install demo test test-torch test-jax test-tensorflow test-slow check format clean

install: $(STAMP)

# The stamp comes last, so that a failed install is tried again.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	rm -f $@
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[test,dev]'
	touch $@

demo: $(STAMP)
	$(BIN)/keras-sentiment demo --overwrite

# All three backends run, even after one of them failed. `make -j2 test` runs two at a time.
test: $(STAMP)
	$(MAKE) --keep-going test-torch test-jax test-tensorflow

test-torch: $(STAMP)
	KERAS_BACKEND=torch $(BIN)/python -m pytest -m "not slow" $(PYTEST_FLAGS)

# What does not depend on the backend, and the packaged weights, ran on torch.
test-jax test-tensorflow: test-%: $(STAMP)
	KERAS_BACKEND=$* $(BIN)/python -m pytest -m "not slow and not real and not once" $(PYTEST_FLAGS)

test-slow: $(STAMP)
	KERAS_BACKEND=torch $(BIN)/python -m pytest -m slow $(PYTEST_FLAGS)

check: $(STAMP)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	KERAS_BACKEND=torch $(BIN)/python -m pytest -m "not slow and not real" $(PYTEST_FLAGS)

format: $(STAMP)
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
