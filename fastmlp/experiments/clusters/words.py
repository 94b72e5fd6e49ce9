"""What ``--backend`` may say: a kind of cluster, and the address of one that runs already."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from fastmlp.errors import DeviceError, MissingExtraError, UsageError, choose

from .greeting import greets

PROCESSES = "processes"
# Which package a kind needs, and by which extra it comes; None for what is always there.
PACKAGES = {PROCESSES: None, "loky": None, "dask": "distributed", "ray": "ray"}
WITH_ADDRESS = ("dask", "ray")
HOST_AND_PORT = re.compile(
    r"(?:(?P<scheme>[a-z]+)://)?(?P<host>[^\s/:]+|\[[^\]\s]+\]):(?P<port>\d{1,5})"
)
HOW_TO_START = {"dask": "dask scheduler", "ray": "ray start --head"}
AUTO = "auto"  # Ray's word for the cluster that this machine belongs to
ANSWER_SECONDS = 5.0
SECRET = ("tls", "wss", "ucxx", "ucx")  # schemes whose answers cannot be read before a handshake


@dataclass(frozen=True)
class Backend:
    """Where the runs of an experiment go.

    Attributes
    ----------
    kind
        ``"processes"``, ``"loky"``, ``"dask"`` or ``"ray"``.
    address
        Of a cluster that runs already; empty for one on this machine.
    """

    kind: str = PROCESSES
    address: str = ""

    @property
    def is_cluster(self) -> bool:
        """Whether runs are handed to somebody else's pool."""
        return self.kind != PROCESSES

    @property
    def is_elsewhere(self) -> bool:
        """Whether workers may be on other machines."""
        return bool(self.address)

    def __str__(self) -> str:
        return f"{self.kind} at {self.address}" if self.address else f"{self.kind} on this machine"

    def check_answers(self) -> None:
        """Look whether a scheduler listens at the address, before anything that takes time.

        Raises
        ------
        DeviceError
            If nobody does, within ANSWER_SECONDS, or somebody else.
        """
        place = HOST_AND_PORT.fullmatch(self.address)
        if place is None or place["scheme"] in SECRET:
            return
        try:
            where = place["host"].strip("[]"), int(place["port"])
            is_answered = greets(self.kind, *where, ANSWER_SECONDS)
        except OSError as error:
            raise unanswered(self, error.strerror or str(error)) from None
        if not is_answered:
            raise unanswered(self, "something else listens there")


def unanswered(backend: Backend, reason: str) -> DeviceError:
    """Return the error of a cluster that cannot be reached."""
    why = " ".join(reason.split()).rstrip(".")
    return DeviceError(
        f"no {backend.kind} cluster answers at {backend.address}: {why}. Start one with "
        f"{HOW_TO_START[backend.kind]!r}, or give --backend {backend.kind} for one on this machine."
    )


def parse_backend(word: str) -> Backend:
    """Return what a word of ``--backend`` means.

    Parameters
    ----------
    word
        ``processes``, ``loky``, ``dask``, ``ray``; of the last two also with an address behind a
        colon: ``dask:HOST:PORT``, ``dask:tcp://HOST:PORT``, ``dask:FILE`` that a scheduler wrote,
        ``ray:HOST:PORT``, ``ray:ray://HOST:PORT``, ``ray:auto``.

    Raises
    ------
    UsageError
        For any other.
    MissingExtraError
        If the package is not installed.
    """
    kind, colon, address = word.strip().partition(":")
    choose("backend", kind, PACKAGES)
    if colon and kind not in WITH_ADDRESS:
        raise UsageError(f"backend {kind} is on this machine and takes no address; got {word!r}.")
    if colon:
        address = _address(kind, address.strip())
    package = PACKAGES[kind]
    if package is not None and find_spec(package) is None:
        raise MissingExtraError(f"--backend {kind}", package, kind)
    return Backend(kind, address)


def _address(kind: str, text: str) -> str:
    if kind == "ray" and text == AUTO:
        return text
    place = HOST_AND_PORT.fullmatch(text)
    if place is not None and 0 < int(place["port"]) < 1 << 16:
        return f"tcp://{text}" if kind == "dask" and not place["scheme"] else text
    if kind == "dask" and Path(text).is_file():
        return text
    forms = {
        "dask": "HOST:PORT, or the file that 'dask scheduler --scheduler-file' wrote",
        "ray": f"HOST:PORT, ray://HOST:PORT or {AUTO}",
    }
    raise UsageError(f"backend {kind}: {text!r} is no address; give {forms[kind]}.")
