# Short names for the two commands of the README, and for what a developer types.
PYTHON ?= python3

.PHONY: train test lint readme check-cuda

train:
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q -e . && .venv/bin/fastmlp train digits --seed 0

test:
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/python -m pytest -n auto

lint:
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q -e '.[dev]' && .venv/bin/ruff check . && .venv/bin/ruff format --check .

# What can be shown of the CUDA kernels without a GPU: they compile for every architecture without spilling; no race, no
# overrun, and what is planted is found; CuPy has every name in use.
check-cuda:
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q -e '.[test,cuda-check]'
	.venv/bin/python tests/cuda/check_compile.py
	.venv/bin/python tests/cuda/check_sanitizers.py
	.venv/bin/python -m pytest tests/cuda/test_cuda_contract.py

# Runs every command of the README and of docs/ and writes down what it printed.
readme:
	.venv/bin/python tests/test_readme.py
	.venv/bin/python tests/test_docs.py
