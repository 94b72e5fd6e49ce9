"""Whether who listens at an address is a scheduler: its libraries wait long for one that is not."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

# What opens a connection of HTTP/2, over which gRPC and so Ray speak, and a frame of no settings.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
FRAME_HEADER, SETTINGS_KIND = 9, 4  # bytes; the number of a frame of settings
MOST_FRAMES = 1000  # of Dask's greeting, which has one or two


def greets(kind: str, host: str, port: int, seconds: float) -> bool:
    """Return whether a scheduler answers.

    Parameters
    ----------
    kind
        ``"dask"`` or ``"ray"``.
    host, port
        Where.
    seconds
        How long each answer may take.

    Raises
    ------
    OSError
        If nobody listens, or says nothing.
    """
    check: Callable[[socket.socket], bool] = {"dask": _is_dask, "ray": _is_grpc}[kind]
    with socket.create_connection((host, port), timeout=seconds) as connection:
        return check(connection)


def _is_dask(connection: socket.socket) -> bool:
    """Return whether a first message begins as Dask's do, with the number of its frames."""
    return 0 < int.from_bytes(_received(connection, 8), "little") <= MOST_FRAMES


def _is_grpc(connection: socket.socket) -> bool:
    """Return whether the answer to a greeting of HTTP/2 is a frame of settings."""
    if os.environ.get("RAY_USE_TLS", "0") not in ("", "0"):
        return True  # which could not be read here
    connection.sendall(PREFACE)
    header = _received(connection, FRAME_HEADER)
    return len(header) == FRAME_HEADER and header[3] == SETTINGS_KIND


def _received(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count and (part := connection.recv(count - len(found))):
        found += part
    return found
