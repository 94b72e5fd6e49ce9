"""Graphs: a capture's operations, which one launch runs again with their arguments."""

from __future__ import annotations

from itertools import count

from .. import _device
from .._device import LOCK, Node
from .._emulation import settings
from .._errors import CUDARuntimeError, MisuseError
from .stream import get_current_stream, queue_of

_numbers = count(1)
SHAPES = {"KERNEL": "octagon"}


class Graph:
    """What a capture has written down; made by Stream.end_capture alone."""

    _nodes: list[Node]

    def __init__(self, *args, **kwargs):
        raise NotImplementedError(
            "currently this class cannot be initiated by the user and must be created via stream"
            " capture"
        )

    @classmethod
    def _of(cls, nodes: list[Node], device: int) -> Graph:
        graph = cls.__new__(cls)
        graph._nodes, graph._device, graph._number = nodes, device, next(_numbers)
        return graph

    def launch(self, stream=None):
        """Hand all operations to a stream, by default the current one.

        Raises
        ------
        MisuseError
            If memory that the graph uses has been freed since: the real device would work on
            whatever lies there now.
        """
        with LOCK:
            queue = self._checked_queue(stream)
            if settings.fails("graph-launch"):
                raise CUDARuntimeError(settings.failure("graph-launch"))
            for node in self._nodes:
                if any(allocation() is None for allocation in node.allocations):
                    raise MisuseError(
                        f"{node.label}: the graph uses memory that has been freed since it was"
                        " captured"
                    )
            nodes = self._nodes[:-1] if settings.fails("replay") else self._nodes
            _device.present().issue(queue, lambda: _run_all(nodes))

    def upload(self, stream=None):
        """Prepare a launch; nothing to do here."""
        with LOCK:
            self._checked_queue(stream)

    def debug_dot_str(self, flags=0):
        """Return the graph in DOT, a line that names and describes each node."""
        name = f"graph_{self._number}"
        nodes = [
            f'"{name}_node_{i}"[style="bold" shape="{SHAPES.get(node.kind, "rectangle")}"'
            f' label="{i}\n{_label(node)}\n"];'
            for i, node in enumerate(self._nodes)
        ]
        edges = [
            f'"{name}_node_{i}" -> "{name}_node_{i + 1}";' for i in range(len(self._nodes) - 1)
        ]
        lines = "\n".join([*nodes, *edges])
        return (
            f'digraph dot {{\nsubgraph cluster_{self._number} {{\nlabel="{name}"'
            f' graph[style="dashed"];\n{lines}\n}}\n}}\n'
        )

    def _checked_queue(self, stream):
        machine, queue = (
            _device.present(),
            queue_of(get_current_stream() if stream is None else stream),
        )
        machine.check()
        if queue.capture is not None:
            raise NotImplementedError("the emulation does not capture the launch of a graph")
        if queue.device != self._device:
            raise RuntimeError(
                f"a graph of device {self._device} is launched on device {queue.device}"
            )
        return queue


def _label(node: Node) -> str:
    return node.label if node.kind == "KERNEL" else f"{node.kind}\n({node.label})"


def _run_all(nodes: list[Node]) -> None:
    for node in nodes:
        node.run()
