"""The machine that a result was computed on: processor, cores, memory, package versions, Keras backend."""

from __future__ import annotations

import functools
import logging
import os
import platform
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

DEFAULT_BACKEND = "torch"
_log = logging.getLogger("keras_sentiment")


@functools.cache
def choose_backend() -> None:
    """Makes torch the backend of Keras, unless KERAS_BACKEND names one or Keras is already imported.

    The sub-packages of this library that import Keras call this function first. It logs the backend once.
    `prepare` and `open_corpus` call it too, because a program often imports Keras itself after them. The
    backend in keras.json is ignored: Keras writes tensorflow there by default.
    """
    keras = sys.modules.get("keras")
    if keras is None:
        backend = os.environ.setdefault("KERAS_BACKEND", DEFAULT_BACKEND)
        _log.info("Keras uses the backend %s; to choose another one, set KERAS_BACKEND", backend)
    elif "KERAS_BACKEND" not in os.environ and keras.backend.backend() != DEFAULT_BACKEND:
        _log.warning(
            "Keras was imported earlier and uses the backend %s of keras.json; to choose another one, set "
            "KERAS_BACKEND before Keras is imported",
            keras.backend.backend(),
        )


def machine(packages: Iterable[str]) -> dict[str, Any]:
    """Returns the processor, the number of cores, the system, and the versions of Python and packages."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": package_versions(packages),
    }


def cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available_memory() -> int | None:
    """Returns the bytes of memory that this process can still allocate, or `None` if the system is not Linux.

    The limit of a container (cgroups version 2) is considered too.
    """
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return None
    group = Path("/sys/fs/cgroup")
    try:
        limit, used = (int((group / f"memory.{name}").read_text("ascii")) for name in ("max", "current"))
        stat = dict(line.split() for line in (group / "memory.stat").read_text("ascii").splitlines())
    except (OSError, ValueError):  # there is no container, or it has no limit
        return free
    # The kernel can drop cached files, which count as used.
    return min(free, limit - used + int(stat.get("inactive_file", 0)))


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Returns the version of each of the named packages that is installed."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
