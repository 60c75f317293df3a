"""Start-up of --help and --list-datasets beside a bare Python that can parse arguments."""

from __future__ import annotations

import sys

from benchmarks.lab import DOWNLOADER, LOADER, Lab, Ran, Row, median, process, side_by_side


def run(lab: Lab) -> list[Row]:
    """(f) Medians of the wall time of whole processes."""

    def measured(*words: str) -> Ran:
        return process([sys.executable, *words])

    ways = {
        f"{program} {flag}": (program, flag)
        for program in (DOWNLOADER, LOADER)
        for flag in ("--help", "--list-datasets")
    }
    found = side_by_side(
        2 if lab.quick else 25,
        bare=lambda: measured("-c", "import argparse"),
        **{name: (lambda words=words: measured(*words)) for name, words in ways.items()},
    )
    bare = median([ran.wall for ran in found.pop("bare")])
    rows = [Row("startup", 'python3 -c "import argparse"', f"{bare * 1e3:.0f} ms")]
    for name, rans in found.items():
        wall = median([ran.wall for ran in rans])
        rows.append(
            Row("startup", f"{name} ({wall * 1e3:.0f} ms) / bare", f"{wall / bare:.2f}", "< 2", wall / bare < 2)
        )
    return rows
