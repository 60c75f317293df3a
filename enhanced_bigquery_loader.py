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
from functools import partial
from pathlib import Path

from collector import command_line
from collector.base.errors import DONE, FAILED, UsageError
from collector.base.screen import screen
from collector.command_line import (
    Parser,
    add_common_arguments,
    add_output_arguments,
    check_status_flags,
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
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the loader. Returns the exit code; raises UsageError for wrong use or set-up."""
    arguments = build_parser().parse_args(argv)
    if arguments.list_datasets:
        print(list_datasets(screen(sys.stdout)))
        return DONE
    go_on_in_environment()
    from collector.program import flags_of, tasks_of
    from collector.settings import load_settings, require_places, warn_if_exposed

    settings, tasks = load_settings(flags_of(arguments), BASE_URLS), tasks_of(arguments)
    _refuse_mixtures(arguments)
    # The libraries of the work take 0.3 s, for which nothing above has to wait.
    from collector.base.gb_calendar import utc_now
    from collector.base.process import Stop, start_logging, together
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
    shown = screen(sys.stdout, arguments.verbose)
    plan = partial(plan_text, tasks, force=arguments.force, location=settings.location, screen=shown)
    connections = max(16, arguments.max_workers)
    try:
        storage, client = storage_client(settings, connections), bigquery_client(settings, connections)
    except NoCredentials:
        if not arguments.dry_run or arguments.export_parquet:
            raise
        print(plan(None))
        return DONE
    require_places(settings)
    is_writing = arguments.check_setup or (arguments.export_parquet and not arguments.dry_run)
    permissions = refusals.OBJECTS if is_writing else refusals.TO_READ_OBJECTS
    bucket, home = stop.attend(
        lambda: together(lambda: find_bucket(storage, settings, permissions), lambda: find_dataset(client, settings))
    )
    check_locations(bucket, home, settings)
    warn_if_exposed(settings)
    store, warehouse = DayStore(bucket), Warehouse(client, home, stop)
    if arguments.check_setup:
        stop.attend(lambda: check_warehouse(client, home, LEDGER, settings))
        for line in warnings(settings, utc_now()):
            print(f"WARNING {line}")
        return _survey(tasks, warehouse, store, arguments) if arguments.survey else DONE
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
    if arguments.export_parquet:
        return _export(tasks, warehouse, store, arguments)
    if arguments.dry_run:
        print(plan((warehouse, store)))
        return DONE
    return _load(tasks, warehouse, store, arguments)


def _refuse_mixtures(arguments: argparse.Namespace) -> None:
    """Raises UsageError for flags that do not go together."""
    for flag in ("--output json", "--report", "--without-source", "--counts-only", "--since"):
        given = vars(arguments)[flag[2:].partition(" ")[0].replace("-", "_")]
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
    for check, asked in (("--status", arguments.status), ("--load-revisions", arguments.load_revisions), ("--update-views", arguments.update_views), ("--verify", arguments.verify), ("--validate-schema", arguments.validate_schema), ("--update-schema", arguments.update_schema)):  # fmt: skip
        for flag, given in (("--force", arguments.force), ("--dry-run", arguments.dry_run)):
            if asked and given:
                hint = "; --validate-schema shows what it would change" if check == "--update-schema" else ""
                raise UsageError(f"{flag} goes with loading, not with {check}; leave one of them out{hint}")
    if arguments.export_parquet and arguments.force:
        raise UsageError(
            "--force goes with loading, not with --export-parquet; to have a file written again, delete it"
        )


def _survey(tasks: Sequence[Task], warehouse: Warehouse, store: DayStore, arguments: argparse.Namespace) -> int:
    from collector.base.process import log
    from collector.verify.survey import survey

    stop, only_verify = warehouse.stop, arguments.survey == "verify"
    try:
        for line in stop.attend(lambda: survey(tasks, warehouse, store, stop, arguments.since, only_verify)):
            print(line)
    except Exception as error:
        # The set-up is right; what each dataset needs its own programs find out.
        stop.check()
        log.debug("no survey: %s", error)
    return DONE


def _load(tasks: Sequence[Task], warehouse: Warehouse, store: DayStore, arguments: argparse.Namespace) -> int:
    from collector.base import tally
    from collector.base.gb_calendar import utc_now
    from collector.base.process import log
    from collector.base.progress import Progress
    from collector.warehouse.load import Load
    from collector.warehouse.outcome import Result, summary

    stop, results = warehouse.stop, []
    with Progress(arguments.quiet, [task.share for task in tasks]) as progress:
        for task in tasks:
            progress.begin()
            key, began = task.dataset.key, utc_now()
            results.append(
                Load(task, warehouse, store, progress, workers=arguments.max_workers, force=arguments.force).run()
            )
            tally.note(key, began, results[-1].cause, jobs=warehouse.jobs[key], bytes_billed=warehouse.billed[key])
            if stop.is_set:
                break
    results += [Result(task.dataset, is_begun=False) for task in tasks[len(results) :]]
    print(summary(results, screen(sys.stdout, arguments.verbose)))
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
    from collector.base.gb_calendar import utc_now
    from collector.base.outcomes import logs_of, read_outcomes, reason
    from collector.base.process import log
    from collector.base.progress import Progress
    from collector.verify.remedies import Commands
    from collector.verify.report import Run, write_report
    from collector.verify.run_end import close_run
    from collector.verify.source_counts import source_api
    from collector.verify.telling import log_findings, log_gaps, verification_json, verification_text
    from collector.verify.verification import verify_all

    began, now, stop = time.monotonic(), utc_now(), warehouse.stop
    api = None if arguments.without_source else source_api(settings, stop)
    try:
        with Progress(arguments.quiet) as progress:
            progress.begin()
            line = progress.line("verify", len(tasks), "datasets")
            found = stop.attend(
                lambda: verify_all(
                    tasks, warehouse, store, api, stop, not arguments.counts_only, arguments.since, line.update
                )
            )
    except Stopped:
        return 128 + stop.signal_number
    ok, commands = all(v.ok for v in found), Commands.of(settings, arguments.chain)
    for v in found:
        v.commands = commands.to_mend([v])
    asked = min(task.first for task in tasks), max(task.last for task in tasks)
    seconds = time.monotonic() - began
    if arguments.output == "json":
        log_gaps(found)
        log_findings(found)
        print(json.dumps(verification_json(found, *asked, now)))
    else:
        print(verification_text(found, screen(sys.stdout, arguments.verbose)))
    outcomes = read_outcomes(arguments.outcomes) if arguments.outcomes else {}
    if outcomes:
        close_run(tasks, found, outcomes, warehouse, store, settings)
    # Last: what was found is told even where no file can be written.
    if arguments.report:
        # The page stands among the logs of its run, and has its time in its name.
        page, stamp = arguments.report, arguments.report.stem.partition("_")[2]
        # Chains side by side end in any order.
        outcomes = {key: outcomes[key] for task in tasks if (key := task.dataset.key) in outcomes}
        reasons = {key: reason(logs_of(page.parent, key, stamp), key) for key in outcomes}
        write_report(arguments.report, found, settings, Run(*asked, now, seconds, commands, outcomes, reasons))
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


def _export(tasks: Sequence[Task], warehouse: Warehouse, store: DayStore, arguments: argparse.Namespace) -> int:
    from collector.base.errors import Stopped
    from collector.base.process import log
    from collector.warehouse.export import Export, Result, told

    stop, results = warehouse.stop, list[Result]()
    try:
        for task in tasks:
            export = Export(task, warehouse, store)
            work = export.look if arguments.dry_run else partial(export.run, arguments.max_workers)
            results.append(stop.attend(work))
    except Stopped:
        log.warning("stopped; the same command again goes on where this one ended")
        return 128 + stop.signal_number
    print(
        told(results, warehouse.home.location, is_plan=arguments.dry_run, screen=screen(sys.stdout, arguments.verbose))
    )
    return FAILED if any(result.outcome.result.failed for result in results) else DONE


def _views(warehouse: Warehouse, dataset_id: str) -> int:
    from collector.warehouse.views import update_views
    from datasets_config import REGISTRY

    made, before, left, refused = warehouse.stop.attend(
        lambda: update_views(warehouse, list(REGISTRY.values()), dataset_id)
    )
    earlier = f"; {before} of them by an earlier run" if before else ""
    print("\n".join([f"{len(made)} views made: {', '.join(made) or 'none'}{earlier}", *left, *refused]))
    return FAILED if refused else DONE


if __name__ == "__main__":
    command_line.run(PROG, lambda: main(sys.argv[1:]))
