#!/usr/bin/env python3
"""Measure the programs against what network, API and machine allow, side by side in one run.

    python3 benchmarks/run.py [--quick] [--rounds N] [floor cpu memory cores loader workers rerun startup scaling pace bill chains door]

Needs what the tests need (tests/requirements.lock), the emulators of local_cloud.py, and curl. Prints a table of
Markdown: what was measured, the value, the target beside it. All take about 40 minutes.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import bill, chains, door, downloads, loads, pace, startup
from benchmarks.lab import Lab, Row

BENCHES: dict[str, Callable[[Lab], Iterable[Row]]] = {
    "startup": startup.run, "floor": downloads.floor, "cpu": downloads.cpu, "memory": downloads.memory, "cores": downloads.cores, "scaling": downloads.scaling,
    "loader": loads.loader, "workers": loads.workers, "rerun": loads.rerun, "pace": pace.run, "bill": bill.run, "chains": chains.run, "door": door.run,
}  # fmt: skip
_VERDICT = {True: "met", False: "MISSED", None: ""}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="run.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, once each: only to see that everything runs")
    parser.add_argument(
        "--rounds", type=int, default=5, help="medians of so many (default: 5; fewer where one takes minutes)"
    )
    arguments = parser.parse_args(argv)
    unknown = set(arguments.names) - set(BENCHES)
    if unknown:
        parser.error(f"unknown name {min(unknown)!r}; known are {', '.join(BENCHES)}")
    print(
        f"{datetime.now(timezone.utc):%Y-%m-%d %H:%MZ}, Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n"
    )
    print("| Benchmark | What | Measured | Target | |\n|---|---|---|---|---|", flush=True)
    missed = 0
    # So that emulators and files are cleared away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with Lab(arguments.quick, arguments.rounds) as lab:
        for name in arguments.names or BENCHES:
            for row in BENCHES[name](lab):
                print(f"| {row.bench} | {row.what} | {row.value} | {row.target} | {_VERDICT[row.met]} |", flush=True)
                missed += row.met is False
            print(f"{name}: load of the machine now {os.getloadavg()[0]:.1f}", file=sys.stderr)
    print(f"\n{missed} targets missed" if missed else "\nall targets met")
    return 0


if __name__ == "__main__":
    sys.exit(main())
