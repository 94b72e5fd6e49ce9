"""Reads off the backend's source what it uses of cupy: attribute chains and calls."""

import ast
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

ROOTS = ("cupy", "cupyx", "cuda")
# What functions of cupy return, where that is not the class itself that is called.
RETURNS = {
    "cupy.empty": "cupy.ndarray",
    "cupy.zeros": "cupy.ndarray",
    "cupy.get_default_memory_pool": "cupy.cuda.MemoryPool",
    "cupy.RawModule.get_function": "cupy.RawKernel",
    "cupy.cuda.Stream.end_capture": "cupy.cuda.Graph",
    "cupy.cuda.Stream.record": "cupy.cuda.Event",
    "cuda.pathfinder.load_nvidia_dynamic_lib": "cuda.pathfinder.LoadedDL",
}
# What attributes of an object hold; None where that is no part of cupy and need not be followed.
HOLDS = {
    "cupy.ndarray.data": "cupy.cuda.MemoryPointer",
    "cupy.ndarray.shape": None,
    "cupy.ndarray.dtype": None,
}


class Use(NamedTuple):
    """One place where the backend names something of cupy's.

    Attributes
    ----------
    path
        ``"cupy.cuda.Stream.begin_capture"``.
    place
        File and line.
    call
        If it is called there: the number of arguments by place, and the keywords.
    """

    path: str
    place: str
    call: tuple[int, tuple[str, ...]] | None


def uses(files: Iterable[Path]) -> list[Use]:
    """Return every use in some files; an attribute set in one file is known in the others."""
    trees = [(path.name, ast.parse(path.read_text(encoding="utf-8"))) for path in files]
    attributes: dict[str, str] = {}
    for _ in range(3):  # a name may be used before the line, or the file, that gives it a value
        found = [use for name, tree in trees for use in _read(name, tree, attributes)]
    return found


def uses_of_text(text: str) -> list[Use]:
    """Return every use in a text."""
    attributes: dict[str, str] = {}
    _read("text", ast.parse(text), attributes)
    return _read("text", ast.parse(text), attributes)


def _read(file: str, tree: ast.Module, attributes: dict[str, str]) -> list[Use]:
    reader = _Reader(file, attributes)
    reader.visit(tree)
    return reader.found


class _Reader(ast.NodeVisitor):
    """Follows the names that a part of cupy, or something made by it, is given to."""

    def __init__(self, file: str, attributes: dict[str, str]):
        self.found: list[Use] = []
        self._file, self._attributes = file, attributes
        self._names: dict[str, str] = {"cupy": "cupy", "cupyx": "cupyx"}

    def visit_Import(self, node):
        for name in node.names:
            root = name.name.partition(".")[0]
            if root in ROOTS:
                self._names[name.asname or root] = name.name if name.asname else root

    def visit_ImportFrom(self, node):
        if node.level == 0 and node.module.partition(".")[0] in ROOTS:
            for name in node.names:
                self._names[name.asname or name.name] = f"{node.module}.{name.name}"
                self._note(f"{node.module}.{name.name}", node)

    def visit_FunctionDef(self, node):
        before = dict(self._names)
        self.generic_visit(node)
        self._names = before

    def visit_arg(self, node):
        if isinstance(node.annotation, ast.Name) and node.annotation.id == "Array":
            self._names[node.arg] = "cupy.ndarray"

    def visit_Assign(self, node):
        self.generic_visit(node)
        for target in node.targets:
            are_tuples = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
            pairs = (
                zip(target.elts, node.value.elts, strict=False)
                if are_tuples
                else [(target, node.value)]
            )
            for name, value in pairs:
                self._give(name, value)

    def visit_withitem(self, node):
        self.generic_visit(node)
        if node.optional_vars is not None:
            self._give(node.optional_vars, node.context_expr)

    def visit_Attribute(self, node):
        self.generic_visit(node)
        path = self._whole_path(node)
        if path:
            self._note(path, node)

    def visit_Call(self, node):
        self.generic_visit(node)
        path = self._path(node.func)
        if path and not any(isinstance(value, ast.Starred) for value in node.args):
            self._note(
                path,
                node,
                (len(node.args), tuple(keyword.arg for keyword in node.keywords if keyword.arg)),
            )

    def _give(self, target, value) -> None:
        path = self._path(value)
        if path and isinstance(target, ast.Name):
            self._names[target.id] = path
        elif path and isinstance(target, ast.Attribute):
            self._attributes[target.attr] = path

    def _path(self, node) -> str | None:
        """Return what an expression is: ``self._cupy.cuda.Stream`` is cupy.cuda.Stream."""
        if isinstance(node, ast.Call):
            called = self._path(node.func) or ""
            is_class = called.rpartition(".")[2][:1].isupper()
            return RETURNS.get(called, called if is_class else None)
        path = self._whole_path(node)
        return HOLDS.get(path, path) if path else None

    def _whole_path(self, node) -> str | None:
        if isinstance(node, ast.Name):
            return self._names.get(node.id)
        if not isinstance(node, ast.Attribute):
            return None
        if node.attr.lstrip("_") in ("cupy", "cupyx"):
            return node.attr.lstrip("_")
        before = self._path(node.value)
        return f"{before}.{node.attr}" if before else self._attributes.get(node.attr)

    def _note(self, path: str, node, call=None) -> None:
        if path not in ROOTS:
            self.found.append(Use(path, f"{self._file}:{node.lineno}", call))
