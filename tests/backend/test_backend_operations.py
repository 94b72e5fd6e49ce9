"""``backend.ops``: what a type checker is told of it is what there is."""

import ast
from pathlib import Path

from fastmlp.backend import operations
from fastmlp.kernels.operation import OPERATIONS


def declared():
    """Return what a checker sees: operation → (module, name of the kernel, whether static)."""
    tree = ast.parse(Path(operations.__file__).read_text(encoding="utf-8"))
    [table] = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    found = {}
    for node in ast.walk(table):
        if isinstance(node, ast.Assign):
            is_static = isinstance(node.value, ast.Call)
            kernel = node.value.args[0] if is_static else node.value
            found[node.targets[0].id] = (kernel.value.id, kernel.attr, is_static)
    return found


def test_every_operation_is_declared_as_its_own_kernel(backend):
    expected = {
        name: (operation.body.__module__.rpartition(".")[2], name, not operation.composite)
        for name, operation in OPERATIONS.items()
    }
    assert declared() == expected
    assert set(backend.ops) == set(expected)
