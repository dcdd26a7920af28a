"""Fixtures for the fuzzing tests."""

from pathlib import Path

import pytest

from helpers.strategies import MAX_MEMORY, resident


@pytest.fixture(autouse=True)
def memory():
    """Limits the memory that a test takes; only Linux can reset the peak."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not reset.exists():
        yield
        return
    before = resident(status, "VmRSS")
    reset.write_text("5")
    yield
    assert resident(status, "VmHWM") - before < MAX_MEMORY
