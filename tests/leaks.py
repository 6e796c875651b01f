"""Looks for the tokens of the tests in everything that was logged: leaks.py RESULTS [--partial].

The tests record each token in RESULTS/tokens (harness/secrets.py) and keep each log in RESULTS/logs
(harness/logs.py). The verdict is one test case in RESULTS/leaks.xml. A run that recorded no tokens or
no logs fails, since then nothing was looked at; with --partial, for a choice of tests, it is skipped.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse
import xml.etree.ElementTree as ElementTree


def spellings(token):
    """The token as a log may write it: as it is, percent-encoded, escaped within JSON."""
    encoded = urllib.parse.quote(token, safe="")
    yield from {token, encoded, encoded.lower(), urllib.parse.quote_plus(token),
                urllib.parse.quote(token, safe="/:@!$'()*,;"), json.dumps(token)[1:-1],
                json.dumps(token)[1:-1].replace("/", "\\/")}


def search(tokens, logs):
    """The lines that show a token, as `file:number:line`."""
    with tempfile.NamedTemporaryFile("w") as patterns:
        patterns.writelines(f"{text}\n" for token in tokens for text in spellings(token))
        patterns.flush()
        done = subprocess.run(["grep", "-rnaFf", patterns.name, "."], cwd=logs,
                              capture_output=True, text=True, errors="replace")
    if done.returncode > 1:
        raise RuntimeError(done.stderr)
    return done.stdout.splitlines()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--partial", action="store_true")
    arguments = parser.parse_args()
    tokens_path, logs = arguments.results / "tokens", arguments.results / "logs"
    tokens = set(tokens_path.read_text().splitlines()) if tokens_path.exists() else set()
    files = sum(path.stat().st_size > 0 for path in logs.iterdir()) if logs.exists() else 0

    case = ElementTree.Element("testcase", classname="leaks", name="no_log_shows_a_token")
    if not tokens or not files:
        verdict = f"nothing to look for: {len(tokens)} tokens, {files} logs"
        ElementTree.SubElement(case, "skipped" if arguments.partial else "failure", message=verdict)
    elif lines := search(tokens, logs):
        text = "\n".join(lines[:50])
        verdict = "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
        ElementTree.SubElement(case, "failure", message=f"{len(lines)} lines").text = verdict
    else:
        verdict = f"none of {len(tokens)} tokens is in {files} logs"
    print(verdict)
    suite = ElementTree.Element("testsuite", name="leaks")
    suite.append(case)
    ElementTree.ElementTree(suite).write(arguments.results / "leaks.xml")
    return 0


if __name__ == "__main__":
    sys.exit(main())
