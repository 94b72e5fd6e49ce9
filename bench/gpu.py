"""Who can be measured on a GPU: each library says in its own process which device it finds."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from fastmlp.backend.cuda.device import open_device
from fastmlp.errors import DeviceError

from .contenders import OWN, Contender, LineUp, find_gpu_peers, own_on_gpu
from .place import Place
from .workers import Worker, WorkerError

SMI = "nvidia-smi"
SMI_FIELDS = "name,driver_version,memory.total,power.limit,clocks.max.sm"
SMI_SECONDS = 20  # a driver that hangs is not to hang the bench


def line_up_on_gpu(names: Sequence[str], place: Place, threads: int) -> LineUp:
    """Ask fastmlp and the peers of these names whether they can use a GPU.

    Raises
    ------
    UsageError
        For a name that is not accepted.
    DeviceError
        If fastmlp itself cannot use the device: cause and remedy.
    """
    own = own_on_gpu(place, threads)
    found, missing = find_gpu_peers(names, place, threads)
    try:
        open_device(place.index)
        devices = {OWN: _asked(own)}
    except (DeviceError, WorkerError) as error:
        raise DeviceError(f"device {place.device!r} cannot be measured: {error}") from None
    peers: list[Contender] = []
    for name, contenders in found.items():
        try:
            devices[name] = _asked(contenders[0])
        except WorkerError as error:
            missing[name] = str(error)
        else:
            peers += contenders
    return LineUp([own], peers, missing, devices)


def describe_gpus() -> list[str]:
    """Return a line for each GPU as the driver's own tool describes it, or why there is none."""
    if shutil.which(SMI) is None:
        return [f"{SMI} is not installed: driver and clocks are not known"]
    try:
        done = subprocess.run(
            [SMI, f"--query-gpu={SMI_FIELDS}", "--format=csv,noheader"],
            capture_output=True, text=True, timeout=SMI_SECONDS, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return [f"{SMI} fails, driver and clocks are not known: {error}"]
    return [_gpu_line(number, line) for number, line in enumerate(done.stdout.strip().splitlines())]


def _gpu_line(number: int, line: str) -> str:
    name, driver, memory, power, clock = (part.strip() for part in line.split(","))
    return f"GPU {number}: {name}, driver {driver}, {memory}, {power}, at most {clock}"


def _asked(contender: Contender) -> dict[str, str]:
    with Worker(contender, contender.variants[0], "Device", None) as worker:
        return worker.run(1)[1][0]
