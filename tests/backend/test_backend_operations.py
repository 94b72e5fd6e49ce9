"""``backend.ops``: what a type checker is told of it is what there is."""

import ast
from pathlib import Path

from fastmlp.backend import operations
from fastmlp.kernels.operation import OPERATIONS


def test_a_checker_sees_the_module_of_every_kernel(backend):
    tree = ast.parse(Path(operations.__file__).read_text(encoding="utf-8"))
    seen = {
        node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    }
    assert seen == {operation.body.__module__ for operation in OPERATIONS.values()}
    assert set(backend.ops) == set(OPERATIONS)
