"""What bounds a process beside the machine's memory: its container, and limits set on itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

PROCESS = Path("/proc/self")
GROUPS = Path("/sys/fs/cgroup")
NO_LIMIT = 1 << 60  # version 1 of the groups says "none" by a number near 2⁶³


def container_memory(process: Path = PROCESS, groups: Path = GROUPS) -> int | None:
    """Return the bytes that the control groups of this process leave it; None without a limit.

    A group may stand within others, each with a limit of its own; the least room counts. What is
    cached of files and was not used lately is free for the asking, so it does not count as taken.

    Parameters
    ----------
    process
        The folder in which the system says which groups the process belongs to.
    groups
        Where the groups' own files are.
    """
    lines = _text(process / "cgroup").splitlines()
    left: list[int] = []
    for _, controllers, path in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        if not controllers:
            left += _left_in(groups, path, _left_in_version_2)
        elif "memory" in controllers.split(","):
            left += _left_in(groups / "memory", path, _left_in_version_1)
    return max(min(left), 0) if left else None


def process_memory(process: Path = PROCESS) -> int | None:
    """Return the bytes that limits on the process itself (``ulimit``) leave it; None without."""
    try:
        import resource
    except ImportError:  # not a POSIX system
        return None
    taken = _status(process)
    left = []
    for limit, kind in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
        most = resource.getrlimit(limit)[0]
        if most != resource.RLIM_INFINITY and kind in taken:
            left.append(most - taken[kind])
    return max(min(left), 0) if left else None


def _left_in(root: Path, path: str, left_in) -> Iterator[int]:
    """Yield what each group leaves, from the process's own up to the root.

    Within a container the path may be the host's, of which nothing is to be seen but the root.
    """
    group = root / path.strip("/")
    for folder in (group, *group.parents):
        yield from left_in(folder)
        if folder == root:
            return


def _left_in_version_2(group: Path) -> Iterator[int]:
    taken = _number(group / "memory.current")
    if taken is None:
        return
    taken -= _statistics(group).get("inactive_file", 0)
    for name in ("memory.max", "memory.high"):
        limit = _number(group / name)  # "max" where there is none
        if limit is not None:
            yield limit - taken


def _left_in_version_1(group: Path) -> Iterator[int]:
    limit = _number(group / "memory.limit_in_bytes")
    taken = _number(group / "memory.usage_in_bytes")
    if limit is not None and taken is not None and limit < NO_LIMIT:
        yield limit - (taken - _statistics(group).get("total_inactive_file", 0))


def _statistics(group: Path) -> dict[str, int]:
    pairs = (line.split() for line in _text(group / "memory.stat").splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def _status(process: Path) -> dict[str, int]:
    """Return the sizes that the system knows of the process, in bytes."""
    found = {}
    for line in _text(process / "status").splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if len(words) == 2 and words[1] == "kB" and words[0].isdecimal():
            found[name] = 1024 * int(words[0])
    return found


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    """Return what a file says; nothing where it is not there or not ours to read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
