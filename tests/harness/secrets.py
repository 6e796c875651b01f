"""Tokens of the tests. Each is recorded, so that scripts/test can look for it in every log at the end.

A run under scripts/test records into the folder SLUICE_RESULTS; without that, nothing is recorded.
"""

import os
import pathlib
import secrets

RESULTS = os.environ.get("SLUICE_RESULTS")
SHORTEST = 16  # a shorter one may be found where it never was


def register(token):
    """Records the token, which no log may show from now on, and gives it back."""
    assert len(token) >= SHORTEST and token.isprintable(), f"cannot be looked for: {token!r}"
    if RESULTS:
        # One write with O_APPEND: tests of several processes record at the same time.
        line = (token + "\n").encode()
        file = os.open(pathlib.Path(RESULTS) / "tokens", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        assert os.write(file, line) == len(line)
        os.close(file)
    return token


def make(name):
    """A token that nobody can guess, for configurations and for clients that present a wrong one."""
    return register(f"{name}-{secrets.token_urlsafe(16)}")
