"""A device with the stream on which everything runs, and what CUDA's errors there mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from fastmlp.errors import DeviceError

# Of cudaError_t: illegal address, launch failure and their kin end the context.
LOST = range(700, 800)


class DeviceContext:
    """A device and a stream of its own.

    Parameters
    ----------
    cupy
        The imported package.
    device
        A ``cupy.cuda.Device``.

    Attributes
    ----------
    name
        ``"cuda:N"``.
    stream
        On which everything runs, in order.
    refusals
        The errors that may come up while a graph is made, though launches work.
    """

    def __init__(self, cupy: Any, device: Any):
        self.name = f"cuda:{device.id}"
        self._device = device
        runtime, driver = cupy.cuda.runtime, cupy.cuda.driver
        self._out_of_memory = cupy.cuda.memory.OutOfMemoryError
        self._runtime_errors = (runtime.CUDARuntimeError, driver.CUDADriverError)
        # cuBLAS's refusal is a DeviceError.
        self.refusals = (*self._runtime_errors, self._out_of_memory, DeviceError)
        with self._reporting(), device:
            self.stream = cupy.cuda.Stream(non_blocking=True)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make this device and stream the current ones; turn CUDA's errors into a DeviceError."""
        with self._reporting(), self._device, self.stream:
            yield

    def raise_if_lost(self, error: Exception) -> None:
        """Raise a DeviceError if an error has ended the context: nothing works after it."""
        if getattr(error, "status", 0) in LOST:
            raise DeviceError(
                f"{self.name} failed and this process can no longer use it: {one_line(error)}. "
                "Start again; if it happens again, report it with the command."
            ) from None

    @contextmanager
    def ignoring_errors(self) -> Iterator[None]:
        """Pass over CUDA's errors, for what is thrown away after another error."""
        with suppress(*self.refusals):
            yield

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except self._out_of_memory as error:
            raise DeviceError(
                f"{self.name} has not enough memory: {one_line(error)}. "
                "Give a smaller batch or smaller layers, or use --device cpu."
            ) from None
        except self._runtime_errors as error:
            self.raise_if_lost(error)
            raise DeviceError(
                f"{self.name}: {one_line(error)}. Look at nvidia-smi, or use --device cpu."
            ) from None


def one_line(error: Exception) -> str:
    """Return an error's text without line breaks."""
    return " ".join(str(error).split())
