"""CUDA's errors, with the names and texts that the real package gives them."""

from __future__ import annotations

INVALID_VALUE, INSUFFICIENT_DRIVER, NO_DEVICE, INVALID_DEVICE = 1, 35, 100, 101
INVALID_HANDLE, ILLEGAL_STATE, NOT_FOUND = 400, 401, 500
ILLEGAL_ADDRESS, LAUNCH_FAILURE = 700, 719  # these and their kin end the context
CAPTURE_UNSUPPORTED, CAPTURE_INVALIDATED, CAPTURE_ISOLATION = 900, 901, 905
CAPTURE_IMPLICIT, CAPTURED_EVENT, UNKNOWN = 906, 907, 999

RUNTIME_TEXTS = {
    INVALID_VALUE: "cudaErrorInvalidValue: invalid argument",
    INSUFFICIENT_DRIVER: (
        "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version"
    ),
    NO_DEVICE: "cudaErrorNoDevice: no CUDA-capable device is detected",
    INVALID_DEVICE: "cudaErrorInvalidDevice: invalid device ordinal",
    INVALID_HANDLE: "cudaErrorInvalidResourceHandle: invalid resource handle",
    ILLEGAL_STATE: "cudaErrorIllegalState: the operation cannot be performed in the present state",
    ILLEGAL_ADDRESS: "cudaErrorIllegalAddress: an illegal memory access was encountered",
    LAUNCH_FAILURE: "cudaErrorLaunchFailure: unspecified launch failure",
    CAPTURE_UNSUPPORTED: (
        "cudaErrorStreamCaptureUnsupported: operation not permitted when stream is capturing"
    ),
    CAPTURE_INVALIDATED: (
        "cudaErrorStreamCaptureInvalidated: operation failed due to a previous error during capture"
    ),
    CAPTURE_ISOLATION: (
        "cudaErrorStreamCaptureIsolation: dependency created on uncaptured work in another stream"
    ),
    CAPTURE_IMPLICIT: (
        "cudaErrorStreamCaptureImplicit: operation would make the legacy stream depend on a"
        " capturing blocking stream"
    ),
    CAPTURED_EVENT: (
        "cudaErrorCapturedEvent: operation not permitted on an event last recorded in a capturing"
        " stream"
    ),
    UNKNOWN: "cudaErrorUnknown: unknown error",
}
DRIVER_TEXTS = {
    INVALID_VALUE: "CUDA_ERROR_INVALID_VALUE: invalid argument",
    INVALID_HANDLE: "CUDA_ERROR_INVALID_HANDLE: invalid resource handle",
    NOT_FOUND: "CUDA_ERROR_NOT_FOUND: named symbol not found",
    ILLEGAL_ADDRESS: "CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was encountered",
    CAPTURE_INVALIDATED: (
        "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED: operation failed due to a previous error during"
        " capture"
    ),
    CAPTURE_UNSUPPORTED: (
        "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED: operation not permitted when stream is capturing"
    ),
    CAPTURE_IMPLICIT: (
        "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT: operation would make the legacy stream depend on a"
        " capturing blocking stream"
    ),
}


class CUDARuntimeError(RuntimeError):
    """An error of the CUDA runtime; ``status`` is its number."""

    def __init__(self, status):
        self.status = status
        super().__init__(
            RUNTIME_TEXTS.get(status, f"cudaError{status}: an error that was asked for")
        )


class CUDADriverError(RuntimeError):
    """An error of the CUDA driver, under which kernels are launched; ``status`` is its number."""

    def __init__(self, status):
        self.status = status
        super().__init__(DRIVER_TEXTS[status])


class MisuseError(AssertionError):
    """What the real device would not notice, or would answer with garbage: a fault of the program
    under test.

    It is none of CUDA's errors, so that no fall-back takes it for a device that fails.
    """


def explained(error: Exception, why: str) -> Exception:
    """Return an error of CUDA's with a note that says more than CUDA would."""
    error.add_note(f"emulation: {why}")
    return error
