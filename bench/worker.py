"""The process of one contender: runs what it reads as lines of JSON, and times it."""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import sys
import time
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

from fastmlp.errors import FastMLPError

STATUS = Path("/proc/self/status")


def serve(requests: TextIO, replies: TextIO) -> None:
    """Build what the first line describes, then answer each following line, until there is none.

    A line asks for so many units of work, ``{"count": 3}``, or what the libraries say,
    ``{"vectors": true}``.
    """
    try:
        description = json.loads(requests.readline())
        contender = _build(description)
        _reply(replies, {"compile_seconds": contender.compile_seconds})
        for line in requests:
            if "vectors" in (request := json.loads(line)):
                reports = _module(description).vectors()
                _reply(replies, {"vectors": [dataclasses.astuple(each) for each in reports]})
                continue
            start = time.perf_counter()
            result = contender.run(request["count"])
            seconds = time.perf_counter() - start
            memory = {
                "peak_bytes": peak_memory(),
                "device_bytes": getattr(contender, "device_bytes", 0),
            }
            notices = list(getattr(contender, "notices", ()))
            _reply(replies, {"seconds": seconds, "result": result, "notices": notices, **memory})
    except FastMLPError as error:
        _reply(replies, {"error": str(error)})  # one line already, made for people
    except Exception as error:
        # Whatever a library raises is told to the process that asked, which decides what it means.
        _reply(replies, {"error": " ".join(f"{type(error).__name__}: {error}".split())})


def peak_memory() -> int:
    """Return the most bytes of memory that this process has held."""
    try:
        # Not getrusage where it can be avoided: after fork its peak begins with that of the parent.
        [line] = [line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def _build(description: dict[str, Any]) -> Any:
    """Return the contender's object for an activity: ``Training``, ``Prediction``, ``Product`` or
    ``Device``.

    Its ``run`` does so many units of work and is over when the device has done them. It may have
    ``device_bytes``, what its library has taken of a GPU's memory, and ``notices``, lines that a
    reader of its times should see.
    """
    from .problem import make_problem, shape_from_dict

    made = getattr(_module(description), description["activity"])
    problem = (
        []
        if description["shape"] is None
        else [make_problem(shape_from_dict(description["shape"]))]
    )
    return made(*problem, threads=description["threads"], **description["options"])


def _module(description: dict[str, Any]) -> ModuleType:
    """Return a contender's module; its ``vectors`` returns a Report of each library in use."""
    return import_module(f"{__package__}.{description['module']}")


def _reply(replies: TextIO, message: dict[str, Any]) -> None:
    print(json.dumps(message), file=replies, flush=True)


def main() -> None:
    """Serve on standard input and output; what libraries print goes to standard error."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin, replies)


if __name__ == "__main__":
    main()
