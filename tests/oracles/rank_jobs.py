"""Jobs of several ranks for the tests: by the mpiexec of this environment, or not at all."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = ROOT / "tests" / "ranks"
TIME_LIMIT = 240  # seconds; kernels may have to be compiled
REQUIRED = "FASTMLP_REQUIRE_MPI"


def mpiexec():
    """Return the path of mpiexec; without mpi4py skip the test, or fail where it is required."""
    if find_spec("mpi4py") is None:
        why = "mpi4py is not installed: pip install 'fastmlp[mpi]'"
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(f"{REQUIRED}=1, but {why}")
        pytest.skip(why)
    from fastmlp.ranks.starting import launcher

    return launcher()


def environment(**changes):
    paths = [str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    own = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "FASTMLP_DEBUG": ""}
    # MPICH's ranks wait in a loop: tests may have fewer cores than ranks, which then take turns.
    own["MPIR_CVAR_POLLS_BEFORE_YIELD"] = "1"
    return {**os.environ, **own, **changes}


def job(ranks, *words, **changes):
    """Return the command line and the options of a job of so many ranks."""
    command = [mpiexec(), "-n", str(ranks), sys.executable, *map(str, words)]
    return command, {"env": environment(**changes), "text": True, "cwd": ROOT}


def run_job(ranks, *words, **changes):
    """Run a job to its end; return what it printed and its exit code."""
    command, options = job(ranks, *words, **changes)
    return subprocess.run(command, capture_output=True, timeout=TIME_LIMIT, **options)


def run_alone(*words, **changes):
    """Run the same without mpiexec."""
    options = {"env": environment(**changes), "text": True, "cwd": ROOT}
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, capture_output=True, timeout=TIME_LIMIT, **options)


def answers(ranks, *words, **changes):
    """Run a job whose last line of output is JSON; return that."""
    done = run_job(ranks, *words, **changes)
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-1000:]
    return json.loads(done.stdout.splitlines()[-1])
