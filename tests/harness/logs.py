"""Keeps what the processes under test have logged, for the search for tokens at the end of the run."""

import pathlib
import shutil

from harness import secrets

PATTERNS = ("*.log*", "*.out")


def keep(folder):
    """Copies the logs in a test's folder to those of the run."""
    if not secrets.RESULTS:
        return
    logs = pathlib.Path(secrets.RESULTS) / "logs"
    logs.mkdir(exist_ok=True)
    folder = pathlib.Path(folder)
    for path in {path for pattern in PATTERNS for path in folder.rglob(pattern)}:
        if path.is_file():
            shutil.copyfile(path, logs / "-".join([folder.name, *path.relative_to(folder).parts]))
