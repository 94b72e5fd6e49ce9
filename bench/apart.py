"""A way of training in a process of its own, whose peak of memory is then that way's alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from fastmlp.errors import FastMLPError


def trained_apart(
    module: str, folder: Path, way: str, memory: str, settings: dict[str, Any]
) -> dict[str, Any]:
    """Let a module of the bench train one way, by its option ``--alone``; return what it prints."""
    words = [sys.executable, "-m", module, "--alone", str(folder), way, memory]
    words.append(json.dumps(settings))
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        why = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise FastMLPError(f"training by {way} failed: {why}")
    return json.loads(done.stdout.splitlines()[-1])
