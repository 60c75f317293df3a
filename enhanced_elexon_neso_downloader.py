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
import functools
import os
import sys
from pathlib import Path

from collector import command_line
from collector.base.errors import DONE, FAILED
from collector.base.names import DEFAULT_DAYS, DEFAULT_WORKERS
from collector.base.screen import screen
from collector.command_line import (
    Parser,
    add_common_arguments,
    add_output_arguments,
    go_on_in_environment,
    list_datasets,
    new_file,
    seconds,
    whole_number,
)
from collector.registry.model import CARBON, ELEXON, NESO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from collector.base.clock import Clock
    from collector.base.process import Stop
    from collector.days import Task
    from collector.registry.model import Source
    from collector.source.http import Api
    from collector.storage.day_objects import DayStore

# Update these when the APIs move; the environment variables of the same names override them.
ELEXON_BASE_URL = "https://data.elexon.co.uk/bmrs/api/v1"
CARBON_INTENSITY_BASE_URL = "https://api.carbonintensity.org.uk"
NESO_PORTAL_BASE_URL = "https://api.neso.energy"
BASE_URLS = {
    ELEXON.variable: ELEXON_BASE_URL,
    CARBON.variable: CARBON_INTENSITY_BASE_URL,
    NESO.variable: NESO_PORTAL_BASE_URL,
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
    go_on_in_environment()
    from collector.program import flags_of, tasks_of
    from collector.settings import load_settings, require_places, warn_if_exposed

    settings, tasks = load_settings(flags_of(arguments), BASE_URLS), tasks_of(arguments)
    # The libraries of the work take 0.2 s, for which nothing above has to wait.
    from collector.base.clock import Clock
    from collector.base.process import Stop, log, start_logging
    from collector.cloud import refusals
    from collector.cloud.bucket import find_bucket, storage_client
    from collector.cloud.clients import NoCredentials
    from collector.source import state
    from collector.source.http import apis_of
    from collector.source.plan import plan_text
    from collector.storage.day_objects import DayStore

    start_logging(arguments.quiet, arguments.verbose, arguments.log_format == "json")
    stop, clock = Stop(), Clock()
    stop.install()
    apis = apis_of(settings, stop, connections=arguments.max_workers, delay=arguments.request_delay, clock=clock)
    if arguments.check_source:
        print("\n".join(state.check(tasks, apis, arguments.check_source, stop)))
        return DONE
    if arguments.probe:
        return _probe(tasks, apis, stop, arguments)
    plan = functools.partial(
        plan_text, tasks, max_days=arguments.max_days, delay=arguments.request_delay, force=arguments.force, location=settings.location,
        screen=screen(sys.stdout, arguments.verbose),
    )  # fmt: skip
    try:
        client = storage_client(settings, arguments.max_workers, clock)
    except NoCredentials:
        if not arguments.dry_run:
            raise
        print(plan(None))
        return DONE
    require_places(settings)
    permissions = refusals.TO_READ_OBJECTS if arguments.dry_run else refusals.OBJECTS
    store = DayStore(stop.attend(lambda: find_bucket(client, settings, permissions)))
    warn_if_exposed(settings)
    if arguments.dry_run:
        print(plan(store))
        return DONE
    if not settings.api_key:
        log.debug("BMRS_API_KEY is not set; the API needs none")
    return _download(tasks, apis, store, arguments, stop, clock)


def _download(
    tasks: Sequence[Task],
    apis: Mapping[Source, Api],
    store: DayStore,
    arguments: argparse.Namespace,
    stop: Stop,
    clock: Clock,
) -> int:
    from collector.base import tally
    from collector.base.gb_calendar import utc_now
    from collector.base.process import log
    from collector.base.progress import Progress
    from collector.source import state
    from collector.source.download import Download, attempt
    from collector.source.file_download import FileDownload
    from collector.source.http import Traffic
    from collector.source.outcome import Result, summary

    outages = state.known_outages(os.environ.get("COLLECTOR_SOURCE_STATE", ""))
    results = []
    with Progress(arguments.quiet, [task.share for task in tasks]) as progress:
        for task in tasks:
            progress.begin()
            source = task.dataset.source
            kind = FileDownload if task.dataset.files else Download
            began = utc_now()
            results.append(attempt(kind(
                task, apis[source], store, progress, max_days=arguments.max_days, max_workers=arguments.max_workers,
                force=arguments.force, stop=stop, outage=outages.get(source.variable, ""), clock=clock,
            )))  # fmt: skip
            tally.note(task.dataset.key, began, results[-1].cause, **results[-1].counts)
            if stop.is_set:
                break
    results += [Result(task.dataset, Traffic(), is_begun=False) for task in tasks[len(results) :]]
    print(summary(results, screen(sys.stdout, arguments.verbose)))
    if (note := os.environ.get("COLLECTOR_NOTHING_STORED")) and not any(result.stored for result in results):
        # The deploy script's, which spares a dataset the load where there is nothing new to it.
        Path(note).touch()
    if stop.is_set:
        log.warning("stopped; the same command again goes on where this one ended")
        return 128 + stop.signal_number
    return FAILED if any(result.failed or result.alarms for result in results) else DONE


def _probe(tasks: Sequence[Task], apis: Mapping[Source, Api], stop: Stop, arguments: argparse.Namespace) -> int:
    import json

    from collector.base.gb_calendar import utc_now
    from collector.source.probe import CONFIRMED, probe_all, probe_text

    found = stop.attend(lambda: probe_all([task.dataset for task in tasks], apis, stop, utc_now()))
    is_confirmed = all(one.verdict == CONFIRMED for one in found)
    print(
        json.dumps({"datasets": [one.as_json() for one in found], "ok": is_confirmed})
        if arguments.output == "json"
        else probe_text(found, screen(sys.stdout, arguments.verbose))
    )
    return DONE if is_confirmed else FAILED


if __name__ == "__main__":
    command_line.run(PROG, lambda: main(sys.argv[1:]))
