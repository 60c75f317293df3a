#!/usr/bin/env python3
"""Collect Elexon BMRS and NESO data into Cloud Storage, a gzip object of raw JSON records for each settlement day.

Only days that are missing, or that the source has revised since they were fetched, are asked for; a run can be
stopped and started again at any time. Every answer is compared with what was asked before anything is stored.
"""

from __future__ import annotations

from collector.base import early
from collector.base.names import DOWNLOADER as PROG

if __name__ == "__main__":
    early.heed(PROG)

import argparse
import sys

from collector import command_line
from collector.base.errors import DONE
from collector.base.names import DEFAULT_DAYS, DEFAULT_WORKERS
from collector.base.screen import screen
from collector.command_line import (
    Parser,
    add_common_arguments,
    add_output_arguments,
    list_datasets,
    new_file,
    seconds,
    whole_number,
)

# Update these when the APIs move; the environment variables of the same names override them.
ELEXON_BASE_URL = "https://data.elexon.co.uk/bmrs/api/v1"
CARBON_INTENSITY_BASE_URL = "https://api.carbonintensity.org.uk"
NESO_PORTAL_BASE_URL = "https://api.neso.energy"
BASE_URLS = {
    "ELEXON_BASE_URL": ELEXON_BASE_URL,
    "CARBON_INTENSITY_BASE_URL": CARBON_INTENSITY_BASE_URL,
    "NESO_PORTAL_BASE_URL": NESO_PORTAL_BASE_URL,
}


def build_parser() -> argparse.ArgumentParser:
    """The flags."""
    parser = Parser(
        prog=PROG,
        usage=f"{PROG} [options]",
        description="Collect Elexon BMRS and NESO data into Cloud Storage: one object of raw\nJSON records for each dataset and settlement day.",
        epilog=(
            "examples:\n"
            f"  {PROG} --datasets frequency \\\n      --start-date 2024-01-01\n"
            f"  {PROG} --datasets market_index \\\n      --start-date 2022-01-01 --end-date 2022-12-31 --max-days 31\n"
            f"  {PROG} --dry-run\n\n"
            "exit codes: 0 all done, 1 some days failed, 2 wrong use or set-up,\n            130 stopped by Ctrl-C, 143 by SIGTERM"
        ),
    )
    add_common_arguments(parser)
    how = parser.add_argument_group("how")
    how.add_argument(
        "--max-days",
        type=whole_number(1, 366),
        default=DEFAULT_DAYS,
        metavar="N",
        help=f"most days in one API request (default: {DEFAULT_DAYS})",
    )
    how.add_argument(
        "--max-workers",
        type=whole_number(1, 64),
        default=DEFAULT_WORKERS,
        metavar="N",
        help=f"most requests at one time (default: {DEFAULT_WORKERS})",
    )
    how.add_argument(
        "--request-delay",
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="least time between requests (default: 0, as fast as the API allows)",
    )
    how.add_argument("--force", action="store_true", help="fetch even what is stored and settled")
    how.add_argument("--dry-run", action="store_true", help="show the plan and its cost; change nothing")
    how.add_argument(
        "--probe",
        action="store_true",
        help="instead: ask each source a little and compare it with the registry; store nothing",
    )
    how.add_argument(
        "--output",
        choices=["text", "json"],
        default="text",
        help="with --probe: for people or for machines (default: text)",
    )
    # The deploy script's: whether the sources are alive, before anything is begun; for the programs of the run in FILE.
    how.add_argument("--check-source", type=new_file, metavar="FILE", help=argparse.SUPPRESS)
    add_output_arguments(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the downloader. Returns the exit code; raises UsageError for wrong use or set-up."""
    arguments = build_parser().parse_args(argv)
    if arguments.list_datasets:
        print(list_datasets(screen(sys.stdout)))
        return DONE
    # Help and wrong flags are told before the settings and the calendar are there,
    from collector import program

    program.go_on_in_environment()
    settings, tasks = program.settings_of(arguments, BASE_URLS), program.tasks_of(arguments)
    # and wrong settings and dates before the libraries of the work, which take 0.3 s.
    from collector import downloader as work

    run = work.begin(arguments, settings, tasks)
    if arguments.check_source:
        return work.check_source(run)
    if arguments.probe:
        return work.probe(run)
    if arguments.dry_run:
        return work.tell_plan(run)
    return work.download(run)


if __name__ == "__main__":
    command_line.run(PROG, lambda: main(sys.argv[1:]))
