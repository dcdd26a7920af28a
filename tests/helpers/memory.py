"""How much memory a block of code takes at most."""

import contextlib
import re
from pathlib import Path

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def resident(name, status=_STATUS):
    """Bytes of memory that the process has (`VmRSS`), or had at most (`VmHWM`)."""
    return int(re.search(rf"{name}:\s+(\d+) kB", status.read_text())[1]) << 10


@contextlib.contextmanager
def at_most(limit):
    """The block takes no more bytes of memory beyond what is there; Linux alone tells a peak anew."""
    if not _RESET.exists():
        yield
        return
    before = resident("VmRSS")
    _RESET.write_text("5")
    yield
    taken = resident("VmHWM") - before
    assert taken < limit, f"{taken >> 20} MB"
