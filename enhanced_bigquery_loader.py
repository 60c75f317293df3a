#!/usr/bin/env python3
"""Load day objects from Cloud Storage into BigQuery tables, and check that everything is there.

The data never passes through this machine: BigQuery reads the objects into staging tables and replaces whole days of
a table in one transaction together with the rows of the load ledger. What the ledger has is not loaded again.
"""

from __future__ import annotations

from collector.base import early
from collector.base.names import LOADER as PROG

if __name__ == "__main__":
    early.heed(PROG)

import argparse
import sys
from pathlib import Path
from typing import Any

from collector import command_line
from collector.base.errors import DONE, UsageError
from collector.base.screen import screen
from collector.command_line import (
    Parser,
    add_common_arguments,
    add_output_arguments,
    check_status_flags,
    list_datasets,
    new_file,
    stamp,
    whole_number,
)
from enhanced_elexon_neso_downloader import BASE_URLS

# What it does instead of loading, one at most.
CHECKS = (
    "--check-setup",
    "--status",
    "--verify",
    "--validate-schema",
    "--update-schema",
    "--update-views",
    "--load-revisions",
    "--export-parquet",
)


def build_parser() -> argparse.ArgumentParser:
    """The flags."""
    parser = Parser(
        prog=PROG,
        usage=f"{PROG} [options]",
        description="Load the stored day objects into BigQuery tables; check schemas and\ncompleteness.",
        epilog=(
            "examples:\n"
            f"  {PROG} --datasets frequency --start-date 2024-01-01\n"
            f"  {PROG} --verify --output json\n"
            f"  {PROG} --validate-schema --datasets market_index\n\n"
            "exit codes: 0 all done, 1 some days failed or a check found something,\n            2 wrong use or set-up, 130 stopped by Ctrl-C, 143 by SIGTERM"
        ),
    )
    add_common_arguments(parser)
    how = parser.add_argument_group("how")
    how.add_argument(
        "--max-workers",
        type=whole_number(1, 64),
        default=4,
        metavar="N",
        help="parallel load jobs for each dataset (default: 4)",
    )
    how.add_argument("--force", action="store_true", help="load even what is loaded")
    how.add_argument("--dry-run", action="store_true", help="show the plan and its cost; change nothing")
    _add_checks(parser)
    add_output_arguments(parser)
    _add_arguments_of_checks(parser)
    return parser


def _add_checks(parser: argparse.ArgumentParser) -> None:
    """What it does instead of loading; at most one."""
    checks = parser.add_argument_group("instead of loading").add_mutually_exclusive_group()
    checks.add_argument("--verify", action="store_true", help="compare calendar, objects and tables day by day")
    checks.add_argument(
        "--validate-schema", action="store_true", help="compare registry, tables and the fields of the source"
    )
    checks.add_argument("--update-schema", action="store_true", help="add missing columns, tables and descriptions")
    checks.add_argument(
        "--update-views", action="store_true", help="make the views for analysts anew, of the tables that exist"
    )
    checks.add_argument(
        "--load-revisions",
        action="store_true",
        help="load what restated days held before they were revised, to ask what was known when",
    )
    checks.add_argument(
        "--export-parquet",
        action="store_true",
        help="write finished months into the bucket as Parquet files, those that changed",
    )
    checks.add_argument(
        "--status",
        action="store_true",
        help="how each dataset stands, from metadata alone; 1 if one is overdue",
    )
    # The deploy script's: whether a run can begin; with --survey also which datasets have nothing to do in it.
    checks.add_argument("--check-setup", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--survey", choices=["run", "verify"], help=argparse.SUPPRESS)
    parser.add_argument_group("with --update-views").add_argument(
        "--views-dataset", metavar="NAME", help="the dataset for them (default: that of the tables)"
    )


def _add_arguments_of_checks(parser: argparse.ArgumentParser) -> None:
    """What the checks take."""
    status = parser.add_argument_group("with --status")
    status.add_argument(
        "--max-age",
        type=whole_number(1, 99_999),
        metavar="HOURS",
        help="most that the newest record may be old, where age is usual at all\n(default: each dataset's own limit, and 26 between daily runs)",
    )
    verification = parser.add_argument_group("with --verify, --status")
    verification.add_argument(
        "--output", choices=["text", "json"], default="text", help="for people or for machines (default: text)"
    )
    verification = parser.add_argument_group("with --verify")
    verification.add_argument(
        "--report", type=new_file, metavar="FILE.html", help="also write a coverage report: one page for any browser"
    )
    # The deploy script's: what a page that is drawn at the end of a run cannot know by itself, how long its steps took.
    verification.add_argument("--outcomes", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    # The same of how it was started: what its reader types to have something mended.
    verification.add_argument("--chain", default="", metavar="COMMAND", help=argparse.SUPPRESS)
    # When the run began: what was published since then is read, the rest is verified by metadata.
    verification.add_argument("--since", type=stamp, help=argparse.SUPPRESS)
    verification.add_argument(
        "--counts-only", action="store_true", help="leave out the checks of the values, which read the whole range"
    )
    verification.add_argument(
        "--without-source",
        action="store_true",
        help="do not ask Elexon how many rows it has of each day (BOALF, FREQ, NETBSAD, DISBSAD)",
    )


def main(argv: list[str] | None = None) -> int:
    """Run the loader. Returns the exit code; raises UsageError for wrong use or set-up."""
    arguments = build_parser().parse_args(argv)
    if arguments.list_datasets:
        print(list_datasets(screen(sys.stdout)))
        return DONE
    # Help and wrong flags are told before the settings and the calendar are there,
    from collector import program

    program.go_on_in_environment()
    settings, tasks = program.settings_of(arguments, BASE_URLS), program.tasks_of(arguments)
    _refuse_mixtures(arguments)
    # and wrong settings and dates before the libraries of the work, which take 0.3 s.
    from collector import loader as work

    run = work.begin(arguments, settings, tasks)
    if check := next((flag for flag in CHECKS if _value(arguments, flag)), ""):
        # What a load has no use for.
        from collector import checks

        return checks.BY_FLAG[check](run, *work.connect(run))
    if arguments.dry_run:
        return work.tell_plan(run)
    return work.load(run, *work.connect(run))


def _refuse_mixtures(arguments: argparse.Namespace) -> None:
    """Raises UsageError for flags that do not go together."""
    for flag in ("--output json", "--report", "--without-source", "--counts-only", "--since"):
        given = _value(arguments, flag.partition(" ")[0])
        is_ours = (
            arguments.verify
            or (arguments.status and flag == "--output json")
            or (arguments.survey and flag == "--since")
        )
        if given and given != "text" and not is_ours:
            raise UsageError(f"{flag} goes with --verify; add --verify or leave it out")
    check_status_flags(arguments)
    if arguments.views_dataset and not arguments.update_views:
        raise UsageError("--views-dataset goes with --update-views; add --update-views or leave it out")
    for check in ("--status", "--load-revisions", "--update-views", "--verify", "--validate-schema", "--update-schema"):
        for flag in ("--force", "--dry-run"):
            if _value(arguments, check) and _value(arguments, flag):
                hint = "; --validate-schema shows what it would change" if check == "--update-schema" else ""
                raise UsageError(f"{flag} goes with loading, not with {check}; leave one of them out{hint}")
    if arguments.export_parquet and arguments.force:
        raise UsageError(
            "--force goes with loading, not with --export-parquet; to have a file written again, delete it"
        )


def _value(arguments: argparse.Namespace, flag: str) -> Any:
    return vars(arguments)[flag[2:].replace("-", "_")]


if __name__ == "__main__":
    command_line.run(PROG, lambda: main(sys.argv[1:]))
