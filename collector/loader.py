"""What the loader does once its arguments are read: find bucket and tables, tell the plan, load.

The libraries of the work are imported here, at once; enhanced_bigquery_loader.py imports this when it has use for it.
"""

from __future__ import annotations

from collector.base import tally
from collector.base.errors import DONE, FAILED
from collector.base.gb_calendar import utc_now
from collector.base.process import together
from collector.base.progress import Progress
from collector.cloud import refusals
from collector.cloud.bucket import find_bucket, storage_client
from collector.cloud.clients import NoCredentials
from collector.cloud.dataset import bigquery_client, check_locations, find_dataset
from collector.run import Run
from collector.run import begin as begin
from collector.settings import require_places, warn_if_exposed
from collector.storage.day_objects import DayStore
from collector.verify.plan import plan_text
from collector.warehouse.load import Load
from collector.warehouse.outcome import Result, summary
from collector.warehouse.tables import Warehouse


def connect(run: Run) -> tuple[Warehouse, DayStore]:
    """The tables and the bucket. Raises UsageError, NoCredentials."""
    settings, asked = run.settings, run.arguments
    connections = max(16, asked.max_workers)
    storage, client = storage_client(settings, connections), bigquery_client(settings, connections)
    require_places(settings)
    is_writing = asked.check_setup or (asked.export_parquet and not asked.dry_run)
    permissions = refusals.OBJECTS if is_writing else refusals.TO_READ_OBJECTS
    bucket, home = run.stop.attend(
        lambda: together(lambda: find_bucket(storage, settings, permissions), lambda: find_dataset(client, settings))
    )
    check_locations(bucket, home, settings)
    warn_if_exposed(settings)
    return Warehouse(client, home, run.stop), DayStore(bucket)


def tell_plan(run: Run) -> int:
    """What would be loaded and what that costs; without credentials as if nothing were stored or loaded."""
    try:
        places = connect(run)
    except NoCredentials:
        places = None
    asked = run.arguments
    print(plan_text(run.tasks, places, force=asked.force, location=run.settings.location, screen=run.screen))
    return DONE


def load(run: Run, warehouse: Warehouse, store: DayStore) -> int:
    """Load, one dataset after the other, and tell what became of each."""
    asked, results = run.arguments, list[Result]()
    with Progress(asked.quiet, [task.share for task in run.tasks]) as progress:
        for task in run.tasks:
            progress.begin()
            key, began = task.dataset.key, utc_now()
            work = Load(task, warehouse, store, progress, workers=asked.max_workers, force=asked.force)
            results.append(work.run())
            tally.note(key, began, results[-1].cause, jobs=warehouse.jobs[key], bytes_billed=warehouse.billed[key])
            if run.stop.is_set:
                break
    results += [Result(task.dataset, is_begun=False) for task in run.tasks[len(results) :]]
    print(summary(results, run.screen))
    if run.stop.is_set:
        return run.stopped()
    return FAILED if any(result.failed or result.nothing for result in results) else DONE
