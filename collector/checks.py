"""What the loader does instead of loading, see its flags: check, verify, tell, export."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from functools import partial

from collector.base.errors import DONE, FAILED, Stopped
from collector.base.gb_calendar import utc_now
from collector.base.outcomes import logs_of, read_outcomes, reason
from collector.base.process import log
from collector.base.progress import Progress
from collector.cloud.dataset import check_warehouse
from collector.cloud.ending import warnings
from collector.run import Run
from collector.storage.day_objects import DayStore
from collector.verify.remedies import Commands
from collector.verify.report import Run as Reported
from collector.verify.report import write_report
from collector.verify.run_end import close_run
from collector.verify.source_counts import source_api
from collector.verify.status import status_all, status_text
from collector.verify.survey import survey
from collector.verify.telling import log_findings, log_gaps, verification_json, verification_text
from collector.verify.verification import Verification, verify_all
from collector.warehouse import export as parquet
from collector.warehouse import revisions, schema, views
from collector.warehouse.layout import LEDGER
from collector.warehouse.tables import Warehouse
from datasets_config import REGISTRY


def check_setup(run: Run, warehouse: Warehouse, store: DayStore) -> int:
    """Whether a run can begin, and what will soon prevent one; with --survey which datasets have nothing to do in it."""
    asked, stop = run.arguments, run.stop
    stop.attend(lambda: check_warehouse(warehouse.client, warehouse.home, LEDGER, run.settings))
    for line in warnings(run.settings, utc_now()):
        print(f"WARNING {line}")
    if not asked.survey:
        return DONE
    is_only_verified = asked.survey == "verify"
    try:
        for line in stop.attend(lambda: survey(run.tasks, warehouse, store, stop, asked.since, is_only_verified)):
            print(line)
    except Exception as error:
        # The set-up is right; what each dataset needs its own programs find out.
        stop.check()
        log.debug("no survey: %s", error)
    return DONE


def status(run: Run, warehouse: Warehouse, store: DayStore) -> int:
    """How each dataset stands, from metadata alone."""
    now, hours = utc_now(), run.arguments.max_age
    datasets, most = [task.dataset for task in run.tasks], timedelta(hours=hours) if hours else None
    found = run.stop.attend(lambda: status_all(datasets, warehouse, store, now, most))
    ending, ok = warnings(run.settings, now), not any(one.newest.is_overdue for one in found)
    if run.arguments.output == "json":
        print(json.dumps({"datasets": [one.as_json() for one in found], "warnings": ending, "ok": ok}))
    else:
        print(status_text(found, ending, now))
    return DONE if ok else FAILED


def verify(run: Run, warehouse: Warehouse, store: DayStore) -> int:
    """Compare calendar, source, objects and tables; at the end of a deployment also what became of it."""
    asked, began, now = run.arguments, time.monotonic(), utc_now()
    try:
        found = _verified(run, warehouse, store)
    except Stopped:
        return 128 + run.stop.signal_number
    commands = Commands.of(run.settings, asked.chain)
    for v in found:
        v.commands = commands.to_mend([v])
    days = min(task.first for task in run.tasks), max(task.last for task in run.tasks)
    seconds = time.monotonic() - began
    if asked.output == "json":
        log_gaps(found)
        log_findings(found)
        print(json.dumps(verification_json(found, *days, now)))
    else:
        print(verification_text(found, run.screen))
    outcomes = read_outcomes(asked.outcomes) if asked.outcomes else {}
    if outcomes:
        close_run(run.tasks, found, outcomes, warehouse, store, run.settings)
    # Last: what was found is told even where no file can be written.
    if asked.report:
        # The page stands among the logs of its run, and has its time in its name.
        page, stamp = asked.report, asked.report.stem.partition("_")[2]
        # Chains side by side end in any order.
        outcomes = {key: outcomes[key] for task in run.tasks if (key := task.dataset.key) in outcomes}
        reasons = {key: reason(logs_of(page.parent, key, stamp), key) for key in outcomes}
        write_report(page, found, run.settings, Reported(*days, now, seconds, commands, outcomes, reasons))
        log.info("coverage report: %s", page)
    return DONE if all(v.ok for v in found) else FAILED


def _verified(run: Run, warehouse: Warehouse, store: DayStore) -> list[Verification]:
    """Each dataset compared, with a line of progress. Raises Stopped."""
    asked, stop = run.arguments, run.stop
    api = None if asked.without_source else source_api(run.settings, stop)
    with Progress(asked.quiet) as progress:
        progress.begin()
        line = progress.line("verify", len(run.tasks), "datasets")
        content = not asked.counts_only
        return stop.attend(
            lambda: verify_all(run.tasks, warehouse, store, api, stop, content, asked.since, line.update)
        )


def validate_schema(run: Run, warehouse: Warehouse, store: DayStore) -> int:
    """Where registry, tables and the fields of the source differ."""
    differences = [found for task in run.tasks for found in schema.differences_of(task, warehouse, store)]
    print("\n".join(map(str, differences)) or f"no differences in {len(run.tasks)} datasets")
    return FAILED if differences else DONE


def update_schemas(run: Run, warehouse: Warehouse, _store: DayStore) -> int:
    """Add what the tables lack."""
    updates = [schema.update_schema(task, warehouse) for task in run.tasks]
    remaining = [line for _, left in updates for line in left]
    print("\n".join([line for done, _ in updates for line in done] + remaining) or "nothing to add")
    return FAILED if remaining else DONE


def update_views(run: Run, warehouse: Warehouse, _store: DayStore) -> int:
    """Make the views for analysts."""
    dataset_id = run.arguments.views_dataset or ""
    made, before, left, refused = run.stop.attend(
        lambda: views.update_views(warehouse, list(REGISTRY.values()), dataset_id)
    )
    earlier = f"; {before} of them by an earlier run" if before else ""
    print("\n".join([f"{len(made)} views made: {', '.join(made) or 'none'}{earlier}", *left, *refused]))
    return FAILED if refused else DONE


def load_revisions(run: Run, warehouse: Warehouse, store: DayStore) -> int:
    """Load what restated days held before."""
    done, failed = run.stop.attend(lambda: revisions.load_revisions(run.tasks, warehouse, store))
    print("\n".join([*done, *failed]) or "none of these datasets is restated by its source")
    return FAILED if failed else DONE


def export(run: Run, warehouse: Warehouse, store: DayStore) -> int:
    """Write finished months as Parquet files, or tell which would be."""
    asked, results = run.arguments, list[parquet.Result]()
    try:
        for task in run.tasks:
            work = parquet.Export(task, warehouse, store)
            results.append(run.stop.attend(work.look if asked.dry_run else partial(work.run, asked.max_workers)))
    except Stopped:
        return run.stopped()
    print(parquet.told(results, warehouse.home.location, is_plan=asked.dry_run, screen=run.screen))
    return FAILED if any(result.outcome.result.failed for result in results) else DONE


BY_FLAG = {
    "--check-setup": check_setup,
    "--status": status,
    "--verify": verify,
    "--validate-schema": validate_schema,
    "--update-schema": update_schemas,
    "--update-views": update_views,
    "--load-revisions": load_revisions,
    "--export-parquet": export,
}
