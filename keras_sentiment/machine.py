"""What a figure depends on besides the data: the processor, its cores, the versions, Keras's backend."""

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
    """Takes torch as Keras's backend, unless KERAS_BACKEND names one or Keras is imported already.

    The packages of this library that import Keras call it first, and it says once in the log what was taken.
    `prepare` and `open_corpus` call it too: a program often imports Keras itself after them. What Keras keeps
    in keras.json does not count: it writes tensorflow there by itself.
    """
    keras = sys.modules.get("keras")
    if keras is None:
        backend = os.environ.setdefault("KERAS_BACKEND", DEFAULT_BACKEND)
        _log.info("Keras computes on %s; set KERAS_BACKEND before the first use to change it", backend)
    elif "KERAS_BACKEND" not in os.environ and keras.backend.backend() != DEFAULT_BACKEND:
        _log.warning(
            "Keras was imported before and computes on %s, as keras.json says; to choose, set KERAS_BACKEND "
            "before Keras is imported",
            keras.backend.backend(),
        )


def machine(packages: Iterable[str]) -> dict[str, Any]:
    """Returns the processor, its cores, the system, and the versions of Python and of some packages."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": package_versions(packages),
    }


def cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available_memory() -> int | None:
    """Returns how many bytes this process can still take, or `None` where Linux doesn't tell.

    A container may have less than its machine: that of cgroups, version 2, is read too.
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
    except (OSError, ValueError):  # none, or without a limit
        return free
    return min(free, limit - used + int(stat.get("inactive_file", 0)))  # files that can be read again


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Returns the versions of those packages that are installed."""
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
