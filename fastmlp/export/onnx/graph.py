"""A graph of ONNX operators while it grows: names that do not collide, constants, nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

ML_DOMAIN, ML_OPSET = "ai.onnx.ml", 3  # the operators for texts
LARGEST_FILE = 2**31 - 1  # bytes that one protocol buffer can hold


class Graph:
    """Nodes and constants in the order in which they are computed.

    Parameters
    ----------
    dtype
        float32 or float64, in which the network computes.
    """

    def __init__(self, dtype: np.dtype):
        self.dtype = np.dtype(dtype)
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._taken: set[str] = set()

    def unique(self, wanted: str) -> str:
        """Return ``wanted``, with a number behind it where it is taken."""
        name, number = wanted, 1
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name

    def input(self, name: str, kind: np.dtype | type, columns: int, about: str = "") -> str:
        """Declare an input (rows, columns), of texts where ``kind`` is str; return its name."""
        from onnx import helper

        name = self.unique(name)
        value = helper.make_tensor_value_info(
            name, element_type(kind), ["rows", columns], doc_string=about
        )
        self.inputs.append(value)
        return name

    def output(
        self, name: str, value: str, kind: np.dtype | type, columns: int | None, about: str = ""
    ) -> None:
        """Declare ``value`` as an output (rows, columns), or (rows,) where ``columns`` is None,
        under its own name.
        """
        from onnx import helper

        name = self.unique(name)
        self._nodes.append(helper.make_node("Identity", [value], [name], name=name))
        shape = ["rows"] if columns is None else ["rows", columns]
        self.outputs.append(
            helper.make_tensor_value_info(name, element_type(kind), shape, doc_string=about)
        )

    def constant(
        self, values: Any, dtype: np.dtype | type | None = None, name: str = "constant"
    ) -> str:
        """Add an array of numbers, truth values or texts, by default in the network's dtype; return
        its name.
        """
        from onnx import TensorProto, helper, numpy_helper

        name = self.unique(name)
        if dtype is str:
            texts = [text.encode() for text in values]
            self._constants.append(
                helper.make_tensor(name, TensorProto.STRING, [len(texts)], texts)
            )
        else:
            array = np.ascontiguousarray(values, dtype or self.dtype).reshape(np.shape(values))
            self._constants.append(numpy_helper.from_array(array, name))
        return name

    def add(
        self, operator: str, *inputs: str, domain: str = "", unused: int = 0, **attributes: Any
    ) -> str:
        """Add a node, with ``unused`` outputs behind its first; return the first one's name."""
        from onnx import helper

        name = self.unique(operator.lower())
        outputs = [name, *(self.unique(f"{name}_unused") for _ in range(unused))]
        self._nodes.append(
            helper.make_node(operator, inputs, outputs, name=name, domain=domain, **attributes)
        )
        return name

    def cast(self, value: str, kind: np.dtype | type | None = None) -> str:
        """Convert to a type, by default the network's."""
        return self.add("Cast", value, to=element_type(kind or self.dtype))

    def model(self, name: str, opset: int, metadata: dict[str, str], about: str) -> Any:
        """Return the checked ModelProto."""
        import onnx
        from onnx import helper

        from fastmlp import __version__

        graph = helper.make_graph(
            self._nodes, name, self.inputs, self.outputs, self._constants, doc_string=about
        )
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid(ML_DOMAIN, ML_OPSET)]
        # The oldest file format that has these operators: older programs can read it.
        versions = {"opset_imports": opsets, "ir_version": helper.find_min_ir_version_for(opsets)}
        model = helper.make_model(
            graph, producer_name="fastmlp", producer_version=__version__, **versions
        )
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        return model

    @property
    def constant_bytes(self) -> int:
        """Bytes that the numbers take."""
        return sum(len(constant.raw_data) for constant in self._constants)


def element_type(kind: np.dtype | type) -> int:
    """Return ONNX's number of a type."""
    from onnx import TensorProto, helper

    return TensorProto.STRING if kind is str else helper.np_dtype_to_tensor_dtype(np.dtype(kind))
