"""What launchers say by environment variables."""

import pytest

from fastmlp.ranks import launcher
from fastmlp.ranks.joining import here, library_name


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch):
    for name in (*launcher.SIZES, *launcher.NUMBERS, launcher.RANKS_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("variables", "size", "rank"),
    [
        ({}, 1, 0),
        ({"PMI_SIZE": "4", "PMI_RANK": "3"}, 4, 3),
        ({"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1"}, 2, 1),
        ({"PMI_SIZE": "1", "PMI_RANK": "0"}, 1, 0),
        ({"PMIX_RANK": "5"}, launcher.UNKNOWN, 5),
        ({"PMIX_RANK": "0"}, launcher.UNKNOWN, 0),
        ({"PMI_SIZE": "four"}, 1, 0),
        ({"PMI_SIZE": "4", "PMI_RANK": "3", "FASTMLP_RANKS": "0"}, 4, 0),
        ({"SLURM_NTASKS": "8", "SLURM_PROCID": "0"}, 1, 0),  # of a batch script as well
    ],
)
def test_announced(monkeypatch, variables, size, rank):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert launcher.announced_size() == size
    assert launcher.announced_rank() == rank


@pytest.mark.parametrize("variables", [{}, {"PMI_SIZE": "4", "FASTMLP_RANKS": "0"}])
def test_without_several_mpi_is_not_imported(monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(__import__("sys").modules, "mpi4py", None)
    assert here.__wrapped__().is_alone


def test_a_worker_process_is_no_rank(monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "4")
    process = type("Process", (), {"name": "LokyProcess-1"})()
    monkeypatch.setattr("multiprocessing.current_process", lambda: process)
    assert here.__wrapped__().is_alone


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("MPICH Version:      5.0.2\nMPICH Release date: ...", "MPICH 5.0.2"),
        ("Open MPI v5.0.11, package: Open MPI user@host, ident: 5.0.11\0", "Open MPI 5.0.11"),
        ("Intel(R) MPI Library 2021.18 for Linux* OS\n", "Intel(R) MPI Library 2021.18"),
        ("Some MPI", "Some MPI"),
    ],
)
def test_names_of_libraries(said, name):
    mpi = type("MPI", (), {"Get_library_version": staticmethod(lambda: said)})
    assert library_name(mpi) == name


def test_what_is_not_divided_is_refused(monkeypatch, fastmlp):
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setenv("PMI_RANK", "0")
    done = fastmlp("experiment", "mnist")
    assert done.code == 2
    assert done.err == (
        "error: fastmlp experiment is not divided among ranks; leave mpiexec out, and give "
        "--jobs.\n"
    )
