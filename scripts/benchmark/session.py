"""One session of a benchmark: runs, and the table that they become."""

import random
import shutil
import statistics
import tempfile
from pathlib import Path

from benchmark.process import Cores, Process, say


class Bench:
    """A suite is a kind of this, with

    ROWS, QUICK   what measures each row, by name; the rows of a quick session
    SETTING       a line about what all its rows have in common
    TARGETS       what has to be built
    need()        raises Failure if a program is missing
    begin()       starts what all runs share
    run()         one run of a kind of server: what was measured, as a dictionary
    """

    TARGETS = ()

    def __init__(self, options):
        self.options = options
        self.quick = options.quick
        self.build = Path(options.build_dir)
        self.cores = Cores()
        self.folder = Path(tempfile.mkdtemp(prefix="sluice-bench-"))
        self.lines = []  # of the table
        self.runs = []  # everything that was measured

    def need(self):
        pass

    def begin(self):
        pass

    def run(self, kind, *arguments):
        raise NotImplementedError

    def close(self):
        Process.stop_all()
        shutil.rmtree(self.folder, ignore_errors=True)

    def pairs(self, row, first, second, count, *arguments):
        """Runs of two kinds, each with arguments of its own, in turn; the order is reversed in every other
        pair."""
        results = []
        for n in range(count):
            pair = [None, None]
            for seat in (0, 1) if n % 2 == 0 else (1, 0):
                kind, extra = (first, second)[seat]
                say(f"{row}: pair {n + 1} of {count}: {kind.name} {' '.join(map(str, extra))}".rstrip())
                pair[seat] = self.run(kind, *arguments, *extra)
            results.append(tuple(pair))
        return results

    def line(self, row, case, measured, target, met, note=""):
        self.lines.append({"row": row, "case": case, "measured": measured, "target": target,
                           "met": met, "note": note})


def remark(*texts):
    return "; ".join(text for text in texts if text)


def interval(values):
    """Median and a bootstrap 95 % interval of it."""
    chance = random.Random(1)
    medians = sorted(statistics.median(chance.choices(values, k=len(values))) for _ in range(2000))
    return statistics.median(values), medians[50], medians[1949]


def ratio_text(values, beside):
    median, low, high = interval(values)
    return f"{median:.3f} x {beside} [{low:.3f}, {high:.3f}]"
