"""Record and replay on CUDA: a list of launches that becomes a graph, once the graph has been seen
to do the same work.

The ladder: a graph; if it cannot be captured, or its first replay does not do what the launches
did, the same launches one by one, with the reason kept for the user; a clear error where the device
itself has failed.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from fastmlp.backend.contract import Array, Program
from fastmlp.ranks.contract import ALONE, Ranks

from .context import DeviceContext, one_line
from .launch import Launch

GRAPH_VARIABLE = "FASTMLP_GRAPH"  # 0 forces launches one by one
STEPS_PER_GRAPH = 16  # steps that one launch of the longer graph runs
# How far the graph's change may be from the launches': far below a missing operation, above the
# noise of another summation.
ALLOWED_CHANGE, ALLOWED_NOISE = 1e-2, {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-12}


class CudaProgram(Program):
    """A list of launches on one stream.

    Parameters
    ----------
    context
        The device and its stream.
    notices
        Where the user is told why steps are launched one by one.
    ranks
        The processes that replay the same Program together. A graph with their sums is launched by
        all of them or by none: each step of the ladder is agreed on.

    Attributes
    ----------
    launches
        In the order of the recording. All memory that they use was allocated then.
    fallback
        Why they are launched one by one; empty while the graph is in use.
    """

    def __init__(self, context: DeviceContext, notices: list[str], ranks: Ranks = ALONE):
        self.launches: list[Launch] = []
        self.fallback = ""
        self._context, self._notices, self._ranks = context, notices, ranks
        self._graphs: dict[int, Any] = {}
        self._is_decided = False

    @property
    def operations(self) -> list[str]:
        """The names of the launches, in order: each becomes a node of the graph."""
        return [launch.name for launch in self.launches]

    def __len__(self) -> int:
        return len(self.launches)

    @property
    def execution(self) -> str:
        """How the steps run, for people."""
        if not self._is_decided:
            return "not run yet"
        if self.fallback:
            return f"{len(self)} launches a step: {self.fallback}"
        return f"a CUDA graph of {len(self)} nodes a step"

    def replay(self, steps: int = 1) -> None:
        """Hand ``steps`` runs of the whole list to the device; returns before they are done."""
        if steps < 1 or not self.launches:
            return
        with self._context.active():
            if not self._is_decided:
                self._decide()
                steps -= 1
            self._run(steps)

    def _run(self, steps: int) -> None:
        if self.fallback:
            for _ in range(steps):
                self._launch_all()
            return
        many, single = divmod(steps, STEPS_PER_GRAPH) if self._has_long_graph(steps) else (0, steps)
        for _ in range(many):
            self._graphs[STEPS_PER_GRAPH].launch()
        for _ in range(single):
            self._graphs[1].launch()

    def _has_long_graph(self, steps: int) -> bool:
        """Return whether there is a graph of many steps; it is captured when it is first of use."""
        if steps >= STEPS_PER_GRAPH and STEPS_PER_GRAPH not in self._graphs:
            graph, refusal = self._try_capture(STEPS_PER_GRAPH)
            # Without it the graph of one step goes on.
            self._graphs[STEPS_PER_GRAPH] = None if self._somebody(refusal) else graph
        return self._graphs.get(STEPS_PER_GRAPH) is not None

    def _launch_all(self) -> None:
        for launch in self.launches:
            launch.run()

    def _decide(self) -> None:
        """Run one step by launches; capture the graph and keep it if, from the same start, it does
        the same.
        """
        self._is_decided = True
        forbidden = f"{GRAPH_VARIABLE}=0" if os.environ.get(GRAPH_VARIABLE) == "0" else ""
        if reason := self._somebody(forbidden):
            self.fallback = reason
            self._launch_all()
            return
        written = self._written_arrays()
        before = [array.get() for array in written]
        # also what loads kernels and lets cuBLAS choose: neither may happen in a capture
        self._launch_all()
        by_launches = [array.get() for array in written]
        self._graphs[1], refusal = self._try_capture(1)
        if not (reason := self._somebody(refusal)):
            reason = self._somebody(self._difference(written, before, by_launches))
        if reason:
            self._fall_back(reason)
            _restore(written, by_launches)

    def _difference(
        self, written: list[Array], before: list[np.ndarray], by_launches: list[np.ndarray]
    ) -> str:
        """Launch the graph from the same start; return why it may not be used, else nothing."""
        try:
            _restore(written, before)
            self._graphs[1].launch()
            by_graph = [array.get() for array in written]
        except self._context.refusals as error:
            self._context.raise_if_lost(error)
            return f"the graph could not be made ({one_line(error)})"
        if all(map(does_the_same, before, by_launches, by_graph)):
            return ""
        return "the graph's first replay differed from the launches"

    def _try_capture(self, steps: int) -> tuple[Any, str]:
        """Return the graph of ``steps`` runs, and why there is none, else nothing."""
        try:
            return self._captured(steps), ""
        except self._context.refusals as error:
            self._context.raise_if_lost(error)
            return None, f"the graph could not be made ({one_line(error)})"

    def _somebody(self, reason: str) -> str:
        """Return this rank's reason, or that some other rank has one; nothing where all agree."""
        elsewhere = self._ranks.total(np.array([float(bool(reason))]))[0] > 0
        return reason or ("another rank has no graph" if elsewhere else "")

    def _fall_back(self, reason: str) -> None:
        self.fallback = reason
        self._graphs.clear()
        self._notices.append(f"steps run by launches one by one: {reason}")

    def _captured(self, steps: int) -> Any:
        """Return the graph of ``steps`` runs of the list; no capture is left open."""
        stream = self._context.stream
        stream.synchronize()
        with _no_garbage_collection():  # freeing an array may call what a capture refuses
            stream.begin_capture()
            try:
                for _ in range(steps):
                    self._launch_all()
            except BaseException:
                # What was captured is half a step: it is ended, and thrown away.
                with self._context.ignoring_errors():
                    stream.end_capture()
                raise
            return stream.end_capture()

    def _written_arrays(self) -> list[Array]:
        arrays = {}
        for launch in self.launches:
            for array in launch.writes:
                arrays.setdefault((array.data.ptr, array.nbytes), array)
        return list(arrays.values())


def does_the_same(before: np.ndarray, by_launches: np.ndarray, by_graph: np.ndarray) -> bool:
    """Return whether two results that began alike agree: whole numbers exactly, others measured by
    what had changed.
    """
    if by_launches.dtype.kind != "f":
        return np.array_equal(by_launches, by_graph)
    known = np.isfinite(by_launches)
    if not np.array_equal(known, np.isfinite(by_graph)):
        return False
    start, wanted, found = (
        array[known].astype(np.float64) for array in (before, by_launches, by_graph)
    )
    moved = np.linalg.norm(wanted - np.where(np.isfinite(start), start, 0.0))
    noise = ALLOWED_NOISE[by_launches.dtype] * np.linalg.norm(wanted)
    return bool(np.linalg.norm(found - wanted) <= ALLOWED_CHANGE * moved + noise)


def _restore(arrays: list[Array], values: list[np.ndarray]) -> None:
    for array, value in zip(arrays, values, strict=True):
        array.set(value)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
