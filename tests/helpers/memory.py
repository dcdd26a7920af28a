"""A limit for the memory that a block of code takes."""

import contextlib
import re
from pathlib import Path

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def resident(name, status=_STATUS):
    """Bytes of memory of the process now (`VmRSS`), or at its peak (`VmHWM`)."""
    return int(re.search(rf"{name}:\s+(\d+) kB", status.read_text())[1]) << 10


@contextlib.contextmanager
def at_most(limit):
    """Checks that a block takes less than `limit` bytes of memory; only Linux can reset the peak."""
    if not _RESET.exists():
        yield
        return
    before = resident("VmRSS")
    _RESET.write_text("5")
    yield
    taken = resident("VmHWM") - before
    assert taken < limit, f"{taken >> 20} MB"
