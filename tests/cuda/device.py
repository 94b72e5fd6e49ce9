"""Decides once for a test run which cupy is imported: that of a real GPU, or the emulator's."""

import os
import shutil
import sys
from pathlib import Path

PACKAGES = Path(__file__).parents[2] / "tools" / "cuda_emulator" / "packages"
REQUIRED = os.environ.get("FASTMLP_REQUIRE_GPU") == "1"


def has_gpu() -> bool:
    """Return whether the installed CuPy finds a device."""
    try:
        import cupy

        return cupy.cuda.runtime.getDeviceCount() > 0
    except Exception:  # whatever is wrong, there is no GPU to test on
        return False


# nvidia-smi comes with the driver: without it, CuPy is not imported only to be thrown away again.
EMULATED = not REQUIRED and not (shutil.which("nvidia-smi") and has_gpu())
if EMULATED:
    for name in [
        name for name in sys.modules if name.partition(".")[0] in ("cupy", "cupyx", "cuda")
    ]:
        del sys.modules[name]
    sys.path.insert(0, str(PACKAGES))


def why_no_device() -> str:
    """Return why the tests cannot run, or ""; a GPU that is required and missing is an error."""
    if EMULATED:
        return (
            "" if shutil.which("g++") else "the emulated device needs g++, which is not installed"
        )
    if not has_gpu():
        raise RuntimeError("FASTMLP_REQUIRE_GPU=1, but CuPy finds no CUDA device")
    return ""


def environment() -> dict[str, str]:
    """Return the environment in which a process of its own sees the same device."""
    if not EMULATED:
        return dict(os.environ)
    path = os.pathsep.join([str(PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path}
