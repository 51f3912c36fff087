# Every target sets up what it needs: a fresh machine with Python 3.11+ and make can run any of them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= auto
MINUTES ?= 60

.PHONY: setup demo test check fuzz bench gpu docs clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@

demo: setup
	$(BIN)/crossvox demo demo

test: setup
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -q

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Damaged files for every reader; called again, it goes on where it stopped.
fuzz: setup
	$(BIN)/python -m trials.fuzz --minutes $(MINUTES) --state fuzz.json

bench: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
	  --target .peers -r benchmarks/peers.txt
	$(BIN)/python -m benchmarks

gpu: setup
	$(BIN)/python -m benchmarks.gpu --out gpu.json

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) .peers demo build dist site fuzz.json
