"""What the tests of fuzzing share, made once a module."""

from pathlib import Path

import pytest

from helpers.strategies import MAX_MEMORY, resident


@pytest.fixture(autouse=True)
def memory():
    """A test takes no more memory than it may, beyond what is imported; Linux alone tells a peak anew."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not reset.exists():
        yield
        return
    before = resident(status, "VmRSS")
    reset.write_text("5")
    yield
    assert resident(status, "VmHWM") - before < MAX_MEMORY
