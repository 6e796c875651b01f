"""Waiting for a condition instead of for a time."""

import os
import time

# How much longer than usual to wait for what must happen: sanitizers are slow.
PATIENCE = float(os.environ.get("SLUICE_TEST_PATIENCE", "1"))
TIMEOUT = 10 * PATIENCE


def wait_for(condition, what, timeout=TIMEOUT):
    """Calls `condition` until it gives something true, and returns that."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:.0f} s: {what}")
        time.sleep(0.01)
