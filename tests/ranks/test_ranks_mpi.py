"""Several real ranks train what one process trains: parameters, history and numbers agree."""

import re

import numpy as np
import pytest
from compared_cases import CASES
from oracles.rank_jobs import HERE, answers

from fastmlp.ranks.mpi import fair_share, signed

# Each checks another part of what is divided; all cases run on two ranks.
OF_THREE = "adam", "rmsprop_weights", "batch_norm_of_one_row", "batches_of_two_rows", "folds"
# Sums in another order: rounding, which 50 updates magnify little in float64.
CLOSE, CLOSE_IN_FLOAT32 = 1e-10, 1e-4
JOB = HERE / "compared_cases.py"


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """How far each case is apart: one job for all of them."""
    return answers(2, JOB, tmp_path_factory.mktemp("two"), *CASES)


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    return answers(3, JOB, tmp_path_factory.mktemp("three"), *OF_THREE)


@pytest.mark.parametrize("case", CASES)
def test_two_ranks_train_what_one_process_trains(two, case):
    check(two, case)


@pytest.mark.parametrize("case", OF_THREE)
def test_three_ranks_train_what_one_process_trains(three, case):
    check(three, case)


def check(results, case):
    found = results[case]
    if case == "float32":  # Adam magnifies rounding where the gradient is next to nothing
        assert found["history"] < CLOSE_IN_FLOAT32
        return
    assert found["updates"] >= 7
    assert max(found["parameters"], found["history"], found["metrics"]) < CLOSE


@pytest.fixture(scope="module")
def estimators():
    return answers(2, HERE / "estimator_job.py")


@pytest.mark.parametrize("name", ["classes", "pieces", "numbers", "table"])
def test_estimators_learn_what_one_process_learns(estimators, name):
    assert estimators[name] < CLOSE


def test_a_solver_of_one_process_is_refused(estimators):
    assert re.search("lbfgs.* there are 2 ranks; give another solver", estimators["lbfgs"])


def test_ranks_that_are_given_other_rows_are_told(estimators):
    assert re.search("do not agree on what to train .*rank 1 has MLP", estimators["other rows"])


@pytest.mark.parametrize(
    ("mine", "masks", "threads"),
    [
        ([0, 1, 2, 3], [[0, 1, 2, 3]], 4),
        ([0, 1, 2, 3], [[0, 1, 2, 3]] * 2, 2),
        ([0, 1, 2, 3], [[0, 1, 2, 3]] * 3, 1),
        ([0, 1], [[0, 1]] * 4, 1),
        ([0, 1], [[0, 1], [2, 3]], 2),  # bound to cores of their own
        ([0], [[0], [1]], 1),
        ([0, 1, 2, 3], [[0, 1, 2, 3], [0, 1, 2, 3], [4, 5, 6, 7], [4, 5, 6, 7]], 2),
    ],
)
def test_threads_are_a_rank_s_share_of_its_machine(mine, masks, threads):
    assert fair_share(mine, masks) == threads


def test_handles_keep_their_bits():
    assert signed(1) == 1
    assert signed((1 << 64) - 1) == -1
    assert signed(0x84000003_00000000) == np.uint64(0x84000003_00000000).astype(np.int64)
