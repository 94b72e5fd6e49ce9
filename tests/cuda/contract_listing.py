"""Says what a cupy offers, as JSON: run by test_cuda_contract.py in a process of its own, once for
each cupy.

Standard input names what to look up ("cupy.cuda.Stream.begin_capture"); with the word ``offers``,
everything public of the package's own making is listed instead. Standard output maps each name to
null where there is no such thing, to "value", or to its parameters, each with a name, a kind and
whether it may be left out.
"""

import importlib
import inspect
import json
import re
import sys

# Attributes that are set when an object is made are looked up on one that can be made without a
# device.
SAMPLES = {
    "cupy.cuda.Stream": lambda cupy: cupy.cuda.Stream.null,
    "cupy.cuda.runtime.CUDARuntimeError": lambda cupy: cupy.cuda.runtime.CUDARuntimeError(35),
}
MODULES = ("cupy", "cupy.cuda", "cupy.cuda.runtime", "cupy.cuda.driver", "cupy.cuda.memory",
    "cupy.cuda.compiler", "cupyx",
           "cuda.pathfinder")  # fmt: skip
POSITIONAL, KEYWORD, SEVERAL, KEYWORDS = "positional", "keyword", "several", "keywords"
KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: POSITIONAL,
    inspect.Parameter.POSITIONAL_OR_KEYWORD: POSITIONAL,
    inspect.Parameter.KEYWORD_ONLY: KEYWORD,
    inspect.Parameter.VAR_POSITIONAL: SEVERAL,
    inspect.Parameter.VAR_KEYWORD: KEYWORDS,
}


def look_up(path):
    """Return the description of a name, None if it does not exist."""
    parts = path.split(".")
    found, reached = None, ""
    for count in range(len(parts), 0, -1):
        try:
            found, reached = (
                importlib.import_module(".".join(parts[:count])),
                ".".join(parts[:count]),
            )
            break
        except ModuleNotFoundError:
            continue
    if not reached:
        return None
    for part in parts[reached.count(".") + 1 :]:
        holder, reached = reached, f"{reached}.{part}"
        if not hasattr(found, part):
            if holder in SAMPLES and hasattr(SAMPLES[holder](sys.modules["cupy"]), part):
                return "value"
            if part in _annotations(found):
                return "value"
            return None
        found = getattr(found, part)
    return parameters(found) if callable(found) else "value"


def parameters(thing):
    """Return the parameters of a function or a class, by its signature or its docstring."""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return written_parameters(thing)
    found = [
        {"name": name, "kind": KINDS[given.kind], "optional": given.default is not given.empty}
        for name, given in signature.parameters.items()
    ]
    if {given["kind"] for given in found if given["name"] != "self"} == {SEVERAL, KEYWORDS}:
        return written_parameters(thing)
    return [given for given in found if given["name"] != "self"]


def written_parameters(thing):
    """Parse "get(self, stream=None, out=None)" or "memcpy(intptr_t dst, size_t size)"; a value if
    nothing like it is said.
    """
    lines = [line.replace("\\", "") for line in (thing.__doc__ or "").splitlines() if line.strip()]
    # CuPy describes some functions a second time, in more detail than Cython does.
    heads = [match for line in lines[:2] if (match := re.match(r"\s*[\w.]+\((.*)\)", line))]
    if not heads:
        return "unsaid"
    found, kind = [], POSITIONAL
    for part in filter(None, (part.strip() for part in heads[-1][1].split(","))):
        declared, _, default = part.partition("=")
        name = declared.strip().split(" ")[-1]
        if name == "*":
            kind = KEYWORD
        elif name.startswith("*"):
            found.append(
                {
                    "name": name.strip("*"),
                    "kind": KEYWORDS if name.startswith("**") else SEVERAL,
                    "optional": True,
                }
            )
        elif name not in ("self", "cls", "/"):
            found.append({"name": name, "kind": kind, "optional": bool(default)})
    return found


def offers():
    """Yield every public name that the package's modules define, and their classes' members."""
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        for name, value in vars(module).items():
            if name.startswith("_") or inspect.ismodule(value) or _is_foreign(value):
                continue
            yield f"{module_name}.{name}"
            if inspect.isclass(value):
                members = (
                    member
                    for member in {**vars(value), **_annotations(value)}
                    if not member.startswith("_")
                )
                yield from (f"{module_name}.{name}.{member}" for member in members)


def _annotations(thing):
    """Return what a class says that its objects have, such as the fields of a dataclass."""
    return getattr(thing, "__annotations__", {})


def _is_foreign(value):
    """Return whether a module has imported a value from elsewhere than the package."""
    return getattr(value, "__module__", "cupy").partition(".")[0] not in ("cupy", "cupyx", "cuda")


if __name__ == "__main__":
    asked = sys.stdin.read().split()
    paths = sorted(set(offers())) if asked == ["offers"] else asked
    import cupy  # noqa: F401  the samples need it

    json.dump({path: look_up(path) for path in paths}, sys.stdout)
