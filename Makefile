# Short names for the two commands of the README, and for what a developer types.
PYTHON ?= python3

.PHONY: train test lint readme

train:
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q -e . && .venv/bin/fastmlp train digits --seed 0

test:
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/python -m pytest

lint:
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q -e '.[dev]' && .venv/bin/ruff check . && .venv/bin/ruff format --check .

# Runs every command of the README and writes down what it printed.
readme:
	.venv/bin/python tests/test_readme.py
