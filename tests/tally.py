"""Adds up what the suites wrote: tally.py RESULTS SUITE... prints a line for each suite and then
`N passed, N failed` over all. Exit code 1 if anything failed, or if a suite ran nothing."""

import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def cases(path):
    """Counts [passed, failed, skipped] in a JUnit file."""
    counts = [0, 0, 0]
    for case in ElementTree.parse(path).iter("testcase"):
        tags = {child.tag for child in case}
        if case.get("status") == "notrun":
            continue
        counts[1 if tags & {"failure", "error"} else 2 if "skipped" in tags else 0] += 1
    return counts


def unit(results):
    """GoogleTest's cases. A binary that failed without a failed case (it crashed, or a sanitizer
    spoke at its end) is one failed case more."""
    counts = [0, 0, 0]
    for binary in ElementTree.parse(results / "unit.ctest.xml").iter("testcase"):
        failed = binary.find("failure") is not None or binary.get("status") == "fail"
        report = results / "unit" / f"{binary.get('name')}.xml"
        found = cases(report) if report.exists() else [0, 0, 0]
        if failed and not found[1] or not any(found):
            found[1] += 1
        counts = [a + b for a, b in zip(counts, found)]
    return counts


def main():
    results = pathlib.Path(sys.argv[1])
    total = [0, 0, 0]
    for suite in sys.argv[2:]:
        try:
            counts = unit(results) if suite == "unit" else cases(results / f"{suite}.xml")
        except (OSError, ElementTree.ParseError) as error:
            print(f"{suite}: no result: {error}")
            counts = [0, 1, 0]
        if not any(counts):
            print(f"{suite}: ran nothing")
            counts = [0, 1, 0]
        print(f"{suite}: {counts[0]} passed, {counts[1]} failed, {counts[2]} skipped")
        total = [a + b for a, b in zip(total, counts)]
    print(f"{total[0]} passed, {total[1]} failed" + (f", {total[2]} skipped" if total[2] else ""))
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
