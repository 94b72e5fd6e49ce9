# Short names for the two commands of the README, and for what a developer types.
PYTHON ?= python3

.PHONY: train test lint readme figures check-narrow check-scale check-cuda check-torch

train:
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q -e . && .venv/bin/fastmlp train digits --seed 0

test:
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/python -m pytest -n auto

lint:
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q -e '.[dev]' && .venv/bin/ruff check . && .venv/bin/ruff format --check . \
		&& .venv/bin/basedpyright

# The tests of what depends on the processor, on this one taken for one with AVX2 and for one with
# vectors of 128 bits (x86-64 with AVX2 is needed). The other parts compute with the same kernels;
# their tests compare files, words and pages. Ignored are what narrows the processor itself or
# compiles into an empty cache, in processes of its own, and what is about files and killed runs,
# which took a third of the time.
NARROW = $(addprefix tests/,kernels backend step nn optim training settings preparation model run) \
	tests/estimators/test_estimators_parity.py \
	$(addprefix --ignore=tests/,backend/test_backend_narrow_vectors.py backend/test_backend_cache.py \
	run/test_run_resume.py kernels/test_kernels_object_code.py kernels/test_kernels_private_files.py)
check-narrow:
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q -e '.[test]'
	NUMBA_CPU_NAME=haswell NUMBA_CPU_FEATURES= OPENBLAS_CORETYPE=Haswell .venv/bin/python -m pytest -n auto $(NARROW)
	NUMBA_CPU_NAME=nehalem NUMBA_CPU_FEATURES= OPENBLAS_CORETYPE=Nehalem .venv/bin/python -m pytest -n auto $(NARROW)

# What takes several processes or a server: ranks by MPI, clusters of Dask and Ray, PostgreSQL. Without
# these packages the tests are skipped by `make test`; here a missing one is a failure. One after the
# other: ranks that wait for each other keep their cores busy.
SCALE = $(addprefix tests/,ranks cli/test_cli_workers.py kernels/test_kernels_allreduce.py \
	experiments/clusters estimators/test_estimators_clusters.py tuning cli/test_cli_tune.py)
check-scale:
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q -e '.[test,mpi,dask,ray]'
	FASTMLP_REQUIRE_MPI=1 FASTMLP_REQUIRE_CLUSTERS=1 FASTMLP_REQUIRE_POSTGRESQL=1 .venv/bin/python -m pytest $(SCALE)

# What can be shown of the CUDA kernels without a GPU: they compile for every architecture without
# spilling; no race, no overrun, and what is planted is found; CuPy has every name in use.
check-cuda:
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q -e '.[test,cuda-check]'
	.venv/bin/python -m tools.cuda_compile.check_compile
	.venv/bin/python -m tools.cuda_emulator.check_sanitizers
	.venv/bin/python -m pytest tests/cuda/test_cuda_contract.py

# The tests that compare with PyTorch, which the others do without.
TORCH ?= torch==2.13.0
check-torch:
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/pip install -q '$(TORCH)'
	.venv/bin/python -m pytest -n auto tests/export tests/adopt tests/bench/test_bench_peers.py

# Runs every command of the README and of docs/ and writes down what it printed.
readme:
	.venv/bin/python tests/test_readme.py
	.venv/bin/python tests/test_docs.py

# Draws docs/figures/*.svg from their sources; dot is Graphviz's (apt-get install graphviz).
figures:
	for source in docs/figures/*.dot; do dot -Tsvg "$$source" -o "$${source%.dot}.svg"; done
