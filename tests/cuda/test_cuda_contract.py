"""The emulated cupy and libcublas promise nothing that the real ones do not keep.

What the backend uses is read off its source: every chain of attributes that begins at cupy, and
every call of one. What the emulation offers is read off the emulation. Both are held against the
installed CuPy, which imports without a GPU.
"""

import ast
import ctypes
import json
import os
import re
import sys
from functools import cache
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest
from contract_uses import Use, uses, uses_of_text
from device import PACKAGES, why_no_device
from oracles.command_line import captured

import fastmlp.backend

BACKEND = Path(fastmlp.backend.__file__).parent
LISTING = Path(__file__).parent / "contract_listing.py"
# The libcublas functions of CUDA 12 and 13, with their numbers of parameters, where no header is
# installed to be read.
CUBLAS = {
    "cublasCreate_v2": 1,
    "cublasDestroy_v2": 1,
    "cublasGetVersion_v2": 2,
    "cublasSetStream_v2": 2,
    "cublasSetWorkspace_v2": 3,
    "cublasSetPointerMode_v2": 2,
    "cublasSetMathMode": 2,
    "cublasGemmEx": 19,
}


@cache
def used() -> list[Use]:
    """Return what the backend uses of cupy."""
    return uses(sorted(BACKEND.rglob("*.py")))


def listing(asked: str, emulated: bool) -> dict:
    """Return what one of the two packages says, from a process that cannot see the other."""
    paths = [str(PACKAGES)] if emulated else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, str(LISTING)]
    done = captured(command, input=asked, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def real():
    """What the installed CuPy says of all that is used or offered."""
    if not any(name.startswith("cupy") for name in packages_distributions().get("cupy", ())):
        pytest.skip("no cupy is installed to hold the emulation against: pip install cupy-cuda12x")
    return listing("\n".join({*(use.path for use in used()), *offered()}), emulated=False)


@cache
def offered() -> dict:
    """Return all that the emulation offers."""
    return listing("offers", emulated=True)


@cache
def emulated() -> dict:
    return listing("\n".join({use.path for use in used()}), emulated=True)


def accepts(parameters: list[dict], call: tuple[int, tuple[str, ...]]) -> bool:
    """Return whether a call with so many arguments and these keywords fits."""
    count, keywords = call
    by_place = [given["name"] for given in parameters if given["kind"] == "positional"]
    takes_more = any(given["kind"] == "several" for given in parameters)
    takes_any = any(given["kind"] == "keywords" for given in parameters)
    named = {given["name"] for given in parameters if given["kind"] in ("positional", "keyword")}
    filled = {*by_place[:count], *keywords}
    missing = [
        given["name"]
        for given in parameters
        if not given["optional"] and given["name"] not in filled
    ]
    return (
        (count <= len(by_place) or takes_more)
        and (set(keywords) <= named or takes_any)
        and not set(keywords) & set(by_place[:count])
        and not [name for name in missing if name in named]
    )


def promises_more(emulated: list[dict], real: list[dict]) -> str:
    """Return how a signature allows a call that the other does not; empty if it allows none."""
    if any(given["kind"] == "keywords" for given in real):
        real = [
            *real,
            *(
                given
                for given in emulated
                if given["name"] not in {known["name"] for known in real}
            ),
        ]
    known = {given["name"]: given for given in real}
    places = [given["name"] for given in real if given["kind"] == "positional"]
    for place, given in enumerate(emulated):
        name = given["name"]
        if given["kind"] in ("several", "keywords"):
            continue
        if name not in known:
            return f"the real one has no parameter {name}"
        if given["kind"] == "positional" and (len(places) <= place or places[place] != name):
            return f"{name} has another place in the real one"
        if given["optional"] and not known[name]["optional"]:
            return f"{name} may not be left out of a call of the real one"
    wanted = [
        given["name"]
        for given in real
        if not given["optional"] and given["kind"] in ("positional", "keyword")
    ]
    missing = set(wanted) - {given["name"] for given in emulated}
    return f"the real one needs {missing}" if missing else ""


class TestBackend:
    def test_its_uses_are_seen(self):
        paths = {use.path for use in used()}
        assert {
            "cupy.cuda.runtime.getDeviceCount",
            "cupy.cuda.Stream.begin_capture",
            "cupy.cuda.Stream.end_capture",
            "cupy.cuda.Stream.synchronize",
            "cupy.cuda.memory.OutOfMemoryError",
            "cupy.RawModule.get_function",
            "cupy.ndarray.get",
            "cupy.ndarray.set",
            "cuda.pathfinder.load_nvidia_dynamic_lib",
        } <= paths

    def test_exist_in_the_real_package(self, real):
        missing = [f"{use.place}: {use.path}" for use in used() if real[use.path] is None]
        assert not missing

    @pytest.mark.skipif(bool(why_no_device()), reason=why_no_device())
    def test_exist_in_the_emulated_package(self):
        missing = [f"{use.place}: {use.path}" for use in used() if emulated()[use.path] is None]
        assert not missing

    def test_calls_fit_the_real_signatures(self, real):
        wrong = [
            f"{use.place}: {use.path} {use.call}"
            for use in used()
            if use.call
            and isinstance(real[use.path], list)
            and not accepts(real[use.path], use.call)
        ]
        assert not wrong


class TestEmulation:
    def test_offers_nothing_that_the_real_package_has_not(self, real):
        assert not [path for path in offered() if real[path] is None]

    def test_promises_no_call_that_the_real_package_refuses(self, real):
        both = {path: (said, real[path]) for path, said in offered().items()}
        wrong = {
            path: reason
            for path, (ours, theirs) in both.items()
            if isinstance(ours, list)
            and isinstance(theirs, list)
            and (reason := promises_more(ours, theirs))
        }
        assert not wrong

    def test_functions_are_functions_and_values_are_values(self, real):
        unlike = [
            path for path, said in offered().items() if (said == "value") != (real[path] == "value")
        ]
        assert not unlike


class TestCublas:
    @pytest.fixture
    def calls(self):
        """The numbers of arguments in the backend's calls of libcublas by name."""
        tree = ast.parse((BACKEND / "cuda" / "cublas.py").read_text(encoding="utf-8"))
        found = [
            (node.args[0].value, len(node.args) - 1)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and re.fullmatch(r"cublas[A-Z]\w+", str(node.args[0].value))
        ]
        assert len(found) >= 5
        return found

    @pytest.fixture
    def declared(self):
        """The numbers of parameters in the installed header, or the stated ones."""
        specification = find_spec("nvidia")
        folders = list(specification.submodule_search_locations) if specification else []
        headers = [header for folder in folders for header in Path(folder).glob("**/cublas_api.h")]
        return declarations(headers[0].read_text(encoding="utf-8")) if headers else CUBLAS

    def test_calls_fit_the_declarations(self, calls, declared):
        for name, count in calls:
            assert declared[name] == count, name

    def test_the_header_is_as_stated(self, declared):
        assert {name: declared[name] for name in CUBLAS} == CUBLAS

    @pytest.mark.skipif(bool(why_no_device()), reason=why_no_device())
    def test_the_emulated_library_has_them(self, calls):
        script = "from cupy import _cublas; print(_cublas.library()._name)"
        environment = {**os.environ, "PYTHONPATH": str(PACKAGES)}
        done = captured([sys.executable, "-c", script], env=environment, check=True)
        library = ctypes.CDLL(done.stdout.strip())
        assert all(hasattr(library, name) for name in {*CUBLAS, *dict(calls)})


def declarations(header: str) -> dict[str, int]:
    """Return the number of parameters of each function of cublas_api.h."""
    found = re.findall(r"\b(cublas\w+)\s*\(([^()]*)\)\s*;", header)
    return {name: parameters.count(",") + 1 for name, parameters in found}


def one(name, kind="positional", optional=False):
    return {"name": name, "kind": kind, "optional": optional}


class TestThisTest:
    """It can fail."""

    def test_a_chain_is_followed_through_names(self):
        text = """
runtime, driver = self._cupy.cuda.runtime, self._cupy.cuda.driver
runtime.noSuchThing(1, flag=2)
self.stream = cupy.cuda.Stream(non_blocking=True)
self.stream.wait()
def copy(a: Array):
    return a.nothing
cupy.empty(3).data.pointer
"""
        found = {(use.path, use.call) for use in uses_of_text(text)}
        assert ("cupy.cuda.runtime.noSuchThing", (1, ("flag",))) in found
        assert ("cupy.cuda.Stream.wait", (0, ())) in found
        assert ("cupy.ndarray.nothing", None) in found
        assert ("cupy.cuda.MemoryPointer.pointer", None) in found

    def test_calls_that_do_not_fit(self):
        takes = [one("grid"), one("stream", "keyword", optional=True)]
        assert accepts(takes, (1, ()))
        assert accepts(takes, (0, ("grid", "stream")))
        for call in ((0, ()), (2, ()), (1, ("grid",)), (1, ("other",))):
            assert not accepts(takes, call)

    def test_promises_that_are_not_kept(self):
        assert promises_more([one("a")], [one("a"), one("b", optional=True)]) == ""
        assert "no parameter c" in promises_more([one("a"), one("c", optional=True)], [one("a")])
        assert "another place" in promises_more([one("b"), one("a")], [one("a"), one("b")])
        assert "left out" in promises_more([one("a", optional=True)], [one("a")])
        assert "needs" in promises_more([one("a")], [one("a"), one("b")])

    def test_the_listing_sees_what_is_missing(self):
        missing = ["nonsense", "cupy.nonsense", "cupy.cuda.Stream.nonsense"]
        said = listing(" ".join([*missing, "cupy.cuda.Stream.ptr"]), emulated=True)
        assert said == {**dict.fromkeys(missing), "cupy.cuda.Stream.ptr": "value"}

    def test_a_header_is_read(self):
        text = (
            "CUBLASAPI cublasStatus_t CUBLASWINAPI cublasSetStream_v2(cublasHandle_t handle,\n  "
            " cudaStream_t streamId);"
        )
        assert declarations(text) == {"cublasSetStream_v2": 2}
