"""Fixtures: the command line in a process of its own, and small files to use it on."""

import pytest
from cli_support import TIME_LIMIT, command, environment, flowers, prices, write
from oracles.command_line import Outcome, captured


@pytest.fixture
def process(here):
    """Run a command line in a process of its own."""

    def run(*words, **options):
        completed = captured(
            command(*words), timeout=TIME_LIMIT, cwd=here, env=environment(), **options
        )
        return Outcome(completed.returncode, completed.stdout, completed.stderr)

    return run


@pytest.fixture
def flowers_csv(here):
    return write(here / "flowers.csv", flowers())


@pytest.fixture
def prices_csv(here):
    return write(here / "prices.csv", prices())


@pytest.fixture(scope="session")
def flower_run(tmp_path_factory):
    """The folder of a run that learnt the flowers, with a test and a validation split."""
    return _train(tmp_path_factory, "flowers", flowers(), validation_fraction=0.2)


@pytest.fixture(scope="session")
def price_run(tmp_path_factory):
    """The folder of a run that learnt the prices."""
    return _train(tmp_path_factory, "prices", prices())


def _train(tmp_path_factory, name, lines, **settings):
    from fastmlp import train

    folder = tmp_path_factory.mktemp(name)
    data = write(folder / f"{name}.csv", lines)
    how = {"preset": "plain", "hidden": [16], "epochs": 400} | settings
    return train(dataset=str(data), out=folder / "run", **how).folder
