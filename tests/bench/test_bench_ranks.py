"""``python -m bench.ranks``: a job of ranks, the model on paper, what is refused."""

import json

import pytest
from oracles.rank_jobs import mpiexec

from bench import ranks
from fastmlp.errors import FastMLPError, UsageError
from fastmlp.machine.throughput import SHAPES


def test_a_job_of_two_ranks():
    mpiexec()  # or skip
    found = ranks.measure(SHAPES["small"], ranks.Way("2 ranks", 2, 1), 0.02)
    assert 0 < found["sum"] < 1
    assert 0 < found["step"] < 1
    assert found["library"]


def test_a_job_that_fails_is_told():
    no_rows = ranks.Way("no rows", 1, 1, batches=0)
    with pytest.raises(FastMLPError, match="a job of no rows on small failed: ZeroDivisionError"):
        ranks.measure(SHAPES["small"], no_rows, 0.01)


def test_a_sum_on_paper():
    """1,000 floats are 4,000 bytes: 4 µs at 1 GB/s."""
    assert ranks.sum_seconds(1000, 1, 1e-6, 1e9) == 0
    assert ranks.sum_seconds(1000, 2, 0, 1e9) == pytest.approx(4e-6)
    # A ring sends 2·3/4 of the array in 6 messages; doubling all of it in 2.
    assert ranks.sum_seconds(1000, 4, 0, 1e9) == pytest.approx(6e-6)
    assert ranks.sum_seconds(1000, 4, 1e-3, 1e9) == pytest.approx(2e-3 + 8e-6)


def test_rows_on_paper():
    shape, network = SHAPES["mnist"], "10 GbE"
    rows = ranks.smallest_share(shape, 8, network)
    flops = shape.flops_per_step / shape.batch
    latency, bandwidth = ranks.NETWORKS[network]
    total = ranks.sum_seconds(shape.parameters, 8, latency, bandwidth)
    computing = rows * flops / ranks.NODE_FLOPS
    assert computing / (computing + total) == pytest.approx(ranks.WORTH_IT, abs=1e-3)
    assert ranks.step_seconds(shape, 8 * rows, 8, network) == pytest.approx(computing + total)


def test_the_model_alone(invoke, tmp_path):
    file = tmp_path / "ranks.json"
    result = invoke(ranks.command, "--paper", "--shapes", "mnist,products", "--json", file)
    assert result.exception is None, result.output
    assert "mnist on paper: rows a node needs" in result.stdout
    report = json.loads(file.read_text())
    assert set(report["paper"]) == {"mnist", "products"}
    assert [each["ranks"] for each in report["paper"]["mnist"]["1 GbE"]] == [2, 4, 8, 16, 32, 64]


def test_more_ranks_than_cores_are_refused(invoke):
    result = invoke(ranks.command, "--ranks", 10_000)
    assert isinstance(result.exception, UsageError)
    assert "--ranks 10000 are more than the" in str(result.exception)
