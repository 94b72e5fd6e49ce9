# Short names for the two commands of the README, and for what a developer types.
PYTHON ?= python3

.PHONY: train test lint readme check-cuda check-torch

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

# The tests that compare with PyTorch, which the others do without.
TORCH ?= torch==2.13.0
check-torch:
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/pip install -q '$(TORCH)'
	.venv/bin/python -m pytest -n auto tests/export tests/bench/test_bench_peers.py

# Runs every command of the README and of docs/ and writes down what it printed.
readme:
	.venv/bin/python tests/test_readme.py
	.venv/bin/python tests/test_docs.py
