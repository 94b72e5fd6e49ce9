"""What control groups and limits leave a process, on made-up files and on a real process."""

import subprocess
import sys

import pytest

from fastmlp.data.limits import container_memory, process_memory

UNLIMITED_1 = 9223372036854771712  # as version 1 says that there is no limit


@pytest.fixture
def place(tmp_path):
    """Return what writes files below a folder, and the folders of the process and its groups."""
    process, groups = tmp_path / "proc", tmp_path / "cgroup"

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
        return container_memory(process, groups)

    return write


def test_no_groups_and_no_files(place):
    assert place({}) is None
    assert place({"proc/cgroup": "0::/"}) is None
    assert place({"proc/cgroup": "nonsense\n0::/a/b", "cgroup/a/b/memory.max": "max"}) is None


def test_version_2_counts_the_nearest_limit_of_nested_groups(place):
    files = {
        "proc/cgroup": "0::/a/b",
        "cgroup/a/b/memory.max": "max",
        "cgroup/a/b/memory.high": "max",
        "cgroup/a/b/memory.current": 300,
    }
    assert place(files) is None
    assert place({"cgroup/a/memory.max": 1000, "cgroup/a/memory.current": 600}) == 400
    assert place({"cgroup/a/b/memory.max": 650}) == 350
    assert place({"cgroup/a/b/memory.high": 500}) == 200
    assert place({"cgroup/a/b/memory.current": 550}) == 0


def test_version_2_file_cache_that_was_not_used_lately_is_free(place):
    files = {
        "proc/cgroup": "0::/",
        "cgroup/memory.max": 1000,
        "cgroup/memory.current": 900,
        "cgroup/memory.stat": "anon 300\nfile 600\ninactive_file 450\nactive_file 150",
    }
    assert place(files) == 1000 - (900 - 450)


def test_version_1_and_a_path_that_is_the_hosts(place):
    files = {
        "proc/cgroup": "5:devices:/\n4:cpu,memory:/docker/123\n0::/",
        "cgroup/memory/memory.limit_in_bytes": UNLIMITED_1,
        "cgroup/memory/memory.usage_in_bytes": 700,
        "cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 200",
    }
    assert place(files) is None
    assert place({"cgroup/memory/memory.limit_in_bytes": 1000}) == 1000 - (700 - 200)
    nested = {
        "cgroup/memory/docker/123/memory.limit_in_bytes": 120,
        "cgroup/memory/docker/123/memory.usage_in_bytes": 100,
    }
    assert place(nested) == 20


@pytest.mark.parametrize(("limit", "kind"), [("RLIMIT_AS", "VmSize"), ("RLIMIT_DATA", "VmData")])
def test_a_limit_on_a_real_process(limit, kind):
    resource = pytest.importorskip("resource")
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux says what a process has taken")
    room = 1 << 30
    program = (
        "import resource, fastmlp.data.limits as limits\n"
        f"most = {room} + limits._status(limits.PROCESS)['{kind}']\n"
        f"resource.setrlimit(resource.{limit}, (most, most))\n"
        "print(limits.process_memory())"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert said.stderr == ""
    assert room - (8 << 20) < int(said.stdout) <= room
    assert resource.getrlimit(getattr(resource, limit))[0] != room  # this process has another


def test_without_a_limit_there_is_none(tmp_path):
    assert process_memory(tmp_path) is None
