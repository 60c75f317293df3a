#!/usr/bin/env python3
"""Load day objects from Cloud Storage into BigQuery tables, and check that everything is there.

The data never passes through this machine: BigQuery reads the objects into staging tables and replaces whole days of
a table in one transaction together with the rows of the load ledger. What the ledger has is not loaded again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from collector import command_line
from collector.base.errors import DONE, FAILED, UsageError
from collector.base.names import LOADER as PROG
from collector.command_line import (
    Parser,
    add_common_arguments,
    add_output_arguments,
    go_on_in_environment,
    list_datasets,
    new_file,
    stamp,
    whole_number,
)
from enhanced_elexon_neso_downloader import BASE_URLS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from collector.days import Task
    from collector.settings import Settings
    from collector.storage.day_objects import DayStore
    from collector.warehouse.tables import Warehouse


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
        "--status",
        action="store_true",
        help="how each dataset stands, from metadata alone; 1 if one is overdue",
    )
    checks.add_argument("--check-setup", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument_group("with --update-views").add_argument(
        "--views-dataset", metavar="NAME", help="the dataset for them (default: that of the tables)"
    )
    add_output_arguments(parser)
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
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the loader. Returns the exit code; raises UsageError for wrong use or set-up."""
    arguments = build_parser().parse_args(argv)
    if arguments.list_datasets:
        print(list_datasets())
        return DONE
    go_on_in_environment()
    from collector.program import flags_of, tasks_of
    from collector.settings import load_settings, require_places, warn_if_exposed

    settings, tasks = load_settings(flags_of(arguments), BASE_URLS), tasks_of(arguments)
    _refuse_mixtures(arguments)
    # The libraries of the work take 0.3 s, for which nothing above has to wait.
    from collector.base.gb_calendar import utc_now
    from collector.base.process import Stop, start_logging
    from collector.cloud import refusals
    from collector.cloud.bucket import find_bucket, storage_client
    from collector.cloud.clients import NoCredentials
    from collector.cloud.dataset import bigquery_client, check_locations, check_warehouse, find_dataset
    from collector.cloud.ending import warnings
    from collector.storage.day_objects import DayStore
    from collector.verify.plan import plan_text
    from collector.warehouse.layout import LEDGER
    from collector.warehouse.tables import Warehouse

    start_logging(arguments.quiet, arguments.verbose, arguments.log_format == "json")
    stop = Stop()
    stop.install()
    connections = max(16, arguments.max_workers)
    try:
        storage, client = storage_client(settings, connections), bigquery_client(settings, connections)
    except NoCredentials:
        if not arguments.dry_run:
            raise
        print(plan_text(tasks, None, force=arguments.force, location=settings.location))
        return DONE
    require_places(settings)
    permissions = refusals.OBJECTS if arguments.check_setup else refusals.TO_READ_OBJECTS
    bucket = stop.attend(lambda: find_bucket(storage, settings, permissions))
    home = stop.attend(lambda: find_dataset(client, settings))
    check_locations(bucket, home, settings)
    warn_if_exposed(settings)
    store, warehouse = DayStore(bucket), Warehouse(client, home, stop)
    if arguments.check_setup:
        stop.attend(lambda: check_warehouse(client, home, LEDGER, settings))
        for warning in warnings(settings, utc_now()):
            print(warning)
        return DONE
    if arguments.status:
        return _status(tasks, warehouse, store, arguments, settings)
    if arguments.verify:
        return _verify(tasks, warehouse, store, arguments, settings)
    if arguments.validate_schema or arguments.update_schema:
        return _schemas(tasks, warehouse, store, update=arguments.update_schema)
    if arguments.update_views:
        return _views(warehouse, arguments.views_dataset or "")
    if arguments.load_revisions:
        return _revisions(tasks, warehouse, store)
    if arguments.dry_run:
        print(plan_text(tasks, (warehouse, store), force=arguments.force, location=settings.location))
        return DONE
    return _load(tasks, warehouse, store, arguments)


def _refuse_mixtures(arguments: argparse.Namespace) -> None:
    """Raises UsageError for flags that do not go together."""
    for flag in ("--output json", "--report", "--without-source", "--counts-only", "--since"):
        given = vars(arguments)[flag[2:].partition(" ")[0].replace("-", "_")]
        if given and given != "text" and not arguments.verify and not (arguments.status and flag == "--output json"):
            raise UsageError(f"{flag} goes with --verify; add --verify or leave it out")
    if arguments.max_age and not arguments.status:
        raise UsageError("--max-age goes with --status; add --status or leave it out")
    if arguments.status and (arguments.start_date or arguments.end_date):
        raise UsageError("--status is of now; leave --start-date and --end-date out")
    if arguments.views_dataset and not arguments.update_views:
        raise UsageError("--views-dataset goes with --update-views; add --update-views or leave it out")
    for check, asked in (("--status", arguments.status), ("--load-revisions", arguments.load_revisions), ("--update-views", arguments.update_views), ("--verify", arguments.verify), ("--validate-schema", arguments.validate_schema), ("--update-schema", arguments.update_schema)):  # fmt: skip
        for flag, given in (("--force", arguments.force), ("--dry-run", arguments.dry_run)):
            if asked and given:
                hint = "; --validate-schema shows what it would change" if check == "--update-schema" else ""
                raise UsageError(f"{flag} goes with loading, not with {check}; leave one of them out{hint}")


def _load(tasks: Sequence[Task], warehouse: Warehouse, store: DayStore, arguments: argparse.Namespace) -> int:
    from collector.base import tally
    from collector.base.gb_calendar import utc_now
    from collector.base.process import log
    from collector.base.progress import Progress
    from collector.warehouse.load import Load
    from collector.warehouse.outcome import summary

    stop, results = warehouse.stop, []
    with Progress(arguments.quiet) as progress:
        for task in tasks:
            key, began = task.dataset.key, utc_now()
            results.append(
                Load(task, warehouse, store, progress, workers=arguments.max_workers, force=arguments.force).run()
            )
            tally.note(key, began, results[-1].cause, jobs=warehouse.jobs[key], bytes_billed=warehouse.billed[key])
            if stop.is_set:
                break
    print(summary(results))
    if stop.is_set:
        log.warning("stopped; the same command again goes on where this one ended")
        return 128 + stop.signal_number
    return FAILED if any(result.failed or result.nothing for result in results) else DONE


def _verify(
    tasks: Sequence[Task], warehouse: Warehouse, store: DayStore, arguments: argparse.Namespace, settings: Settings
) -> int:
    import json
    import time

    from collector.base.errors import Stopped
    from collector.base.outcomes import read_outcomes
    from collector.base.process import log
    from collector.verify.report import write_report
    from collector.verify.run_end import close_run
    from collector.verify.source_counts import source_api
    from collector.verify.telling import log_findings, log_gaps, verification_text
    from collector.verify.verification import verify_all

    began, stop = time.monotonic(), warehouse.stop
    api = None if arguments.without_source else source_api(settings, stop)
    try:
        found = stop.attend(
            lambda: verify_all(tasks, warehouse, store, api, stop, not arguments.counts_only, arguments.since)
        )
    except Stopped:
        return 128 + stop.signal_number
    ok = all(v.ok for v in found)
    seconds = time.monotonic() - began
    if arguments.output == "json":
        log_gaps(found)
        log_findings(found)
        print(json.dumps({"datasets": [v.as_json() for v in found], "ok": ok}))
    else:
        print(verification_text(found))
    outcomes = read_outcomes(arguments.outcomes) if arguments.outcomes else {}
    if outcomes:
        close_run(tasks, found, outcomes, warehouse, store, settings)
    # Last: what was found is told even where no file can be written.
    if arguments.report:
        write_report(
            arguments.report, found, settings, seconds, {key: outcome.seconds for key, outcome in outcomes.items()}
        )
        log.info("coverage report: %s", arguments.report)
    return DONE if ok else FAILED


def _status(
    tasks: Sequence[Task], warehouse: Warehouse, store: DayStore, arguments: argparse.Namespace, settings: Settings
) -> int:
    import json
    from datetime import timedelta

    from collector.base.gb_calendar import utc_now
    from collector.cloud.ending import warnings
    from collector.verify.status import status_all, status_text

    now, most = utc_now(), timedelta(hours=arguments.max_age) if arguments.max_age else None
    datasets = [task.dataset for task in tasks]
    found = warehouse.stop.attend(lambda: status_all(datasets, warehouse, store, now, most))
    ending, ok = warnings(settings, now), not any(one.newest.is_overdue for one in found)
    if arguments.output == "json":
        print(json.dumps({"datasets": [one.as_json() for one in found], "warnings": ending, "ok": ok}))
    else:
        print(status_text(found, ending, now))
    return DONE if ok else FAILED


def _schemas(tasks: Sequence[Task], warehouse: Warehouse, store: DayStore, update: bool) -> int:
    from collector.warehouse.schema import differences_of, update_schema

    if not update:
        differences = [difference for task in tasks for difference in differences_of(task, warehouse, store)]
        print("\n".join(map(str, differences)) or f"no differences in {len(tasks)} datasets")
        return FAILED if differences else DONE
    updates = [update_schema(task, warehouse) for task in tasks]
    remaining = [line for _, left in updates for line in left]
    print("\n".join([line for done, _ in updates for line in done] + remaining) or "nothing to add")
    return FAILED if remaining else DONE


def _revisions(tasks: Sequence[Task], warehouse: Warehouse, store: DayStore) -> int:
    from collector.warehouse.revisions import load_revisions

    done, failed = warehouse.stop.attend(lambda: load_revisions(tasks, warehouse, store))
    print("\n".join([*done, *failed]) or "none of these datasets is restated by its source")
    return FAILED if failed else DONE


def _views(warehouse: Warehouse, dataset_id: str) -> int:
    from collector.warehouse.views import update_views
    from datasets_config import REGISTRY

    made, left, refused = warehouse.stop.attend(lambda: update_views(warehouse, list(REGISTRY.values()), dataset_id))
    print("\n".join([f"{len(made)} views made: {', '.join(made) or 'none'}", *left, *refused]))
    return FAILED if refused else DONE


if __name__ == "__main__":
    command_line.run(PROG, lambda: main(sys.argv[1:]))
